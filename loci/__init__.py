"""Loci: agents that live in simulated 3D worlds remember."""

__version__ = "0.1.0"
