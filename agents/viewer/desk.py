"""What widgets of the page share: the server, the colours, and a way in which nothing that is refused gets lost."""

import time
from collections.abc import Callable
from typing import Any

import viser

from loci.agents.viewer.pictures import Theme

PATIENCE = 6.0
"""Seconds for which a notification stays."""


class Desk:
    """Callbacks of widgets go through `when`, words for the visitors through `tell`."""

    def __init__(self, server: viser.ViserServer, theme: Theme) -> None:
        self.server, self.gui, self.theme = server, server.gui, theme
        self.notices: list[str] = []

    def tell(self, text: str, title: str = "Loci") -> None:
        """A notification for every visitor."""
        self.notices.append(text)
        for client in self.server.get_clients().values():
            client.add_notification(title, text, auto_close_seconds=PATIENCE)

    def refuse(self, text: str) -> None:
        self.tell(text, "That cannot be done")

    def when(self, deed: Callable[[Any], Any]) -> Callable[[Any], None]:
        """A callback that does a deed with the event's target, unless the page itself has set it."""

        def callback(event: Any) -> None:
            if getattr(event, "client_id", 0) is None:
                return
            try:
                deed(event.target)
            except (ValueError, RuntimeError) as refusal:
                self.refuse(str(refusal))

        return callback


class Paced:
    """Lets something happen only when its occasion has changed, and so many times a second at most; `count` says how
    often it has."""

    def __init__(self, hertz: float) -> None:
        self.period, self._last, self._occasion = 1.0 / hertz, -1e9, (object(),)
        self.count = 0

    def due(self, *occasion: Any) -> bool:
        if occasion == self._occasion or time.monotonic() - self._last < self.period:
            return False
        self._last, self._occasion = time.monotonic(), occasion
        self.count += 1
        return True
