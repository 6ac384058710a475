"""What a household task wants, by the names of classes: the seven kinds of task of ALFRED.

After Shridhar et al. 2020 (arXiv 1912.01734). Names are ours for theirs: `look` look_at_obj_in_light, `place`
pick_and_place_simple, `carry` pick_and_place_with_movable_recep, `clean`, `heat`, `cool` pick_…_then_place_in_recep,
`two` pick_two_obj_and_place.
"""

from dataclasses import dataclass

KINDS = ("look", "place", "carry", "clean", "heat", "cool", "two")


@dataclass(frozen=True)
class Goal:
    """A `thing` in or on a `holder`; for `carry` in a `carrier` that goes there; for `look` in the light of a `lamp`.

    Raises ValueError where a name that the kind needs is missing, or one is given that it has no use for."""

    kind: str
    thing: str
    holder: str = ""
    carrier: str = ""
    lamp: str = ""
    sliced: bool = False

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}, got {self.kind!r}")
        if not self.thing:
            raise ValueError(f"a goal of kind {self.kind!r} needs a thing, got none")
        wanted = {"holder": self.kind != "look", "carrier": self.kind == "carry", "lamp": self.kind == "look"}
        for name, needed in wanted.items():
            if bool(getattr(self, name)) != needed:
                verb = "needs" if needed else "has no use for"
                raise ValueError(f"a goal of kind {self.kind!r} {verb} a {name}, got {getattr(self, name)!r}")
