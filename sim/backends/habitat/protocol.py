"""Messages between Loci and the process that runs habitat-sim. Standard library and numpy only, Python 3.10 or later.

A message is a prefix, a header and a payload. Prefix: b"LOCI", version (u32), bytes of the header (u32), bytes of the
payload (u64), little endian. Header: a JSON object {"number", "kind", "fields", "arrays"}, the last a list of
{"name", "dtype", "shape"}. Payload: these arrays one after the other, C order, little endian. Nothing is pickled.

Loci asks, the server answers with the same number: kind "done", or "failed" with fields {"type", "message"}. Both sides
speak Loci's conventions: metres, radians, z up, `wxyz`, OpenCV camera axes, bodies by index.

- hello → fields key, python, numpy, habitat_sim: who is there. The key proves that it is the process that was started.
- load {dataset, scene, scan, seed, gpu, radius, height, knee} → {bodies}: how many there are. For a scan also names,
  categories and rooms, with arrays boxes (N, 6) and room_boxes (R, 6): centre and half extents; spawn (3,).
- place, arrays bodies (n,), positions (n, 3), wxyz (n, 4), loose (n,): teleport; what is loose blocks nothing.
- stand, array position (3,) → {free, clearance} and nearest (3,): whether the agent fits there, and where it would.
- walk, arrays start (3,), moves (n, 3) → end (3,), climbed (1,): along the navigation mesh, sliding at its border.
- render {height, width, fov, kinds}, arrays eyes (C, 3), axes (C, 3, 3) → one array a kind, (C, height, width, …).
- close: the server ends.
"""

import json
import math
import socket
import struct
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np

VERSION = 1
MAGIC = b"LOCI"
PREFIX = struct.Struct("<4sIIQ")
HEADER_LIMIT = 16 * 2**20
PAYLOAD_LIMIT = 2**30
DIMENSIONS = 8
DTYPES = ("bool", "uint8", "int32", "int64", "uint32", "float32", "float64")
KINDS = ("hello", "load", "place", "stand", "walk", "render", "close")


class ProtocolError(RuntimeError):
    """A message that breaks the rules; the message says which."""


class Closed(ConnectionError):
    """The other side went away."""


@dataclass
class Message:
    """A request or an answer: `number` pairs them, `fields` is JSON, `arrays` are of DTYPES."""

    number: int
    kind: str
    fields: dict[str, Any] = field(default_factory=dict)
    arrays: dict[str, np.ndarray] = field(default_factory=dict)


def pack(message: Message) -> bytes:
    """The bytes of a message. ProtocolError for a dtype, a number or a size that cannot travel."""
    specs, blocks = [], []
    for name, value in message.arrays.items():
        array = np.asarray(value)
        if array.dtype.name not in DTYPES:
            raise ProtocolError(f"array {name!r} has dtype {array.dtype}. Choices: {', '.join(DTYPES)}")
        specs.append({"name": name, "dtype": array.dtype.name, "shape": list(array.shape)})
        blocks.append(array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes())
    header = {"number": message.number, "kind": message.kind, "fields": message.fields, "arrays": specs}
    try:
        text = json.dumps(header, allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        raise ProtocolError(f"the fields of {message.kind!r} are not plain JSON: {error}") from error
    payload = b"".join(blocks)
    _check_sizes(len(text), len(payload))
    return PREFIX.pack(MAGIC, VERSION, len(text), len(payload)) + text + payload


def unpack(data: bytes) -> Message:
    """The message that `pack` made these bytes of; ProtocolError says what is wrong with any others."""
    if len(data) < PREFIX.size:
        raise ProtocolError(f"a message has at least {PREFIX.size} bytes, got {len(data)}")
    header, payload = _sizes(data[: PREFIX.size])
    if len(data) != PREFIX.size + header + payload:
        raise ProtocolError(f"the prefix promises {PREFIX.size + header + payload} bytes, got {len(data)}")
    return _message(data[PREFIX.size : PREFIX.size + header], data[PREFIX.size + header :])


def send(link: socket.socket, message: Message, timeout: float | None = None) -> None:
    """Write a whole message; TimeoutError after `timeout` seconds, Closed when nobody listens any more."""
    link.settimeout(timeout)
    try:
        link.sendall(pack(message))
    except (BrokenPipeError, ConnectionResetError) as error:
        raise Closed("the connection was closed while a message was sent") from error


def receive(link: socket.socket, timeout: float | None = None) -> Message:
    """Read a whole message; TimeoutError after `timeout` seconds for all of it, Closed at the end of the stream."""
    deadline = None if timeout is None else time.monotonic() + timeout
    header, payload = _sizes(_read(link, PREFIX.size, deadline))
    return _message(_read(link, header, deadline), _read(link, payload, deadline))


def _read(link: socket.socket, count: int, deadline: float | None) -> bytes:
    data = bytearray(count)
    view, got = memoryview(data), 0
    while got < count:
        link.settimeout(None if deadline is None else max(deadline - time.monotonic(), 1e-3))
        try:
            read = link.recv_into(view[got:])
        except ConnectionResetError:
            read = 0
        if not read:
            raise Closed(f"the connection was closed after {got} of {count} bytes")
        got += read
    return bytes(data)


def _sizes(prefix: bytes) -> tuple[int, int]:
    """Bytes of the header and of the payload."""
    magic, version, header, payload = PREFIX.unpack(prefix)
    if magic != MAGIC:
        raise ProtocolError(f"a message begins with {MAGIC!r}, got {magic!r}")
    if version != VERSION:
        raise ProtocolError(
            f"the other side speaks protocol version {version}, this side {VERSION}: update one of them"
        )
    _check_sizes(header, payload)
    return header, payload


def _check_sizes(header: int, payload: int) -> None:
    if header > HEADER_LIMIT or payload > PAYLOAD_LIMIT:
        limits = f"at most {HEADER_LIMIT} and {PAYLOAD_LIMIT}"
        raise ProtocolError(f"header and payload may have {limits} bytes, got {header} and {payload}")


def _message(text: bytes, payload: bytes) -> Message:
    try:
        header = json.loads(text.decode())
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"the header is not JSON: {error}") from error
    types = {"number": int, "kind": str, "fields": dict, "arrays": list}
    if not isinstance(header, dict) or any(not isinstance(header.get(name), kind) for name, kind in types.items()):
        raise ProtocolError(f"the header must hold {', '.join(types)}, got {str(header)[:200]}")
    return Message(header["number"], header["kind"], header["fields"], _arrays(header["arrays"], payload))


def _arrays(specs: list[Any], payload: bytes) -> dict[str, np.ndarray]:
    arrays: dict[str, np.ndarray] = {}
    place = 0
    for spec in specs:
        name, dtype, shape = _spec(spec)
        if name in arrays:
            raise ProtocolError(f"two arrays are called {name!r}")
        size = math.prod(shape) * dtype.itemsize
        if place + size > len(payload):
            raise ProtocolError(f"array {name!r} of shape {shape} ends beyond the {len(payload)} bytes of the payload")
        values = np.frombuffer(payload, dtype, math.prod(shape), place) if size else np.zeros(0, dtype)
        arrays[name] = values.reshape(shape).astype(dtype.newbyteorder("="))
        place += size
    if place != len(payload):
        raise ProtocolError(f"the arrays fill {place} of the {len(payload)} bytes of the payload")
    return arrays


def _spec(spec: Any) -> tuple[str, np.dtype[Any], tuple[int, ...]]:
    known = isinstance(spec, dict) and isinstance(spec.get("name"), str) and spec.get("dtype") in DTYPES
    if not known or not _is_shape(spec.get("shape")):
        raise ProtocolError(f"an array needs a name, a dtype of {', '.join(DTYPES)} and a shape, got {str(spec)[:200]}")
    return spec["name"], np.dtype(spec["dtype"]).newbyteorder("<"), tuple(spec["shape"])


def _is_shape(shape: Any) -> bool:
    sizes = isinstance(shape, list) and len(shape) <= DIMENSIONS and all(type(n) is int and n >= 0 for n in shape)
    return sizes and math.prod(max(n, 1) for n in shape) <= PAYLOAD_LIMIT
