"""One HTML page that needs nothing else: its style, sections, tables and pictures are in the file."""

import base64
from collections.abc import Sequence
from html import escape

STYLE = """
:root { color-scheme: light dark;
  --paper: #fbfaf7; --ink: #1f2430; --muted: #646a78; --rule: #e1ddd4; --accent: #d1495b;
  --c0: #8a8f9c; --c1: #3d8b7d; --c2: #4a6fa5; --c3: #b9853b; --c4: #d1495b; --c5: #8d6a9f;
  --c6: #7a8a4f; --c7: #a0583c; }
@media (prefers-color-scheme: dark) { :root {
  --paper: #16181d; --ink: #e9e7e1; --muted: #a2a7b3; --rule: #343842; --accent: #f0788a;
  --c0: #9a9fac; --c1: #5fbfae; --c2: #7fa6e0; --c3: #e0b066; --c4: #f0788a; --c5: #bd97d0;
  --c6: #aabd78; --c7: #d68f70; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, "Segoe UI", Helvetica, Arial, sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 2.5rem 1.5rem 4rem; }
h1 { font-size: 1.9rem; line-height: 1.25; letter-spacing: -.01em; margin: .2rem 0 1.2rem; max-width: 56rem;
  text-wrap: balance; }
h2 { font-size: 1.2rem; margin: 3rem 0 .5rem; padding-top: .9rem; border-top: 1px solid var(--rule); }
p, li, dd, figcaption { max-width: 46rem; }
figcaption, .kicker { color: var(--muted); font-size: .9rem; }
.kicker { margin: 0; }
.wide { overflow-x: auto; margin: 1rem 0; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .9rem; line-height: 1.3;
  width: 100%; }
th, td { padding: .45rem .6rem; border-bottom: 1px solid var(--rule); text-align: right; vertical-align: middle; }
td { white-space: nowrap; }
th { font-weight: 600; color: var(--muted); vertical-align: bottom; }
th:first-child, td:first-child { text-align: left; }
tr.reference td { font-weight: 600; }
small { color: var(--muted); font-weight: 400; }
.mark { display: inline-block; width: .7em; height: .7em; margin-right: .5em; border-radius: 50%;
  background: var(--c); }
.panels { display: grid; grid-template-columns: repeat(auto-fit, minmax(380px, 1fr)); gap: 1.2rem; }
.legend { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; font-size: .9rem; margin: .6rem 0; }
figure { margin: 1rem 0; }
figcaption { margin-top: .4rem; }
video, img { display: block; width: 100%; max-width: 1024px; height: auto; }
video, img, pre { border: 1px solid var(--rule); border-radius: 8px; }
pre { font: .88em/1.5 ui-monospace, Menlo, Consolas, monospace; padding: .8rem 1rem; white-space: pre-wrap; }
dt { font-weight: 600; margin-top: .7rem; }
dd { margin: 0; }
.missing { border-left: 3px solid var(--accent); padding-left: .8rem; }
svg { display: block; width: 100%; height: auto; }
svg[width] { display: inline-block; width: auto; vertical-align: middle; }
svg text { font: 12px system-ui, Helvetica, Arial, sans-serif; fill: var(--ink); }
.grid { stroke: var(--rule); }
.frame { fill: none; stroke: var(--rule); }
.chance { stroke: var(--muted); stroke-width: 1.5; stroke-dasharray: 4 3; }
.curve, .thin { fill: none; stroke: var(--c); stroke-width: 2; stroke-linejoin: round; }
.thin { stroke-width: 1; opacity: .6; }
.whisker { stroke: var(--c); stroke-width: 2; }
.mean { stroke: var(--c); stroke-width: 3; }
.ring { fill: none; stroke: var(--c); stroke-width: 1.3; opacity: .7; }
.dot, .phase { fill: var(--c); }
svg text.phase { fill: var(--c); font-weight: 600; }
svg text.strong { font-weight: 600; }
.band { fill: var(--c); opacity: .16; }
.read { fill: var(--accent); }
@media (max-width: 480px) { .panels { grid-template-columns: 1fr; } h1 { font-size: 1.5rem; } }
@media print { body { font-size: 12px; } main { max-width: none; padding: 0; }
  h2 { break-after: avoid; } figure, tr { break-inside: avoid; } }
"""
COLOURS = "".join(f".s{n} {{ --c: var(--c{n}); }} " for n in range(8)) + "".join(
    f".p{n} {{ --c: var(--c{c}); }} " for n, c in enumerate((1, 3, 2, 5, 6))
)


def page(title: str, parts: Sequence[str]) -> str:
    """A whole document."""
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{escape(title)}</title>'
    body = "\n".join(parts)
    style = f"<style>{STYLE}{COLOURS}</style>"
    return f'<!doctype html>\n<html lang="en"><head>{head}{style}</head>\n<body><main>\n{body}\n</main></body></html>\n'


def heading(text: str) -> str:
    return f"<h1>{escape(text)}</h1>"


def code(text: str) -> str:
    return f"<pre>{escape(text)}</pre>"


def section(title: str, *parts: str) -> str:
    return f"<section><h2>{escape(title)}</h2>\n" + "\n".join(parts) + "</section>"


def paragraph(text: str, kind: str = "") -> str:
    return f'<p class="{kind}">{escape(text)}</p>' if kind else f"<p>{escape(text)}</p>"


def bullets(lines: Sequence[str]) -> str:
    return "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>"


def terms(meanings: dict[str, str]) -> str:
    """A list of words and what they mean."""
    return (
        "<dl>" + "".join(f"<dt>{escape(word)}</dt><dd>{escape(text)}</dd>" for word, text in meanings.items()) + "</dl>"
    )


def table(head: Sequence[str], rows: Sequence[Sequence[str]], marked: int = -1) -> str:
    """Head is text, cells are HTML; the row `marked` is set off."""
    top = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    body = "".join(
        f"<tr{' class=reference' if number == marked else ''}>"
        + "".join(f"<td>{cell}</td>" for cell in row)
        + "</tr>\n"
        for number, row in enumerate(rows)
    )
    return f'<div class="wide"><table><thead><tr>{top}</tr></thead>\n<tbody>{body}</tbody></table></div>'


def named(row: str, series: int) -> str:
    """A row's name behind a dot of its colour."""
    return f'<span class="mark s{series % 8}"></span>{escape(row)}'


def figure(content: str, caption: str) -> str:
    return f"<figure>{content}<figcaption>{escape(caption)}</figcaption></figure>"


def data(content: bytes, kind: str) -> str:
    """Bytes as an address that holds them, e.g. of kind "image/webp"."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
