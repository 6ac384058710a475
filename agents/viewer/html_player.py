"""The page of a recorded episode: its layout, its style beside that of the suite's reports, and the script that plays.

`PAGE` is filled by html.py. The script reads one JSON object: steps, pictures as data addresses, names of the actions.
"""

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<link rel="icon" href="{icon}">
<style>{style}</style>
</head>
<body>
<main>
<header><h1>{title}</h1><p class="kicker">{about}</p></header>
<div class="bar">
<button id="play" title="space">Play</button>
<button id="back" title="left arrow" aria-label="step back">◀</button>
<input id="slider" type="range" min="0" max="{last}" value="0" aria-label="step">
<button id="on" title="right arrow" aria-label="step on">▶</button>
<output id="count"></output>
<label>speed <select id="speed"><option>0.5</option><option selected>1</option><option>2</option><option>4</option>
<option>8</option></select></label>
</div>
<div class="scene">
<figure><img id="view" alt="what stands before the agent"><figcaption class="kinds" role="group"
 aria-label="picture">before the agent <button data-view="rgb">colours</button><button
 data-view="depth">depth</button><button data-view="ids">ids</button></figcaption></figure>
<figure><img id="above" alt="the room from above"><figcaption>from above; orange: moments of
 this room that are read</figcaption></figure>
<div class="told">
<p class="kicker">hears</p><p id="words" class="heard"></p>
<p class="kicker">instruction in force</p><p id="instruction" class="heard"></p>
<p class="kicker">does</p><div id="actions"></div>
<figure class="small"><img id="seen" alt="the picture the agent is given"><figcaption>what it sees</figcaption></figure>
</div>
</div>
<ul id="facts"></ul>
<section><h2>What the memory holds</h2>
<div class="wide"><img id="times" alt="the memory over time"></div></section>
<section id="reads" aria-live="off"></section>
<p class="kicker">Arrow keys step, Home and End jump, space plays. A card leads to the step it was stored at.</p>
</main>
<script id="content" type="application/json">{content}</script>
<script>{script}</script>
</body>
</html>
"""

STYLE = """
main { max-width: 1240px; padding: 1.2rem 1.5rem 3rem; }
h1 { font-size: 1.5rem; margin: 0; }
h2 { margin: 1.4rem 0 .6rem; padding-top: .7rem; font-size: 1.1rem; }
header { margin-bottom: .8rem; }
img { border-radius: 6px; }
.bar { display: flex; flex-wrap: wrap; gap: .5rem; align-items: center; position: sticky; top: 0; z-index: 1;
  background: var(--paper); padding: .5rem 0; }
.bar input { flex: 1; min-width: 10rem; accent-color: var(--accent); }
.bar output { min-width: 7.5rem; text-align: right; font-variant-numeric: tabular-nums; }
button, select { font: inherit; font-size: .9rem; color: var(--ink); background: var(--paper); cursor: pointer;
  border: 1px solid var(--rule); border-radius: 6px; padding: .25rem .7rem; }
button:hover, button[aria-pressed=true] { border-color: var(--accent); color: var(--accent); }
#play { min-width: 4.5rem; }
.scene { display: grid; grid-template-columns: 1fr 1fr minmax(230px, .72fr); gap: 1.2rem; align-items: start; }
.scene figure { margin: 0; }
.scene img, #times { width: 100%; max-width: none; }
.wide { margin: 0; }
#times { min-width: 640px; }
.kinds { display: flex; gap: .4rem; align-items: center; }
.kinds button { padding: .05rem .5rem; font-size: .8rem; }
.told p { margin: 0; }
.told .heard { font-weight: 600; font-size: 1.05rem; line-height: 1.3; min-height: 1.6em; }
.silent { color: var(--muted); }
.told .silent { font-weight: 400; }
.chances { display: grid; grid-template-columns: 1fr auto; gap: 0 .6rem; font-size: .88rem; line-height: 1.25;
  color: var(--muted); font-variant-numeric: tabular-nums; }
.chances i { grid-column: 1 / 3; height: 6px; margin-bottom: .35rem; border-radius: 3px;
  background: linear-gradient(to right, var(--muted) var(--share), var(--rule) var(--share)); }
.chances > :nth-child(3n + 2) { text-align: right; }
.chances b { color: var(--ink); }
.chances b + b + i { background: linear-gradient(to right, var(--accent) var(--share), var(--rule) var(--share)); }
.small { display: flex; gap: .6rem; align-items: center; margin: .5rem 0 !important; }
.small img, .card img { image-rendering: pixelated; }
.small img { width: 72px; }
#facts { display: flex; flex-wrap: wrap; gap: 0 1.4rem; list-style: none; margin: .7rem 0 0; padding: 0;
  font-size: .85rem; color: var(--muted); }
.cards { display: flex; flex-wrap: wrap; gap: .8rem; min-height: 190px; }
.cards p { color: var(--muted); margin: 0; }
.card { flex: 1 1 112px; max-width: 134px; font-size: .82rem; line-height: 1.3; }
.card img { width: 100%; cursor: pointer; }
.card i { display: block; height: 6px; margin: .3rem 0; border-radius: 3px;
  background: linear-gradient(to right, var(--accent) var(--share), var(--rule) var(--share)); }
.card span { float: right; color: var(--muted); }
@media (max-width: 1000px) { .scene { grid-template-columns: 1fr 1fr; } .told { grid-column: 1 / 3; } }
@media (max-width: 620px) { .scene { grid-template-columns: 1fr; } .told { grid-column: auto; } }
"""

SCRIPT = """
"use strict";
const { steps, pictures, actions, dark } = JSON.parse(document.getElementById("content").textContent);
const part = name => document.getElementById(name);
const scheme = matchMedia(dark), last = steps.length - 1;
let now = 0, view = "rgb", timer = 0;

function made(tag, text = "", kind = "") {
  const one = document.createElement(tag);
  one.textContent = text;
  if (kind) one.className = kind;
  return one;
}
function percent(share) { return share > 0 && share < 0.005 ? "<1 %" : Math.round(100 * share) + " %"; }
function bar(share) {
  const one = made("i");
  one.style.setProperty("--share", 100 * share + "%");
  return one;
}
function spoken(name, text, nothing) {
  part(name).textContent = text ? "\\u201c" + text + "\\u201d" : nothing;
  part(name).classList.toggle("silent", !text);
}
function chances(step) {
  const list = made("div", "", "chances");
  step.chances.forEach((chance, number) => {
    const tag = number === step.action ? "b" : "span";
    list.append(made(tag, actions[number] ?? "action " + number), made(tag, percent(chance)), bar(chance));
  });
  if (step.action === null) list.append(made("span", now === last ? "the recording ends here" : "it waits"));
  else if (!step.chances.length) list.append(made("b", actions[step.action] ?? "action " + step.action));
  return list;
}
function card([time, weight, kept]) {
  const one = made("div", "", "card"), image = made("img"), then = steps[time];
  if (then) {
    image.src = pictures[then.seen];
    image.alt = "seen at step " + time;
    image.tabIndex = 0;
    image.onclick = () => show(time);
    image.onkeydown = event => { if (event.key === "Enter") show(time); };
  }
  const line = made("div");
  line.append(made("b", percent(weight)), made("span", "step " + time + (kept ? ", " + kept : "")));
  const heard = then && then.words ? "\\u201c" + then.words + "\\u201d" : "silence";
  one.append(image, bar(weight), line, made("div", heard, then && then.words ? "" : "silent"));
  return one;
}
function reads({ title, moments, others, held }) {
  const section = made("section"), cards = made("div", "", "cards");
  const more = others ? "; " + others + " more" : "";
  section.append(made("h2", title + ": read now, of " + held + " stored" + more));
  cards.append(...(moments.length ? moments.map(card) : [made("p", "Nothing is read at this step.")]));
  section.append(cards);
  return section;
}
function draw() {
  const step = steps[now];
  part("view").src = pictures[step.views[view]];
  part("above").src = pictures[step.above];
  part("seen").src = pictures[step.seen];
  part("times").src = pictures[step.times[scheme.matches ? "dark" : "light"]];
  part("slider").value = now;
  part("count").textContent = "step " + now + " of " + last;
  spoken("words", step.words, "silence");
  spoken("instruction", step.instruction, "none");
  part("actions").replaceChildren(chances(step));
  part("facts").replaceChildren(...step.facts.map(text => made("li", text)));
  part("reads").replaceChildren(...step.reads.map(reads));
  document.querySelectorAll("[data-view]").forEach(b => b.setAttribute("aria-pressed", b.dataset.view === view));
}
function show(step) { now = Math.min(Math.max(step, 0), last); draw(); }
function stop() { clearInterval(timer); timer = 0; part("play").textContent = "Play"; }
function start() {
  if (now === last) show(0);
  part("play").textContent = "Pause";
  timer = setInterval(() => { show(now + 1); if (now === last) stop(); }, 1000 / part("speed").value);
}
function toggle() { if (timer) stop(); else start(); }

part("play").onclick = toggle;
part("back").onclick = () => { stop(); show(now - 1); };
part("on").onclick = () => { stop(); show(now + 1); };
part("slider").oninput = event => { stop(); show(Number(event.target.value)); };
part("speed").onchange = () => { if (timer) { stop(); start(); } };
document.querySelectorAll("[data-view]").forEach(b => { b.onclick = () => { view = b.dataset.view; draw(); }; });
scheme.addEventListener("change", draw);
document.addEventListener("keydown", event => {
  const keys = { ArrowLeft: () => show(now - 1), ArrowRight: () => show(now + 1), Home: () => show(0),
    End: () => show(last) };
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.tagName === "SELECT") return;
  if (event.key === " ") { event.preventDefault(); toggle(); }
  else if (keys[event.key]) { event.preventDefault(); stop(); keys[event.key](); }
});
const asked = Number(location.hash.slice(1));
show(Number.isFinite(asked) ? asked : 0);
"""
