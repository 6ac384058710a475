"""Sentences that tell a way through streets: landmarks that are passed, turns at crossings, and where to stop.

A crossing is a panorama with more than two ways. "turn left" means the moves left and forward, "straight" forward, so
that the words suffice; what they cannot tell is not told, and such a way is not used.
"""

import math
from collections.abc import Sequence

import numpy as np

from loci.sim.geometry import wrap_angle
from loci.sim.worlds.draws import pick
from loci.sim.worlds.street_moves import Move
from loci.sim.worlds.street_world import StreetWorld

ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
STRAIGHT = math.radians(60.0)
"""A way on that bends by more is called a turn."""
BESIDE = 16.0
"""Metres to a landmark that one walks past, at most."""
MENTION = 0.6
"""Share of stretches in which a landmark on the way is named, where there is one."""
TURNS = {
    "next": (
        "turn {side} at the next crossing",
        "walk to the crossing and turn {side}",
        "at the crossing, turn {side}",
    ),
    "later": (
        "turn {side} at the {nth} crossing",
        "at the {nth} crossing, turn {side}",
        "go straight through {count} and turn {side} at the next one",
    ),
}
PASSES = ("walk past {mark} on your {side}", "pass {mark} on your {side}", "you will see {mark} on your {side}")
STOPS = {
    "next": ("stop at {mark} on your {side}", "walk on and stop next to {mark} on your {side}"),
    "later": (
        "go through {count} and stop at {mark} on your {side}",
        "walk on for {count} and then stop next to {mark} on your {side}",
    ),
}
AROUND = ("turn around", "turn around and walk the other way")
BACK = ("return to {mark}", "go back to {mark}", "walk back to {mark} and stop there")
BACK_TO_KIND = ("go back to the {kind} you passed", "return to the {kind} that you have passed")
BACK_TO_NTH = ("go back to the {kind} you passed {nth}", "return to the {nth} {kind} that you passed")

Walked = Sequence[tuple[int, int]]
"""Moves, each with the stance after it."""


def describe(world: StreetWorld, start: int, walked: Walked, goal: int, rng: np.random.Generator) -> str | None:
    """The way from a stance on a street to a landmark beside its end; None where words do not tell it: at a crossing
    without a plain word, or where the landmark is not seen on arrival or has a namesake on the last stretch."""
    stretches = _stretches(world, start, walked)
    if stretches is None or goal not in world.shown[walked[-1][1]]:
        return None
    last = stretches[-1][1]
    namesakes = {mark for stance in last for mark in world.shown[stance].tolist() if mark >= 0} - {goal}
    if world.said[goal] in {world.said[mark] for mark in namesakes}:
        return None
    sentences = [pick(rng, AROUND)] if walked[0][0] == Move.TURN_AROUND else []
    for turn, stances, crossings in stretches:
        passed = _passed(world, stances, goal) if rng.random() < MENTION else []
        if passed:
            mark, side = pick(rng, passed)
            sentences.append(pick(rng, PASSES).format(mark=world.said[mark], side=side))
        sentences.append(_told(rng, turn, crossings) if turn else _stop(rng, world, stances[-1], goal, crossings))
    return ". ".join(sentences) + "."


def recall_name(name: str, rng: np.random.Generator) -> str:
    """A call back to a landmark by its name."""
    return pick(rng, BACK).format(mark=name) + "."


def recall_kind(kind: str, place: int, count: int, rng: np.random.Generator) -> str:
    """A call back to the landmark of a kind that was passed as number `place` of `count`, from 0."""
    if count == 1:
        return pick(rng, BACK_TO_KIND).format(kind=kind) + "."
    return pick(rng, BACK_TO_NTH).format(kind=kind, nth=ORDINALS[place]) + "."


def turn_word(world: StreetWorld, stance: int, moves: Sequence[int], onward: int) -> str | None:
    """ "straight", "left" or "right" for moves across a crossing from the stance of arrival to the stance `onward` at
    the next panorama; None where no such word leads there."""
    after = world.stances.after
    turn = float(wrap_angle(world.stances.heading[onward] - world.stances.heading[stance]))
    if list(moves) == [Move.FORWARD] and abs(turn) <= STRAIGHT:
        return "straight"
    side = Move.LEFT if turn > 0.0 else Move.RIGHT
    leads = after[after[stance, side], Move.FORWARD] == onward
    return side.name.lower() if leads else None


def _stretches(world: StreetWorld, start: int, walked: Walked) -> list[tuple[str, list[int], int]] | None:
    """Parts of a way, each with the turn at its end ("" at the goal), the stances of its arrivals, and how many
    crossings one goes straight through in it."""
    found: list[tuple[str, list[int], int]] = []
    stances, crossings, moves, here = [start], 0, [], start
    node = world.stances.node
    for move, stance in walked:
        moves.append(move)
        if node[stance] == node[here]:
            continue
        if world.ways[node[here]] > 2:
            word = turn_word(world, here, moves, stance)
            if word is None:
                return None
            if word != "straight":
                found.append((word, stances, crossings))
                stances, crossings = [], 0
            else:
                crossings += 1
        stances.append(stance)
        here, moves = stance, []
    return [*found, ("", stances, crossings)] if max([crossings, *(s[2] for s in found)]) < len(ORDINALS) else None


def _passed(world: StreetWorld, stances: Sequence[int], goal: int) -> list[tuple[int, str]]:
    """Landmarks but the goal that are seen close by on a stretch, with their sides."""
    found = {}
    for stance in stances:
        shown, node = world.shown[stance], int(world.stances.node[stance])
        span = slice(int(world.first[node]), int(world.first[node + 1]))
        near = world.seen[span][world.distance[span] <= BESIDE].tolist()
        for mark in (int(shown[0]), int(shown[4])):
            if mark in near and mark != goal:
                found[mark] = "left" if mark == shown[0] else "right"
    return list(found.items())


def _told(rng: np.random.Generator, turn: str, crossings: int) -> str:
    words = pick(rng, TURNS["later" if crossings else "next"])
    return words.format(side=turn, nth=ORDINALS[crossings], count=_count(crossings))


def _stop(rng: np.random.Generator, world: StreetWorld, stance: int, goal: int, crossings: int) -> str:
    node = int(world.stances.node[stance])
    span = slice(int(world.first[node]), int(world.first[node + 1]))
    bearing = world.bearing[span][world.seen[span] == goal][0]
    side = "left" if wrap_angle(bearing - world.stances.heading[stance]) > 0.0 else "right"
    words = pick(rng, STOPS["later" if crossings else "next"])
    return words.format(mark=world.said[goal], side=side, count=_count(crossings))


def _count(crossings: int) -> str:
    return f"{NUMBERS[crossings]} crossing{'s' if crossings > 1 else ''}"
