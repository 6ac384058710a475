"""Walking without dynamics."""

from loci.sim.backends.kinematic.backend import KinematicBackend

__all__ = ["KinematicBackend"]
