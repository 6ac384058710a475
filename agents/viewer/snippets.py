"""Pieces of HTML for the page's panels. All that comes from a world, a memory or a person is escaped."""

from collections.abc import Mapping, Sequence
from html import escape

from loci.agents.viewer.pictures import LOOKS, Look, Theme
from loci.agents.viewer.snapshot import Snapshot
from loci.sim.world import Body

KEYS = (
    ("↑ ↓ ← →", "the actions that bear these arrows: forward, back, left, right"),
    ("Enter or G", "the action that bears ⏎"),
    ("Space", "play, pause"),
    ("N, B", "step, step back"),
    ("R", "reset with the seed"),
    ("M", "memory on, off"),
    ("H", "this help"),
    ("Escape", "leave a field; keys are heard while no field is edited"),
    ("mouse", "left: turn, right: shift, wheel: nearer; click a thing or a node to read about it"),
)
MOST = 12
"""Actions whose chances are shown."""


def moment(snapshot: Snapshot, actions: Sequence[str], last: int, playing: bool = False, theme: Theme = "light") -> str:
    """What was heard, asked for, done and earned at a step, and the chances of the actions."""
    look = LOOKS[theme]
    heard = f"“{escape(snapshot.words)}”" if snapshot.words else _faint("silence", look)
    asked = f"“{escape(snapshot.instruction)}”" if snapshot.instruction else _faint("none", look)
    rows = {"heard": heard, "instruction": asked, "did": _did(snapshot, actions, look)}
    rows["reward"] = f"{snapshot.reward:g}, total {snapshot.total:g}"
    if snapshot.held:
        rows["carries"] = escape(snapshot.held)
    if snapshot.metrics:
        rows["metrics"] = ", ".join(f"{escape(name)} {value:g}" for name, value in snapshot.metrics.items())
    over = f" <b style='color:{look.accent}'>over</b>" if snapshot.over else ""
    runs = _faint(" ▶ playing", look) if playing else ""
    head = f"<b>step {snapshot.step}</b> of {last}{over}{runs}"
    return _block(f"<div style='margin-bottom:4px'>{head}</div>{table(rows, theme)}{_bars(snapshot, actions, look)}")


def table(rows: Mapping[str, str], theme: Theme = "light") -> str:
    """Names and their HTML in two columns."""
    first = f"color:{LOOKS[theme].muted};padding:1px 10px 1px 0;vertical-align:top;white-space:nowrap"
    lines = [
        f"<tr><td style='{first}'>{escape(name)}</td><td style='padding:1px 0'>{text}</td></tr>"
        for name, text in rows.items()
    ]
    return f"<table style='border-collapse:collapse'>{''.join(lines)}</table>"


def facts(snapshot: Snapshot, theme: Theme = "light") -> str:
    """What the memory says of itself."""
    rows = {"state": f"{snapshot.memory_bytes:,} bytes, {snapshot.memory_ms:.1f} ms a step"}
    rows |= {name: escape(text) for name, text in snapshot.drawing.facts.items()}
    if not snapshot.memory_on:
        rows["switched off"] = "blanked at every step"
    return _block(table(rows, theme))


def record(body: Body, snapshot: Snapshot, states: frozenset[str], named: str, theme: Theme = "light") -> str:
    """What is known of a body."""
    index = snapshot.world.index(body.name)
    x, y, z = snapshot.poses[index, :3]
    rows = {"name": f"<b>{escape(body.name)}</b>", "category": escape(body.category)}
    rows |= {"called": f"“{escape(named)}”"} if named else {}
    rows["where"] = f"{x:.2f}, {y:.2f}, {z:.2f} m"
    rows["mass"] = f"{body.mass:g} kg" if body.mass else "fixed"
    rows |= {"states": escape(", ".join(sorted(states)))} if states else {}
    rows |= {"opens by": f"a {escape(body.joint.kind)}"} if body.joint else {}
    return _block(table(rows, theme))


def legend(colours: Mapping[str, Sequence[tuple[int, int, int]]], theme: Theme = "light") -> str:
    """What the colours in the scene stand for, for layers that have some."""
    rows = {title: "".join(map(_swatch, tints)) for title, tints in colours.items() if tints}
    return _block(table(rows, theme)) if rows else ""


def note(text: str, theme: Theme = "light") -> str:
    """A line that is read in passing."""
    return _block(_faint(escape(text), LOOKS[theme]))


def keys() -> str:
    """The keys as Markdown."""
    return "\n".join(["| key | what it does |", "|---|---|", *(f"| {key} | {text} |" for key, text in KEYS)])


def _did(snapshot: Snapshot, actions: Sequence[str], look: Look) -> str:
    if snapshot.action is None:
        return _faint("stood still and listened" if snapshot.driver else "not yet", look)
    return f"<b>{escape(_action(snapshot.action, actions))}</b> {_faint('by ' + escape(snapshot.driver), look)}"


def _bars(snapshot: Snapshot, actions: Sequence[str], look: Look) -> str:
    """The likeliest actions in their own order, what was done in the accent's colour."""
    likely = sorted(range(len(snapshot.chances)), key=lambda n: -snapshot.chances[n])[:MOST]
    return "".join(_bar(_action(n, actions), snapshot.chances[n], n == snapshot.action, look) for n in sorted(likely))


def _bar(name: str, chance: float, taken: bool, look: Look) -> str:
    fill = look.accent if taken else look.muted
    weight = "600" if taken else "400"
    return (
        f"<div style='display:flex;align-items:center;gap:8px;margin-top:3px;font-weight:{weight}'>"
        f"<span style='width:80px;white-space:nowrap;overflow:hidden'>{escape(name)}</span>"
        f"<span style='flex:1;height:8px;background:{look.rule};border-radius:4px;overflow:hidden'>"
        f"<span style='display:block;height:8px;width:{100 * chance:.1f}%;background:{fill}'></span></span>"
        f"<span style='width:36px;text-align:right'>{chance:.0%}</span></div>"
    )


def _swatch(colour: tuple[int, int, int]) -> str:
    return f"<span style='display:inline-block;width:16px;height:10px;background:rgb{colour}'></span>"


def _action(number: int, actions: Sequence[str]) -> str:
    return actions[number] if number < len(actions) else f"action {number}"


def _faint(text: str, look: Look) -> str:
    return f"<span style='color:{look.muted}'>{text}</span>"


def _block(content: str) -> str:
    return f"<div style='padding:0 10px 8px;font-size:13px;line-height:1.4'>{content}</div>"
