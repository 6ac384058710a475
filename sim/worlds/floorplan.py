"""Floor plans: which rooms a house has, how large they are, and which doorways join them. Metres, seen from above.

Two layouts, each turned and mirrored at random. Corridor: all rooms stand in two rows along a hallway. Open end: the
living room and the kitchen fill one end of the house, the other rooms stand along the hallway behind it.
"""

from dataclasses import dataclass, replace

import numpy as np

from loci.sim.worlds.draws import below, between, pick, shuffled

AREAS = {
    "living_room": (16.0, 30.0),
    "kitchen": (8.0, 16.0),
    "bedroom": (10.0, 18.0),
    "bathroom": (5.0, 9.0),
    "study": (7.0, 13.0),
    "hallway": (3.5, 22.0),
}
"""Smallest and largest area of each kind of room in square metres, to the middle of its walls. Our choice, after
ordinary flats; shares agree roughly with the survey of builders by Emrath (NAHB, 2013): kitchen 12 %, bedrooms 29 %."""
NARROWEST = {"living_room": 3.6, "kitchen": 2.3, "bedroom": 2.8, "bathroom": 1.8, "study": 2.3}
"""Least width along the hallway, metres."""
LONGEST = 2.2
"""Greatest length of a room over its width; the hallway is exempt."""
DOOR_WIDTH, DOOR_HEIGHT = 1.0, 2.05
CORNER = 0.2
"""Least distance of a doorway from a corner of the room."""
ATTEMPTS = 1000

Point = tuple[float, float]
Span = tuple[float, float]


@dataclass(frozen=True)
class Area:
    """A room seen from above: a rectangle between the middles of its walls."""

    name: str
    kind: str
    lower: Point
    upper: Point

    @property
    def size(self) -> float:
        """Square metres."""
        return (self.upper[0] - self.lower[0]) * (self.upper[1] - self.lower[1])


@dataclass(frozen=True)
class Doorway:
    """A gap in the wall between two rooms; `second` is "" outside. `axis` (0 or 1) is the one that crosses the wall."""

    first: str
    second: str
    centre: Point
    axis: int


@dataclass(frozen=True)
class Plan:
    """Rooms that tile a rectangle around the origin, and their doorways; every room can be reached."""

    areas: tuple[Area, ...]
    doorways: tuple[Doorway, ...]


@dataclass(frozen=True)
class _Row:
    """Rooms side by side along the hallway, all of one depth."""

    names: tuple[str, ...]
    depth: float

    @property
    def spans(self) -> list[Span]:
        return [_widths(_kind(name), self.depth) for name in self.names]

    @property
    def length(self) -> Span:
        return sum(low for low, _ in self.spans), sum(high for _, high in self.spans)


def floorplan(rng: np.random.Generator, bedrooms: int = 2, study: bool = False) -> Plan:
    """A plan with a living room, a kitchen, a hallway, `bedrooms` bedrooms and one bathroom, two with three bedrooms.

    Raises RuntimeError in the case, which tests have not met, that no rooms of the right sizes fit together.
    """
    private = _names("bedroom", bedrooms) + _names("bathroom", 2 if bedrooms > 2 else 1) + ["study"] * study
    layouts = (_corridor, _open_end) if len(private) > 2 else (_corridor,)
    layout = pick(rng, layouts)
    for _ in range(ATTEMPTS):
        plan = layout(rng, private)
        if plan is not None:
            return _oriented(rng, plan)
    raise RuntimeError(f"no floor plan for {', '.join(private)} in {ATTEMPTS} attempts")


def _names(kind: str, count: int) -> list[str]:
    return [kind] if count == 1 else [f"{kind}_{i + 1}" for i in range(count)]


def _corridor(rng: np.random.Generator, private: list[str]) -> Plan | None:
    """Living room and kitchen side by side in one of the two rows."""
    rest = shuffled(rng, private)
    cut = below(rng, len(rest))
    first = ["living_room", "kitchen", *rest[:cut]]
    rows = _rows(rng, first, rest[cut:])
    if rows is None:
        return None
    length = _length(rng, rows)
    areas, doors, hall = _strip(rng, rows, 0.0, length)
    living, kitchen = areas[0], areas[1]
    doors.append(_between(rng, living, kitchen, 0))
    front = _end(hall, pick(rng, (0, 1)))
    return Plan((*areas, hall), (*doors, front))


def _open_end(rng: np.random.Generator, private: list[str]) -> Plan | None:
    """Living room and kitchen across the whole house at the end of the hallway."""
    rest = shuffled(rng, private)
    cut = len(rest) // 2
    rows = _rows(rng, rest[:cut], rest[cut:])
    if rows is None:
        return None
    areas, doors, hall = _strip(rng, rows, 0.0, _length(rng, rows))
    low, high = areas[0].lower[1], max(area.upper[1] for area in areas)
    split = between(rng, hall.upper[1], high - NARROWEST["kitchen"])
    width = between(rng, NARROWEST["living_room"], 5.0)
    living = Area("living_room", "living_room", (-width, low), (0.0, split))
    kitchen = Area("kitchen", "kitchen", (-width, split), (0.0, high))
    if not all(_allowed(area) for area in (living, kitchen)):
        return None
    entry = Doorway("living_room", "hallway", (0.0, (hall.lower[1] + hall.upper[1]) / 2.0), 0)
    doors += [_between(rng, living, kitchen, 1), entry, _end(hall, 1)]
    return Plan((living, kitchen, *areas, hall), tuple(doors))


def _rows(rng: np.random.Generator, first: list[str], second: list[str]) -> tuple[_Row, _Row] | None:
    """Two rows that can be equally long, if there are such."""
    rows = tuple(_Row(tuple(names), between(rng, 3.2, 4.3)) for names in (first, second))
    if not all(low <= high for row in rows for low, high in row.spans):
        return None
    low, high = max(row.length[0] for row in rows), min(row.length[1] for row in rows)
    return (rows[0], rows[1]) if low < high else None


def _length(rng: np.random.Generator, rows: tuple[_Row, _Row]) -> float:
    return between(rng, max(row.length[0] for row in rows), min(row.length[1] for row in rows))


def _kind(name: str) -> str:
    return name.rstrip("_0123456789")


def _widths(kind: str, depth: float) -> Span:
    """Allowed widths of a room of that depth."""
    (small, large), narrow = AREAS[kind], NARROWEST[kind]
    return max(small / depth, narrow, depth / LONGEST), min(large / depth, depth * LONGEST)


def _allowed(area: Area) -> bool:
    sides = sorted(high - low for low, high in zip(area.lower, area.upper, strict=True))
    small, large = AREAS[area.kind]
    return small <= area.size <= large and sides[1] <= LONGEST * sides[0] and sides[0] >= NARROWEST[area.kind]


def _fit(rng: np.random.Generator, spans: list[Span], length: float) -> list[float]:
    """Widths within their spans that add up to a length between the sums of the spans."""
    widths = [between(rng, low, high) for low, high in spans]
    missing = length - sum(widths)
    ends = [high if missing > 0.0 else low for low, high in spans]
    room = sum(ends) - sum(widths)
    return [w + (end - w) * missing / room for w, end in zip(widths, ends, strict=True)]


def _strip(
    rng: np.random.Generator, rows: tuple[_Row, _Row], start: float, length: float
) -> tuple[list[Area], list[Doorway], Area]:
    """Two rows of rooms with the hallway between them: the first row lies below it. Each has a door to the hallway."""
    corridor = min(between(rng, 1.35, 1.7), AREAS["hallway"][1] / length)
    hall = Area("hallway", "hallway", (start, rows[0].depth), (start + length, rows[0].depth + corridor))
    areas, doors = [], []
    for row, low in zip(rows, (0.0, rows[0].depth + corridor), strict=True):
        x = start
        for name, width in zip(row.names, _fit(rng, row.spans, length), strict=True):
            area = Area(name, _kind(name), (x, low), (x + width, low + row.depth))
            areas.append(area)
            doors.append(_between(rng, area, hall, 1))
            x += width
    return areas, doors, hall


def _between(rng: np.random.Generator, first: Area, second: Area, axis: int) -> Doorway:
    """A doorway in the wall that two rooms share, mostly near one of its ends."""
    along = 1 - axis
    low = max(first.lower[along], second.lower[along]) + CORNER + DOOR_WIDTH / 2.0
    high = min(first.upper[along], second.upper[along]) - CORNER - DOOR_WIDTH / 2.0
    place = pick(rng, (low, high, low, high, between(rng, low, high)))
    across = first.upper[axis] if abs(first.upper[axis] - second.lower[axis]) < 1e-9 else first.lower[axis]
    centre = (across, place) if axis == 0 else (place, across)
    return Doorway(first.name, second.name, centre, axis)


def _end(hall: Area, end: int) -> Doorway:
    """The front door at one end of the hallway."""
    x = (hall.lower[0], hall.upper[0])[end]
    return Doorway(hall.name, "", (x, (hall.lower[1] + hall.upper[1]) / 2.0), 0)


def _oriented(rng: np.random.Generator, plan: Plan) -> Plan:
    """The plan around the origin, in one of the eight ways to turn and mirror it."""
    swap, signs = rng.random() < 0.5, (pick(rng, (-1.0, 1.0)), pick(rng, (-1.0, 1.0)))
    middle = [(min(a.lower[i] for a in plan.areas) + max(a.upper[i] for a in plan.areas)) / 2.0 for i in (0, 1)]

    def move(point: Point) -> Point:
        x, y = signs[0] * (point[0] - middle[0]), signs[1] * (point[1] - middle[1])
        return (y, x) if swap else (x, y)

    areas = []
    for area in plan.areas:
        (ax, ay), (bx, by) = move(area.lower), move(area.upper)
        areas.append(replace(area, lower=(min(ax, bx), min(ay, by)), upper=(max(ax, bx), max(ay, by))))
    doors = [replace(d, centre=move(d.centre), axis=1 - d.axis if swap else d.axis) for d in plan.doorways]
    return Plan(tuple(areas), tuple(doors))
