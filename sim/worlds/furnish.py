"""How each kind of room is furnished: what stands against walls, in corners, beside and in front of what."""

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from loci.sim.worlds import fittings, storage
from loci.sim.worlds.draws import below, between, pick, shuffled
from loci.sim.worlds.pieces import Piece
from loci.sim.worlds.plot import Placed, Plot

LOOKS = 12
"""Looks of each piece: sizes and colours come from its number."""
TRIES = 12
"""A room in which a needed piece cannot be reached is furnished anew so often, before pieces are taken out."""
NEEDED = frozenset("bed wardrobe sofa table desk sink oven fridge toilet bathtub cabinet counter".split())
PLACES = 20
"""Places tried for a table in the middle of a room."""
Maker = Callable[..., Piece]


@lru_cache(maxsize=4096)
def _made(maker: Maker, look: int, style: int | None) -> Piece:
    rng = np.random.default_rng((look, sum(maker.__name__.encode())))
    return maker(rng) if style is None else maker(rng, style)


def _any(rng: np.random.Generator, maker: Maker, style: int | None = None) -> Piece:
    return _made(maker, below(rng, LOOKS), style)


def furnish(rng: np.random.Generator, plot: Plot) -> None:
    """Fill a room; in the end an agent that comes through any doorway reaches all pieces and the other doorways."""
    for _ in range(TRIES):
        plot.clear()
        RULES[plot.area.kind](rng, plot)
        lost = plot.unreachable()
        if not any(placed.piece.category in NEEDED for placed in lost):
            break
    while lost:
        plot.remove(lost[-1])
        lost = plot.unreachable()


def _kitchen(rng: np.random.Generator, plot: Plot) -> None:
    style = below(rng, len(storage.FRONTS))
    row = [_any(rng, maker, style) for maker in (storage.sink, storage.oven, storage.cabinet)]
    row += [_any(rng, maker, style) for maker in (storage.counter, storage.dishwasher, storage.cabinet)]
    _corner(rng, plot, storage.fridge)
    units = _row(rng, plot, shuffled(rng, row))
    tops = [u for u in units if u.piece.category in ("cabinet", "counter", "dishwasher")]
    if tops:
        plot.on(rng, _any(rng, storage.microwave), pick(rng, tops), storage.UNIT[2])
    for unit in units:
        if unit.piece.category == "oven":
            plot.hang(rng, _any(rng, fittings.hood), 1.55, unit)
    _dining(rng, plot)
    _corner(rng, plot, fittings.bin_)


def _corner(rng: np.random.Generator, plot: Plot, maker: Maker) -> Placed | None:
    """A piece in a corner, or at a wall where no corner is free."""
    piece = _any(rng, maker)
    return plot.wall(rng, piece, "corner") or plot.wall(rng, piece)


def _row(rng: np.random.Generator, plot: Plot, units: list[Piece]) -> list[Placed]:
    """Kitchen units side by side along the longest free wall, going on at other walls."""
    placed: list[Placed] = []
    rest = list(units)
    while rest:
        free = [(high - low, low, side) for side in range(4) for low, high in plot.spans(side, rest[0])]
        if not free:
            return placed
        length, low, side = max(free)
        width = rest[0].size[1] + 0.011
        count = min(len(rest), int(length / width) + 1)
        start = low + pick(rng, (0.0, max(0.0, length - (count - 1) * width)))
        for i in range(count):
            placed.append(plot.at(side, rest.pop(0), start + i * width))
    return placed


def _dining(rng: np.random.Generator, plot: Plot) -> None:
    """A table free on all sides, or at a wall in a small room, with chairs on its long sides."""
    x0, y0, x1, y1 = plot.inner
    table, chair = _any(rng, fittings.table), _any(rng, fittings.chair)
    placed = None
    for _ in range(PLACES):
        x, y = between(rng, x0 + 1.0, max(x1 - 1.0, x0 + 1.01)), between(rng, y0 + 1.0, max(y1 - 1.0, y0 + 1.01))
        placed = plot.free_standing(table, x, y, below(rng, 4), 0.62)
        if placed:
            break
    placed = placed or plot.wall(rng, table)
    if placed is None:
        return
    for behind in (False, True):
        for shift in (-0.3, 0.3) if table.size[1] > 1.1 else (0.0,):
            plot.ahead(chair, placed, 0.03, shift, behind)


def _living_room(rng: np.random.Generator, plot: Plot) -> None:
    stand = plot.wall(rng, _any(rng, storage.tv_stand), "middle")
    sofa = None
    if stand:
        plot.on(rng, _any(rng, fittings.television), stand, stand.piece.size[2])
        opposite = ((stand.side + 2) % 4,)
        sofa = plot.wall(rng, _any(rng, fittings.sofa), "middle", opposite)
    sofa = sofa or plot.wall(rng, _any(rng, fittings.sofa), "middle")
    if sofa:
        x, y, _ = sofa.pose.point((1.25, 0.0, 0.0))
        plot.lay(_any(rng, fittings.rug), x, y, sofa.side)
        plot.ahead(_any(rng, fittings.coffee_table), sofa, 0.42)
        for sign in shuffled(rng, (1, -1))[: 1 + below(rng, 2)]:
            plot.beside(_any(rng, fittings.floor_lamp if rng.random() < 0.6 else fittings.plant), sofa, sign)
    if rng.random() < 0.8:
        _dining(rng, plot)
    if rng.random() < 0.7:
        plot.wall(rng, _any(rng, fittings.armchair))
    for _ in range(1 + below(rng, 2)):
        plot.wall(rng, _any(rng, storage.shelf))
    if rng.random() < 0.7:
        plot.wall(rng, _any(rng, fittings.plant), "corner")
    _pictures(rng, plot, 2)


def _bedroom(rng: np.random.Generator, plot: Plot) -> None:
    bed = plot.wall(rng, _any(rng, fittings.bed), pick(rng, ("middle", "middle", "any")))
    if bed:
        stand = _any(rng, storage.nightstand)
        for sign in shuffled(rng, (1, -1)):
            beside = plot.beside(stand, bed, sign) if plot.aisle(bed, sign, stand.size[0] + 0.02) else None
            if beside and rng.random() < 0.7:
                plot.on(rng, _any(rng, fittings.table_lamp), beside, beside.piece.size[2])
        if rng.random() < 0.6:
            x, y, _ = bed.pose.point((0.6, 0.0, 0.0))
            plot.lay(_any(rng, fittings.rug), x, y, bed.side)
    _corner(rng, plot, storage.wardrobe)
    if rng.random() < 0.6:
        plot.wall(rng, _any(rng, storage.dresser))
    if rng.random() < 0.45:
        _workplace(rng, plot, fittings.chair)
    if rng.random() < 0.5:
        plot.wall(rng, _any(rng, storage.chest))
    if rng.random() < 0.3:
        plot.wall(rng, _any(rng, fittings.plant), "corner")
    _pictures(rng, plot, 1)


def _workplace(rng: np.random.Generator, plot: Plot, seat: Maker) -> None:
    desk = plot.wall(rng, _any(rng, fittings.desk))
    if desk:
        plot.ahead(_any(rng, seat), desk, 0.04, 0.2)
        if rng.random() < 0.5:
            plot.on(rng, _any(rng, fittings.table_lamp), desk, desk.piece.size[2])


def _study(rng: np.random.Generator, plot: Plot) -> None:
    _workplace(rng, plot, fittings.office_chair)
    for _ in range(1 + below(rng, 2)):
        plot.wall(rng, _any(rng, storage.shelf))
    if rng.random() < 0.6:
        plot.wall(rng, _any(rng, fittings.armchair), "corner")
    if rng.random() < 0.5:
        plot.wall(rng, _any(rng, fittings.floor_lamp), "corner")
    _corner(rng, plot, fittings.bin_)
    _pictures(rng, plot, 1)


def _bathroom(rng: np.random.Generator, plot: Plot) -> None:
    plot.wall(rng, _any(rng, fittings.bathtub), "corner")
    plot.wall(rng, _any(rng, fittings.toilet))
    basin = plot.wall(rng, _any(rng, fittings.washbasin))
    if basin:
        plot.hang(rng, _any(rng, fittings.mirror), 1.15, basin)
    if rng.random() < 0.6:
        _corner(rng, plot, storage.washing_machine)
    _corner(rng, plot, fittings.rack)
    _corner(rng, plot, fittings.bin_)


def _hallway(rng: np.random.Generator, plot: Plot) -> None:
    if rng.random() < 0.8:
        plot.wall(rng, _any(rng, storage.shoe_cabinet))
    _corner(rng, plot, fittings.coat_rack)
    _pictures(rng, plot, 2)


def _pictures(rng: np.random.Generator, plot: Plot, most: int) -> None:
    for _ in range(below(rng, most + 1)):
        plot.hang(rng, _any(rng, fittings.painting), 1.3)


RULES: dict[str, Callable[[np.random.Generator, Plot], None]] = {
    "kitchen": _kitchen,
    "living_room": _living_room,
    "bedroom": _bedroom,
    "study": _study,
    "bathroom": _bathroom,
    "hallway": _hallway,
}
