"""Worlds and scanned places in habitat-sim, which runs as a process of its own."""

from loci.sim.backends.habitat.backend import HabitatBackend

__all__ = ["HabitatBackend"]
