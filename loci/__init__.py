"""Loci: agents that live in simulated 3D worlds remember."""

from loci.sim.register import register_tasks

__version__ = "0.1.0"

register_tasks()
