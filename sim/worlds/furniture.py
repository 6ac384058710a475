"""Pieces with names that never change, made of boxes: what "put the dax on the bed" needs."""

from loci.sim.world import Body, Pose, Shape

Vector = tuple[float, float, float]


def bed() -> Body:
    """A mattress 0.3 m high with a headboard."""
    mattress = _box((0.35, 0.28, 0.1), (0.0, 0.0, 0.2), (0.9, 0.9, 0.95))
    frame = _box((0.38, 0.3, 0.05), (0.0, 0.0, 0.05), (0.45, 0.3, 0.2), "wood")
    board = _box((0.03, 0.3, 0.3), (-0.38, 0.0, 0.3), (0.45, 0.3, 0.2), "wood")
    return Body("bed", "bed", (mattress, frame, board))


def tray() -> Body:
    """A flat blue tray with a rim, on a block."""
    block = _box((0.25, 0.25, 0.1), (0.0, 0.0, 0.1), (0.3, 0.3, 0.35))
    plate = _box((0.36, 0.3, 0.02), (0.0, 0.0, 0.22), (0.2, 0.4, 0.85))
    rims = [_box((0.36, 0.02, 0.05), (0.0, side, 0.25), (0.15, 0.3, 0.7)) for side in (-0.3, 0.3)]
    return Body("tray", "tray", (block, plate, *rims))


FURNITURE = {"bed": bed, "tray": tray}
TOP = {"bed": 0.3, "tray": 0.24}
"""Height in metres at which a thing put on it stands."""


def _box(size: Vector, position: Vector, colour: Vector, texture: str = "") -> Shape:
    return Shape("box", size, colour, texture, pose=Pose(position))
