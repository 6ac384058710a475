"""Observations in the form that learning libraries expect."""

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.utils import RecordConstructorArgs


class TokenWords(gymnasium.ObservationWrapper[dict[str, Any], Any, dict[str, Any]], RecordConstructorArgs):
    """Every text of a Dict observation as a table of letters: uint8 (length, letters of the space's alphabet), a row a
    letter with a single 1; the rows after the end are 0.

    `length` defaults to the longest text that the space allows; fewer rows make a smaller network. Raises ValueError
    for a text that does not fit, and for an environment whose observations hold no text.
    """

    def __init__(self, env: gymnasium.Env[dict[str, Any], Any], length: int | None = None) -> None:
        RecordConstructorArgs.__init__(self, length=length)
        gymnasium.ObservationWrapper.__init__(self, env)
        parts = dict(env.observation_space.spaces) if isinstance(env.observation_space, spaces.Dict) else {}
        self._texts = {name: space for name, space in parts.items() if isinstance(space, spaces.Text)}
        if not self._texts:
            raise ValueError(f"TokenWords needs a Dict observation with a Text in it, got {env.observation_space}")
        if length is not None and length < 1:
            raise ValueError(f"length must be 1 or more letters, got {length}")
        self._shapes = {name: (length or text.max_length, len(text.characters)) for name, text in self._texts.items()}
        tables = {name: spaces.Box(0, 1, shape, np.uint8) for name, shape in self._shapes.items()}
        self.observation_space = spaces.Dict(parts | tables)

    def observation(self, observation: dict[str, Any]) -> dict[str, Any]:
        return observation | {name: self._table(name, observation[name]) for name in self._texts}

    def _table(self, name: str, text: str) -> np.ndarray:
        table = np.zeros(self._shapes[name], np.uint8)
        if len(text) > len(table):
            raise ValueError(f"{name} has {len(text)} letters, but length is {len(table)}: make it longer. {text!r}")
        columns = [self._texts[name].character_index(letter) for letter in text]
        table[np.arange(len(text)), columns] = 1
        return table
