"""Whether a walking disc gets everywhere in a room: a flood over a grid (numba)."""

import numpy as np
from numba import njit

WALKER = 0.35
"""Radius of the disc, metres: an agent of 0.2 m, and 0.15 m so that any grid of 0.1 m finds the way."""
CELL = 0.1


@njit(cache=True, nogil=True)
def reach(inner, rects, goals):  # type: ignore[no-untyped-def]
    """For each goal rectangle (G, 4), whether the disc's middle gets into it from the first one, among solid rectangles
    (N, 4) and inside `inner`, all x0, y0, x1, y1; and the share of the free floor that is reached."""
    x0, y0, x1, y1 = inner
    columns, rows = int((x1 - x0) / CELL), int((y1 - y0) / CELL)
    state = np.zeros((columns, rows), np.int8)  # 0 free, 1 blocked, 2 reached
    stack = np.empty((columns * rows, 2), np.int32)
    edge = int(np.ceil(WALKER / CELL - 0.5))
    state[:edge], state[columns - edge :], state[:, :edge], state[:, rows - edge :] = 1, 1, 1, 1
    for k in range(len(rects)):
        r = rects[k]
        for i in range(max(0, int((r[0] - WALKER - x0) / CELL)), min(columns, int((r[2] + WALKER - x0) / CELL) + 1)):
            for j in range(max(0, int((r[1] - WALKER - y0) / CELL)), min(rows, int((r[3] + WALKER - y0) / CELL) + 1)):
                x, y = x0 + (i + 0.5) * CELL, y0 + (j + 0.5) * CELL
                dx, dy = max(r[0] - x, x - r[2], 0.0), max(r[1] - y, y - r[3], 0.0)
                if dx * dx + dy * dy < WALKER * WALKER:
                    state[i, j] = 1
    size, first = 0, goals[0]
    for i in range(max(0, int((first[0] - x0) / CELL)), min(columns, int((first[2] - x0) / CELL) + 1)):
        for j in range(max(0, int((first[1] - y0) / CELL)), min(rows, int((first[3] - y0) / CELL) + 1)):
            if state[i, j] == 0:
                state[i, j] = 2
                stack[size] = i, j
                size += 1
    found, visited = np.zeros(len(goals), np.bool_), 0
    while size > 0:
        size, visited = size - 1, visited + 1
        i, j = stack[size]
        x, y = x0 + (i + 0.5) * CELL, y0 + (j + 0.5) * CELL
        for k in range(len(goals)):
            g = goals[k]
            found[k] = found[k] or (g[0] <= x <= g[2] and g[1] <= y <= g[3])
        for di, dj in ((1, 0), (-1, 0), (0, 1), (0, -1)):
            a, b = i + di, j + dj
            if 0 <= a < columns and 0 <= b < rows and state[a, b] == 0:
                state[a, b] = 2
                stack[size] = a, b
                size += 1
    return found, visited / max(1, visited + np.sum(state == 0))
