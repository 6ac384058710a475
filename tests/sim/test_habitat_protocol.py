"""Messages between Loci and the habitat process: a law for what is packed, and every broken rule by its name."""

import contextlib
import socket
import struct
import threading
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from loci.sim.backends.habitat import protocol
from loci.sim.backends.habitat.protocol import Closed, Message, ProtocolError, pack, receive, send, unpack

numbers = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
json_values = st.recursive(
    st.none() | st.booleans() | numbers | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
any_array = st.sampled_from(protocol.DTYPES).flatmap(
    lambda dtype: arrays.arrays(np.dtype(dtype), arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))
)
messages = st.builds(
    Message,
    st.integers(0, 2**40),
    st.text(max_size=10),
    st.dictionaries(st.text(max_size=5), json_values, max_size=3),
    st.dictionaries(st.text(max_size=5), any_array, max_size=3),
)


def equal(first: Message, second: Message) -> bool:
    plain = (first.number, first.kind, first.fields) == (second.number, second.kind, second.fields)
    names = list(first.arrays) == list(second.arrays)
    pairs = [(first.arrays[name], second.arrays[name]) for name in first.arrays] if names else []
    return plain and names and all((a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes()) for a, b in pairs)


@settings(max_examples=40, deadline=None)
@given(messages)
def test_what_is_packed_is_unpacked(message: Message) -> None:
    assert equal(unpack(pack(message)), message)


@settings(max_examples=40, deadline=None)
@given(messages, st.data())
def test_a_cut_message_is_refused(message: Message, data: st.DataObject) -> None:
    whole = pack(message)
    with pytest.raises(ProtocolError, match="bytes, got"):
        unpack(whole[: data.draw(st.integers(0, len(whole) - 1))])


@settings(max_examples=100, deadline=None)
@given(messages, st.data())
def test_a_damaged_message_is_refused_or_read_but_never_breaks_anything(message: Message, data: st.DataObject) -> None:
    damaged = bytearray(pack(message))
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(ProtocolError):
        unpack(bytes(damaged))


def holding(spec: str) -> bytes:
    return b'{"number":1,"kind":"x","fields":{},"arrays":[' + spec.encode() + b"]}"


def forged(header: bytes, payload: bytes = b"", version: int = protocol.VERSION, magic: bytes = b"LOCI") -> bytes:
    return struct.pack("<4sIIQ", magic, version, len(header), len(payload)) + header + payload


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "at least 20 bytes, got 0"),
        (forged(b"{}", magic=b"HTTP"), "begins with b'LOCI', got b'HTTP'"),
        (forged(b"{}", version=9), "speaks protocol version 9, this side 1"),
        (forged(b"[1]"), "must hold number, kind, fields, arrays"),
        (forged(b"\xff{"), "the header is not JSON"),
        (forged(b"[" * 100000), "the header is not JSON"),
        (forged(holding("3")), "an array needs a name"),
        (forged(holding(""), b"12"), "fill 0 of the 2 bytes"),
        (forged(holding('{"name":"a","dtype":"object","shape":[1]}')), "a dtype of"),
        (forged(holding('{"name":"a","dtype":["bool"],"shape":[1]}')), "a dtype of"),
        (forged(holding('{"name":"a","dtype":"bool","shape":[-1]}')), "a shape"),
        (forged(holding('{"name":"a","dtype":"int32","shape":[9,9]}'), b"1"), "ends beyond the 1 bytes"),
        (forged(holding('{"name":"a","dtype":"bool","shape":[0,1000000000,1000000000,1000000000]}')), "a shape"),
        (forged(holding(",".join(['{"name":"a","dtype":"bool","shape":[1]}'] * 2)), b"12"), "two arrays are called"),
        (struct.pack("<4sIIQ", b"LOCI", 1, 2**31, 0), "may have at most"),
        (struct.pack("<4sIIQ", b"LOCI", 1, 2, 2**60), "may have at most"),
    ],
)
def test_every_broken_rule_is_named(data: bytes, said: str) -> None:
    with pytest.raises(ProtocolError, match=said):
        unpack(data)


def test_only_plain_things_travel() -> None:
    with pytest.raises(ProtocolError, match="dtype object. Choices: bool"):
        pack(Message(1, "x", {}, {"a": np.array([object()])}))
    with pytest.raises(ProtocolError, match="not plain JSON"):
        pack(Message(1, "x", {"a": float("nan")}))
    with pytest.raises(ProtocolError, match="not plain JSON"):
        pack(Message(1, "x", {"a": object()}))


def test_too_much_is_refused_before_it_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "PAYLOAD_LIMIT", 100)
    pack(Message(1, "x", {}, {"a": np.zeros(100, np.uint8)}))
    with pytest.raises(ProtocolError, match="may have at most 16777216 and 100 bytes, got .* and 101"):
        pack(Message(1, "x", {}, {"a": np.zeros(101, np.uint8)}))


def test_messages_cross_a_socket_in_pieces_and_the_end_is_noticed() -> None:
    ours, theirs = socket.socketpair()
    message = Message(7, "render", {"kinds": ["rgb"]}, {"a": np.arange(300000, dtype=np.float64)})

    def talk() -> None:
        for _ in range(2):
            send(ours, message)
        ours.sendall(b"LO")
        ours.close()

    sender = threading.Thread(target=talk)
    sender.start()
    assert equal(receive(theirs, 10.0), message)
    assert equal(receive(theirs, 10.0), message)
    with pytest.raises(Closed, match="closed after 2 of 20 bytes"):
        receive(theirs, 10.0)
    sender.join()
    theirs.close()


def test_a_silent_partner_is_waited_for_only_so_long() -> None:
    ours, theirs = socket.socketpair()
    ours.sendall(b"LOCI")
    start = time.monotonic()
    with pytest.raises(TimeoutError):
        receive(theirs, 0.2)
    assert 0.15 < time.monotonic() - start < 2.0
    ours.close()
    theirs.close()
