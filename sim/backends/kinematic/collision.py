"""Where a walking disc may stand: footprints of bodies on the floor, and walking that slides along them (numba).

A footprint row is (x, y, cos yaw, sin yaw, half length, half width, body); a round one has half width -1 and its
radius as half length. Metres, world frame; body is the index in `World.bodies`.
"""

import numpy as np
from numba import njit

from loci.sim.render.pack import BOX, EMPTY, MESH, PLANE, SPHERE

COLUMNS = 7
PUSHES = 8
SLACK = 1e-4
UPRIGHT = 0.999


@njit(cache=True, nogil=True)
def footprints(rows, kind, size, position, rotation, body, held, knee, head):  # type: ignore[no-untyped-def]
    """Fill rows (P, 7) with the parts (P,) of one world that reach into the heights `knee`..`head`; their number.

    Parts are given as the fields of a `Scene` row. Planes, and the body `held`, block nothing. A part that is neither
    upright nor a sphere stands for its bounding rectangle along the world's axes.
    """
    count = 0
    for i in range(len(kind)):
        if kind[i] == EMPTY or kind[i] == PLANE or body[i] == held:
            continue
        axes, half = rotation[i], size[i]
        reach = np.abs(axes[:, 0]) * half[0] + np.abs(axes[:, 1]) * half[1] + np.abs(axes[:, 2]) * half[2]
        if position[i, 2] + reach[2] < knee or position[i, 2] - reach[2] > head:
            continue
        row, upright = rows[count], abs(axes[2, 2]) > UPRIGHT
        row[0], row[1], row[2], row[3], row[6] = position[i, 0], position[i, 1], 1.0, 0.0, body[i]
        if kind[i] == SPHERE or (upright and kind[i] != BOX and kind[i] != MESH):
            row[4], row[5] = half[0], -1.0
        elif upright:
            row[2], row[3], row[4], row[5] = axes[0, 0], axes[1, 0], half[0], half[1]
        else:
            row[4], row[5] = reach[0], reach[1]
        count += 1
    return count


@njit(cache=True, nogil=True, error_model="numpy")
def penetration(x, y, row, radius):  # type: ignore[no-untyped-def]
    """Push (dx, dy, depth) that takes a disc at (x, y) out of one footprint; depth <= 0 means clear of it."""
    dx, dy = x - row[0], y - row[1]
    if row[5] < 0.0:
        distance = np.sqrt(dx * dx + dy * dy)
        if distance < 1e-9:
            return 1.0, 0.0, radius + row[4]
        return dx / distance, dy / distance, radius + row[4] - distance
    along, across = dx * row[2] + dy * row[3], dy * row[2] - dx * row[3]
    out_along, out_across = abs(along) - row[4], abs(across) - row[5]
    sign_along, sign_across = (1.0 if along >= 0 else -1.0), (1.0 if across >= 0 else -1.0)
    if out_along <= 0.0 and out_across <= 0.0:
        inside_along = out_along > out_across
        a, c = (sign_along, 0.0) if inside_along else (0.0, sign_across)
        depth = radius - (out_along if inside_along else out_across)
    else:
        a, c = max(out_along, 0.0) * sign_along, max(out_across, 0.0) * sign_across
        distance = np.sqrt(a * a + c * c)
        a, c, depth = a / distance, c / distance, radius - distance
    return a * row[2] - c * row[3], a * row[3] + c * row[2], depth


@njit(cache=True, nogil=True)
def overlapping(x, y, rows, count, radius):  # type: ignore[no-untyped-def]
    """Index of the footprint a disc overlaps most, -1 if none."""
    worst, deepest = -1, SLACK
    for i in range(count):
        depth = penetration(x, y, rows[i], radius)[2]
        if depth > deepest:
            worst, deepest = i, depth
    return worst


@njit(cache=True, nogil=True)
def _slide(x, y, rows, count, radius):  # type: ignore[no-untyped-def]
    """Pushed out of whatever it overlaps most, several times over; the flag says whether it came free."""
    for _ in range(PUSHES):
        worst = overlapping(x, y, rows, count, radius)
        if worst < 0:
            return x, y, True
        dx, dy, depth = penetration(x, y, rows[worst], radius)
        x, y = x + dx * (depth + SLACK / 2), y + dy * (depth + SLACK / 2)
    return x, y, overlapping(x, y, rows, count, radius) < 0


@njit(cache=True, nogil=True)
def walk(position, yaw, velocity, turn, seconds, rows, counts, radius):  # type: ignore[no-untyped-def]
    """Move B discs in place for `seconds`, turning and walking at once in steps of at most half a radius.

    position (B, 3), yaw (B,), velocity (B, 2) forward and left in m/s, turn (B,) rad/s, rows (B, M, 7), counts (B,).
    Where no free place is found the disc stays. Returns the velocity (B, 2) that was achieved along the first heading.
    """
    applied = np.zeros_like(velocity)
    for b in range(len(yaw)):
        speed = np.sqrt(velocity[b, 0] ** 2 + velocity[b, 1] ** 2)
        steps = max(1, int(np.ceil(max(speed * seconds / (0.5 * radius), abs(turn[b]) * seconds / 0.2))))
        dt = seconds / steps
        x0, y0, first = position[b, 0], position[b, 1], yaw[b]
        for _ in range(steps if speed > 0.0 else 0):
            middle = yaw[b] + 0.5 * turn[b] * dt
            c, s = np.cos(middle), np.sin(middle)
            x = position[b, 0] + (velocity[b, 0] * c - velocity[b, 1] * s) * dt
            y = position[b, 1] + (velocity[b, 0] * s + velocity[b, 1] * c) * dt
            x, y, free = _slide(x, y, rows[b], counts[b], radius)
            if free:
                position[b, 0], position[b, 1] = x, y
            yaw[b] += turn[b] * dt
        yaw[b] = (first + turn[b] * seconds + np.pi) % (2.0 * np.pi) - np.pi
        dx, dy = (position[b, 0] - x0) / seconds, (position[b, 1] - y0) / seconds
        applied[b, 0] = dx * np.cos(first) + dy * np.sin(first)
        applied[b, 1] = dy * np.cos(first) - dx * np.sin(first)
    return applied
