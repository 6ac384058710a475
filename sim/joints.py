"""What bodies can do besides standing there: doors, drawers and lids that open, and places to put things on or in."""

import math
from dataclasses import dataclass
from typing import Literal, get_args

from loci.sim.pose import Pose, Vector, check_vector

Relation = Literal["on", "in"]
JointKind = Literal["hinge", "slide"]


@dataclass(frozen=True)
class Joint:
    """How a body opens: about (hinge) or along (slide) `axis`, a unit vector through `anchor`, both in its frame.

    Opening 0 is closed, the body at its pose; opening 1 has moved by `span` radians or metres, which may be negative.
    `opening` is where it starts. The other end of the joint is the world.
    """

    kind: JointKind
    axis: Vector
    span: float
    anchor: Vector = (0.0, 0.0, 0.0)
    opening: float = 0.0

    def __post_init__(self) -> None:
        if self.kind not in get_args(JointKind):
            raise ValueError(f"Joint.kind must be one of {', '.join(get_args(JointKind))}, got {self.kind!r}")
        check_vector("Joint.axis", self.axis, 3)
        check_vector("Joint.anchor", self.anchor, 3)
        if abs(math.hypot(*self.axis) - 1.0) > 1e-6:
            raise ValueError(f"Joint.axis must have length 1, got {self.axis}")
        if not math.isfinite(self.span) or self.span == 0.0:
            raise ValueError(f"Joint.span must be finite and not zero, got {self.span}")
        if not 0.0 <= self.opening <= 1.0:
            raise ValueError(f"Joint.opening must lie in [0, 1], got {self.opening}")

    def motion(self, opening: float) -> Pose:
        """Where the body is, in its own closed frame, when it is open so far."""
        (x, y, z), value = self.axis, self.span * opening
        if self.kind == "slide":
            return Pose((value * x, value * y, value * z))
        c, s = math.cos(value / 2.0), math.sin(value / 2.0)
        turn = Pose((0.0, 0.0, 0.0), (c, s * x, s * y, s * z))
        (ax, ay, az), (bx, by, bz) = self.anchor, turn.point(self.anchor)
        return Pose((ax - bx, ay - by, az - bz), turn.wxyz)


@dataclass(frozen=True)
class Receptacle:
    """A part of a body where things can be put: a box in the body's frame, metres. Things stand on its lower face.

    `behind` names the body that has to be open before a hand gets in, "" when nothing is in the way.
    """

    relation: Relation
    lower: Vector
    upper: Vector
    behind: str = ""

    def __post_init__(self) -> None:
        if self.relation not in get_args(Relation):
            raise ValueError(
                f"Receptacle.relation must be one of {', '.join(get_args(Relation))}, got {self.relation!r}"
            )
        check_vector("Receptacle.lower", self.lower, 3)
        check_vector("Receptacle.upper", self.upper, 3)
        if not all(low < high for low, high in zip(self.lower, self.upper, strict=True)):
            raise ValueError(f"Receptacle must have lower < upper, got {self.lower} and {self.upper}")

    def contains(self, point: Vector, margin: float = 0.0) -> bool:
        """Whether a point of the body's frame lies in the box grown by `margin` metres."""
        box = zip(self.lower, point, self.upper, strict=True)
        return all(low - margin <= p <= high + margin for low, p, high in box)
