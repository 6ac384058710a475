"""The gate against a target that counts who reaches it: what is let in, what is refused, and that no byte is lost."""

import hashlib
import http.client
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest

from loci.agents.viewer.gate import HEADER, Gate, free_port, is_loopback

TOKEN = "the-right-token"
BIG = 5_000_000
COOKIE = {"Cookie": f"theme=dark; loci={TOKEN}; other=1"}
HEAD = f"GET / HTTP/1.1\r\nCookie: loci={TOKEN}\r\n\r\n".encode()


class Page(BaseHTTPRequestHandler):
    """Answers GET with the asked path or BIG bytes, POST with the digest of the body."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(bytes(BIG) if self.path == "/big" else f"page {self.path}".encode())

    def do_POST(self) -> None:
        self._answer(hashlib.sha256(self.rfile.read(int(self.headers["Content-Length"]))).hexdigest().encode())

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class Target(ThreadingHTTPServer):
    """Counts its connections."""

    daemon_threads = True
    reached = 0

    def get_request(self) -> tuple[socket.socket, tuple[str, int]]:
        self.reached += 1
        return super().get_request()


@pytest.fixture
def target() -> Iterator[Target]:
    with Target(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def gate(target: Target) -> Iterator[Gate]:
    with Gate("127.0.0.1", 0, ("127.0.0.1", target.server_port), TOKEN, patience=0.3) as opened:
        yield opened


def ask(gate: Gate, path: str, method: str = "GET", body: bytes = b"", **headers: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", gate.port, timeout=5)
    connection.request(method, path, body, headers)
    return connection.getresponse()


def send(gate: Gate, data: bytes) -> bytes:
    """All that comes back on a raw connection."""
    with socket.create_connection(("127.0.0.1", gate.port), timeout=5) as line:
        line.sendall(data)
        return b"".join(iter(lambda: line.recv(65536), b""))


def ended(line: socket.socket) -> bool:
    try:
        return line.recv(10) == b""
    except ConnectionResetError:
        return True


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/", {}),
        ("/?token=", {}),
        ("/?token=wrong", {}),
        ("/?xtoken=" + TOKEN, {}),
        ("/" + TOKEN, {}),
        (f"/?token={TOKEN}x", {}),
        ("/?token=%C3%A9", {}),
        ("/", {"Cookie": "loci=wrong"}),
        ("/", {"Cookie": f"xloci={TOKEN}"}),
        ("/", {"X-Cookie": f"loci={TOKEN}"}),
        ("/", {"Cookie": "loci=\xe9"}),
    ],
)
def test_without_the_token_nothing_reaches_the_target(gate: Gate, target: Target, path: str, headers: dict[str, str]):
    answer = ask(gate, path, **headers)
    assert answer.status == 401
    assert "printed in the terminal" in answer.read().decode()
    assert answer.getheader("Set-Cookie") is None
    assert target.reached == 0


@pytest.mark.parametrize(
    ("path", "clean"),
    [
        ("/?token={}", "/"),
        ("/?a=1&token={}&b=%20", "/?a=1&b=%20"),
        ("/some/page?token={}", "/some/page"),
        ("//other.host/x?token={}", "/other.host/x"),
        ("/\\other.host?token={}", "/other.host"),
    ],
)
def test_the_token_is_changed_into_a_cookie(gate: Gate, target: Target, path: str, clean: str):
    answer = ask(gate, path.format(TOKEN))
    assert answer.status == 303
    assert answer.getheader("Location") == clean
    assert answer.getheader("Set-Cookie") == f"loci={TOKEN}; HttpOnly; SameSite=Strict; Path=/"
    assert target.reached == 0


def test_the_cookie_lets_in(gate: Gate, target: Target):
    assert ask(gate, "/page?x=1", **COOKIE).read() == b"page /page?x=1"
    assert target.reached == 1


@pytest.mark.parametrize(
    ("origin", "status"),
    [("http://{}", 200), ("https://{}", 200), ("http://127.0.0.1:1", 401), ("http://localhost", 401), ("null", 401)],
)
def test_pages_of_other_servers_are_kept_out(gate: Gate, target: Target, origin: str, status: int):
    answer = ask(gate, "/", **COOKIE, Origin=origin.format(f"127.0.0.1:{gate.port}"))
    assert answer.status == status
    assert target.reached == (status == 200)


def test_a_connection_stays_open_for_more_requests(gate: Gate, target: Target):
    connection = http.client.HTTPConnection("127.0.0.1", gate.port, timeout=5)
    for number in range(3):
        connection.request("GET", f"/{number}", headers=COOKIE)
        assert connection.getresponse().read() == f"page /{number}".encode()
    connection.close()
    assert target.reached == 1


def test_the_printed_address_opens(gate: Gate):
    parts = urlsplit(gate.address)
    assert (parts.hostname, parts.port) == ("127.0.0.1", gate.port)
    assert ask(gate, f"{parts.path}?{parts.query}").status == 303


def test_big_transfers_arrive_whole(gate: Gate):
    body = bytes(range(256)) * (BIG // 256)
    assert ask(gate, "/", "POST", body, **COOKIE).read().decode() == hashlib.sha256(body).hexdigest()
    assert ask(gate, "/big", **COOKIE).read() == bytes(BIG)


def test_websockets_pass(gate: Gate, target: Target):
    serve = pytest.importorskip("websockets.sync.server").serve
    from websockets.exceptions import InvalidStatus
    from websockets.sync.client import connect

    with serve(lambda line: [line.send(message) for message in line], "127.0.0.1", 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with Gate("127.0.0.1", 0, server.socket.getsockname(), TOKEN) as opened:
            url = f"ws://127.0.0.1:{opened.port}/"
            with pytest.raises(InvalidStatus, match="401"):
                connect(url, proxy=None)
            with connect(url, additional_headers=COOKIE, proxy=None) as line:
                for message in ("text", b"\x00\xff" * 100_000, ""):
                    line.send(message)
                    assert line.recv(timeout=5) == message
        server.shutdown()


def test_slow_headers_are_refused(gate: Gate, target: Target):
    begun = time.monotonic()
    assert send(gate, f"GET / HTTP/1.1\r\nCookie: loci={TOKEN}\r\n".encode()).startswith(b"HTTP/1.1 401")
    assert 0.25 < time.monotonic() - begun < 3.0
    assert target.reached == 0


@pytest.mark.parametrize("size", [HEADER + 1, 4 * HEADER])
def test_long_headers_are_refused(gate: Gate, target: Target, size: int):
    with suppress(ConnectionError):  # refused before all of it was read
        answer = send(gate, b"GET / HTTP/1.1\r\nCookie: loci=%s; p=%s\r\n\r\n" % (TOKEN.encode(), b"x" * size))
        assert answer.startswith(b"HTTP/1.1 401")
    assert target.reached == 0


def test_headers_just_below_the_limit_pass(gate: Gate):
    head = f"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nCookie: loci={TOKEN}; p=".encode()
    answer = send(gate, head + b"x" * (HEADER - len(head) - 4) + b"\r\n\r\n")
    assert answer.endswith(b"page /")


@pytest.mark.parametrize("head", [b"\r\n\r\n", b"\x16\x03\x01\x02\r\n\r\n", b"GET /?token=%s\r\n\r\n" % TOKEN.encode()])
def test_what_is_no_http_is_refused(gate: Gate, target: Target, head: bytes):
    assert send(gate, head).startswith(b"HTTP/1.1 401")
    assert target.reached == 0


def test_a_target_that_is_gone_is_named(gate: Gate):
    with Gate("127.0.0.1", 0, ("127.0.0.1", free_port()), TOKEN) as opened:
        answer = ask(opened, "/", **COOKIE)
        assert answer.status == 502
        assert "not running" in answer.read().decode()


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Both ends of a connection through a gate: the client's and the target's."""
    server = socket.create_server(("127.0.0.1", 0))
    with server, Gate("127.0.0.1", 0, server.getsockname(), TOKEN) as opened:
        client = socket.create_connection(("127.0.0.1", opened.port), timeout=5)
        client.sendall(HEAD)
        server.settimeout(5)
        accepted = server.accept()[0]
        accepted.settimeout(1)
        assert accepted.recv(len(HEAD), socket.MSG_WAITALL) == HEAD
        with client, accepted:
            yield client, accepted


def test_a_target_that_hangs_up_ends_the_connection(ends: tuple[socket.socket, socket.socket]):
    client, accepted = ends
    accepted.close()
    assert ended(client)


def test_a_client_that_has_said_all_still_gets_its_answer(ends: tuple[socket.socket, socket.socket]):
    client, accepted = ends
    client.shutdown(socket.SHUT_WR)
    assert accepted.recv(10) == b""
    accepted.sendall(b"answer")
    assert client.recv(10) == b"answer"


def test_a_client_that_does_not_read_holds_the_target_up(ends: tuple[socket.socket, socket.socket]):
    _, accepted = ends
    with pytest.raises(TimeoutError):
        accepted.sendall(bytes(64_000_000))


def test_close_ends_threads_and_connections(target: Target, caplog: pytest.LogCaptureFixture):
    before = set(threading.enumerate())
    opened = Gate("127.0.0.1", 0, ("127.0.0.1", target.server_port), TOKEN).start()
    silent = socket.create_connection(("127.0.0.1", opened.port), timeout=5)
    busy = http.client.HTTPConnection("127.0.0.1", opened.port, timeout=5)
    busy.request("GET", "/", headers=COOKIE)
    assert busy.getresponse().read() == b"page /"
    opened.close()
    opened.close()
    assert {t for t in set(threading.enumerate()) - before if t.name == "loci-gate"} == set()
    assert ended(silent)
    assert ended(busy.sock)
    assert caplog.records == []
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", opened.port), timeout=5)
    with pytest.raises(RuntimeError, match="only once"):
        opened.start()


def test_only_the_asked_address_is_bound(monkeypatch: pytest.MonkeyPatch):
    bound = []
    bind = socket.socket.bind

    def spy(line: socket.socket, address: tuple[str, int]) -> None:
        bind(line, address)
        bound.append(line.getsockname())

    monkeypatch.setattr(socket.socket, "bind", spy)
    with Gate("127.0.0.2", 0, ("127.0.0.1", 1), TOKEN) as opened:
        socket.create_connection(("127.0.0.2", opened.port), timeout=5).close()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", opened.port), timeout=5)
        assert bound == [("127.0.0.2", opened.port)]


def test_tokens_are_made_up_and_differ():
    tokens = {Gate("127.0.0.1", 0, ("127.0.0.1", 1)).token for _ in range(20)}
    assert len(tokens) == 20
    assert min(map(len, tokens)) >= 22  # 16 bytes in base64


def test_the_address_of_a_gate_on_every_interface_names_the_machine():
    assert (
        Gate("0.0.0.0", 8080, ("127.0.0.1", 1), TOKEN).address == f"http://{socket.gethostname()}:8080/?token={TOKEN}"
    )
    for host in ("::1", "[::1]"):
        assert Gate(host, 8080, ("127.0.0.1", 1), TOKEN).address == f"http://[::1]:8080/?token={TOKEN}"


def test_a_taken_port_is_named(gate: Gate):
    with pytest.raises(OSError, match=f"port {gate.port} of 127.0.0.1 is taken"):
        Gate("127.0.0.1", gate.port, ("127.0.0.1", 1)).start()


@pytest.mark.parametrize("host", ["", "no.such.host.invalid", "a b", "1.2.3.4.5", "x" * 300])
def test_a_host_that_does_not_exist_is_named(host: str):
    with pytest.raises(ValueError, match="host must be"):
        Gate(host, 0, ("127.0.0.1", 1))


def test_the_host_of_another_machine_is_named():
    with pytest.raises(ValueError, match="address of this machine.*192.0.2.1"):
        Gate("192.0.2.1", 0, ("127.0.0.1", 1)).start()


@pytest.mark.parametrize(("port", "token", "named"), [(-1, None, "port"), (65536, None, "port"), (0, "", "token")])
def test_bad_arguments_are_named(port: int, token: str | None, named: str):
    with pytest.raises(ValueError, match=f"{named} must be"):
        Gate("127.0.0.1", port, ("127.0.0.1", 1), token)


@pytest.mark.parametrize("token", ["a b", "a;b", "a\r\nX: y", "é"])
def test_a_token_that_would_break_an_address_or_a_cookie_is_refused(token: str):
    with pytest.raises(ValueError, match="token must be"):
        Gate("127.0.0.1", 0, ("127.0.0.1", 1), token)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("[::1]", True),
        ("0.0.0.0", False),
        ("::", False),
        ("", False),
        ("192.168.0.7", False),
        ("127.0.0.1.example.org", False),
        ("localhost.example.org", False),
    ],
)
def test_loopback_addresses_are_known(host: str, expected: bool):
    assert is_loopback(host) is expected


def test_a_free_port_can_be_bound():
    with socket.create_server(("127.0.0.1", free_port())) as server:
        assert server.getsockname()[1] > 0
