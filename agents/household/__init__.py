"""A household planner that knows the world only by what its memory says."""
