"""Data structures of memories, without learning: slot numbers in, slot numbers out."""
