"""Rigid body dynamics by the Bullet engine."""

from loci.sim.backends.pybullet.backend import PybulletBackend

__all__ = ["PybulletBackend"]
