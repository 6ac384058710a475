"""A headless Chromium, driven over its DevTools protocol: open pages, look at them, press keys, click, read errors.

The page is drawn in software, so that a machine without a GPU shows 3D as well, only slower.
"""

import base64
import http.client
import io
import itertools
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from websockets.sync.client import connect

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage"),
    *("--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"),
    *("--window-size=1280,800", "--remote-debugging-port=0", "--no-proxy-server"),
)
SIZE = {"width": 1280, "height": 800}
HARMLESS = ("favicon",)
"""Parts of console errors that say nothing about the page."""

KEYS = {
    "space": (" ", "Space", 32),
    "enter": ("Enter", "Enter", 13),
    "escape": ("Escape", "Escape", 27),
    "tab": ("Tab", "Tab", 9),
    "backspace": ("Backspace", "Backspace", 8),
    "arrowleft": ("ArrowLeft", "ArrowLeft", 37),
    "arrowup": ("ArrowUp", "ArrowUp", 38),
    "arrowright": ("ArrowRight", "ArrowRight", 39),
    "arrowdown": ("ArrowDown", "ArrowDown", 40),
}
"""DOM key, DOM code and Windows key code by name; letters and digits follow a rule."""

FIND = """
(text => {
  const visible = e => {
    const box = e.getBoundingClientRect();
    return box.width > 0 && box.height > 0 && getComputedStyle(e).visibility !== "hidden";
  };
  const named = e => [e.getAttribute("placeholder"), e.getAttribute("aria-label")].includes(text);
  const all = [...document.querySelectorAll("body *")].filter(visible);
  const exact = all.filter(e => named(e) || (e.innerText || "").trim() === text);
  let found = exact.filter(e => !exact.some(other => other !== e && e.contains(other)))[0];
  if (!found) return null;
  if (found.closest("label")) {
    const label = found.closest("label");
    let row = label;
    while (row && !row.querySelector("input, textarea, [role=slider]")) row = row.parentElement;
    found = label.control || (row && row.querySelector("input, textarea, [role=slider]")) || found;
    if (!visible(found)) found = label;
  }
  found.scrollIntoView({block: "nearest"});
  const box = found.getBoundingClientRect();
  return [box.x + box.width / 2, box.y + box.height / 2];
})
"""


class Missing(RuntimeError):
    """There is no Chromium here, or it draws no 3D."""


class PageError(RuntimeError):
    """The page refused a command: wrong JavaScript, an address that cannot be opened."""


class Chrome:
    """One browser with one page of 1280 x 800 pixels. Raises Missing where there is none. A context manager."""

    def __init__(self, patience: float = 30.0) -> None:
        program = next(filter(None, map(shutil.which, PROGRAMS)), None)
        if program is None:
            raise Missing(f"none of {', '.join(PROGRAMS)} is installed")
        self.patience = patience
        self._numbers = itertools.count(1)
        self._errors: list[str] = []
        self._profile = tempfile.mkdtemp(prefix="chrome-")
        self._process = subprocess.Popen(
            [program, *FLAGS, f"--user-data-dir={self._profile}", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            self._line = connect(
                self._page_address(), max_size=None, max_queue=None, ping_interval=None, close_timeout=1, proxy=None
            )
            for domain in ("Page", "Runtime", "Log"):
                self.call(f"{domain}.enable")
            self.call("Emulation.setDeviceMetricsOverride", **SIZE, deviceScaleFactor=1, mobile=False)
        except BaseException:
            self._kill()
            raise

    def __enter__(self) -> "Chrome":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """A command of the DevTools protocol and its result; events that come meanwhile are kept."""
        number = next(self._numbers)
        self._line.send(json.dumps({"id": number, "method": method, "params": parameters}))
        until = time.monotonic() + self.patience
        while True:
            try:
                message = json.loads(self._line.recv(timeout=max(until - time.monotonic(), 0.0)))
            except TimeoutError:
                raise TimeoutError(f"Chromium did not answer {method} within {self.patience} s") from None
            if message.get("id") != number:
                self._note(message)
            elif "error" in message:
                raise PageError(f"{method}: {message['error']['message']}")
            else:
                return dict(message["result"])

    def open(self, url: str) -> None:
        """Go to an address and wait until its document is loaded; errors of the page before are forgotten."""
        self._errors.clear()
        failed = self.call("Page.navigate", url=url).get("errorText")
        if failed:
            raise PageError(f"{url}: {failed}")
        self.wait("document.readyState === 'complete'", self.patience)

    def evaluate(self, js: str) -> Any:
        """The value of an expression, a promise's once it is there; it must be JSON."""
        answer = self.call("Runtime.evaluate", expression=js, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise PageError(f"{js}: {_text_of(answer['exceptionDetails'])}")
        return answer["result"].get("value")

    def wait(self, condition: str, seconds: float) -> float:
        """Seconds until the JavaScript condition held; raises TimeoutError with what the page says if it does not."""
        begun = time.monotonic()
        while True:
            try:
                if self.evaluate(f"Boolean({condition})"):
                    return time.monotonic() - begun
            except PageError as error:  # the page may be about to change
                reason = str(error)
            else:
                reason = self.body_text()[:500]
            if time.monotonic() - begun > seconds:
                raise TimeoutError(f"not within {seconds} s: {condition}; the page says: {reason}")
            time.sleep(0.05)

    def body_text(self) -> str:
        return str(self.evaluate("document.body ? document.body.innerText : ''"))

    def screenshot(self, path: str | Path | None = None) -> np.ndarray:
        """The page as (H, W, 3) uint8, also written to `path` if given."""
        data = base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])
        if path is not None:
            Path(path).write_bytes(data)
        return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))

    def press(self, key: str, hold: float = 0.0, every: float = 0.1) -> None:
        """Press a letter, a digit or one of KEYS; held for `hold` seconds it repeats itself `every` so many."""
        name, code, number = _key(key)
        text = "\r" if name == "Enter" else name if len(name) == 1 else ""
        common = {"key": name, "code": code, "windowsVirtualKeyCode": number}
        down = {"type": "keyDown" if text else "rawKeyDown", **common, **({"text": text} if text else {})}
        self.call("Input.dispatchKeyEvent", **down)
        for _ in range(round(hold / every)):
            time.sleep(every)
            self.call("Input.dispatchKeyEvent", **down, autoRepeat=True)
        self.call("Input.dispatchKeyEvent", type="keyUp", **common)

    def type(self, text: str) -> None:
        """Put text where the cursor is."""
        self.call("Input.insertText", text=text)

    def click(self, x: float, y: float) -> None:
        """Left button at pixels from the upper left corner of the page."""
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def click_text(self, text: str) -> None:
        """Click what shows exactly this text or has it as placeholder or aria-label; for a label, its input."""
        where = self.evaluate(f"{FIND}({json.dumps(text)})")
        if where is None:
            raise PageError(f"nothing visible is called {text!r}; the page says: {self.body_text()[:500]}")
        self.click(*where)

    def leave_field(self) -> None:
        """Take the cursor out of a field or off a button, so that keys go to the page."""
        self.evaluate("document.activeElement && document.activeElement.blur()")

    def renderer(self) -> str:
        """What draws WebGL2; "" if nothing does."""
        return str(
            self.evaluate(
                "(gl => gl ? gl.getParameter((gl.getExtension('WEBGL_debug_renderer_info') || {})"
                ".UNMASKED_RENDERER_WEBGL || gl.RENDERER) : '')(document.createElement('canvas').getContext('webgl2'))"
            )
        )

    def console_errors(self) -> list[str]:
        """Errors since the page was opened: exceptions, failed loads and console.error, without harmless ones."""
        self.evaluate("0")
        return [error for error in self._errors if not any(part in error for part in HARMLESS)]

    def close(self) -> None:
        """End the browser with all its processes and remove its profile."""
        try:
            self._line.close()
        finally:
            self._kill()

    def _kill(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        shutil.rmtree(self._profile, ignore_errors=True)

    def _page_address(self) -> str:
        port = self._port()
        line = http.client.HTTPConnection("127.0.0.1", port, timeout=self.patience)
        line.request("GET", "/json/list")
        pages = [target for target in json.loads(line.getresponse().read()) if target["type"] == "page"]
        line.close()
        return str(pages[0]["webSocketDebuggerUrl"])

    def _port(self) -> int:
        """Chromium writes the port it took into its profile."""
        file = Path(self._profile, "DevToolsActivePort")
        until = time.monotonic() + self.patience
        while time.monotonic() < until and self._process.poll() is None:
            if file.exists() and file.read_text().count("\n"):
                return int(file.read_text().split("\n")[0])
            time.sleep(0.02)
        raise Missing(f"Chromium did not start within {self.patience} s")

    def _note(self, message: dict[str, Any]) -> None:
        """Keep an event that tells of an error."""
        method, parameters = message.get("method"), message.get("params", {})
        if method == "Runtime.exceptionThrown":
            self._errors.append(_text_of(parameters["exceptionDetails"]))
        elif method == "Log.entryAdded" and parameters["entry"]["level"] == "error":
            self._errors.append(f"{parameters['entry']['text']} {parameters['entry'].get('url', '')}".strip())
        elif method == "Runtime.consoleAPICalled" and parameters["type"] == "error":
            said = (str(one.get("value", one.get("description", ""))) for one in parameters["args"])
            self._errors.append(" ".join(said))


def _key(key: str) -> tuple[str, str, int]:
    """DOM key, DOM code and Windows key code."""
    if len(key) == 1 and key.isascii() and key.isalnum():
        return key.lower(), f"{'Digit' if key.isdigit() else 'Key'}{key.upper()}", ord(key.upper())
    if key.lower() not in KEYS:
        raise ValueError(f"key must be a letter, a digit or one of {', '.join(KEYS)}, got {key!r}")
    return KEYS[key.lower()]


def _text_of(details: dict[str, Any]) -> str:
    return str(details.get("exception", {}).get("description", details["text"]))
