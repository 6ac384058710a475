"""A door with a token in front of a server that knows no passwords: whoever has the token gets through.

The server stays on loopback; the gate listens where it is asked to and reads the first request of every connection.
A right token in the address is answered with a cookie and the address without it; a right cookie is let in, and from
then on bytes pass both ways unread, websockets included. A connection belongs to whoever opened it, so its later
requests are not asked again. The token travels unencrypted: across a network that is not trusted, use an ssh tunnel.
"""

import asyncio
import errno
import hmac
import re
import secrets
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from ipaddress import ip_address

COOKIE = "loci"
HEADER = 16 * 1024
"""Bytes a request line and its headers may have."""
BLOCK = 64 * 1024
"""Bytes passed on at a time."""
WILDCARDS = ("0.0.0.0", "::")

UNAUTHORIZED = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Loci: token needed</title></head>
<body><h1>This page needs its token</h1>
<p>Please open the whole address that Loci printed in the terminal. It ends in <code>?token=...</code>.</p>
</body></html>
"""
GONE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Loci: viewer not running</title></head>
<body><h1>The viewer is not running</h1><p>Look at the terminal where Loci was started.</p></body></html>
"""


@dataclass(frozen=True)
class Request:
    """What the gate wants to know of a request: its path and query, cookies named `COOKIE`, and if it is `foreign`.

    Foreign: sent by a page of another server. Browsers share the cookies of a host among its ports, so a cookie alone
    does not tell.
    """

    path: str
    query: tuple[str, ...]
    cookies: tuple[str, ...]
    foreign: bool

    @classmethod
    def parse(cls, head: bytes) -> "Request | None":
        """From the bytes up to the end of the headers; None if they are no HTTP/1 request of printable ASCII."""
        lines = head.decode("latin-1").split("\r\n")
        match = re.fullmatch(r"[A-Z]+ ([!-~]+) HTTP/1\.[01]", lines[0])
        if match is None:
            return None
        fields = [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines[1:])]
        path, _, query = match[1].partition("?")
        return cls(
            path="/" + path.lstrip("/\\"),
            query=tuple(piece for piece in query.split("&") if piece),
            cookies=_cookies(fields),
            foreign=_foreign(fields),
        )

    @property
    def tokens(self) -> tuple[str, ...]:
        return tuple(piece.removeprefix("token=") for piece in self.query if piece.startswith("token="))

    @property
    def clean(self) -> str:
        """The same address on this server, without the token."""
        kept = "&".join(piece for piece in self.query if not piece.startswith("token="))
        return f"{self.path}?{kept}" if kept else self.path


class Gate:
    """Listens on host:port and passes those who have the token on to `target`, a (host, port) on this machine.

    `port` 0 takes a free one. `token`: letters, digits, - and _, made up if None. `patience`: seconds a connection has
    to send its headers. Raises ValueError for a bad host, port or token; `start` raises OSError if the port is taken.
    """

    def __init__(
        self, host: str, port: int, target: tuple[str, int], token: str | None = None, patience: float = 10.0
    ) -> None:
        if not 0 <= port <= 65535:
            raise ValueError(f"port must be in 0..65535 (0 = any free one), got {port}")
        if token is not None and not re.fullmatch(r"[A-Za-z0-9_-]+", token):
            raise ValueError(f"token must be letters, digits, - and _ and not empty, got {token!r}")
        self.host, self.port, self.target, self.patience = host.strip("[]"), port, target, patience
        self.token = secrets.token_urlsafe(16) if token is None else token
        self._family, self._bind = _resolve(self.host, port)
        self._loop: asyncio.AbstractEventLoop
        self._stopped = asyncio.Event()
        self._thread: threading.Thread | None = None

    @property
    def address(self) -> str:
        """What to open in a browser, token included; a gate on every interface gives the name of the machine."""
        name = socket.gethostname() if self.host in WILDCARDS else self.host
        return f"http://{f'[{name}]' if ':' in name else name}:{self.port}/?token={self.token}"

    def start(self) -> "Gate":
        """Listen, from a thread of its own."""
        if self._thread is not None:
            raise RuntimeError("a gate can be started only once, make a new one")
        listener = _listen(self._family, self._bind)
        self.port = listener.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, args=(listener,), name="loci-gate", daemon=True)
        self._thread.start()
        return self

    def close(self) -> None:
        """Stop listening and end every connection; may be called twice."""
        if self._thread is None or not self._thread.is_alive():
            return
        with suppress(RuntimeError):  # the loop ended meanwhile
            self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join()

    def __enter__(self) -> "Gate":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self, listener: socket.socket) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve(listener))

    async def _serve(self, listener: socket.socket) -> None:
        server = await asyncio.start_server(self._meet, sock=listener, limit=HEADER)
        await self._stopped.wait()
        server.close()

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection: read its first request, then refuse it, give it the cookie or pass it on."""
        with suppress(OSError, asyncio.CancelledError), _closing(writer):
            head = await self._head(reader)
            request = Request.parse(head)
            if request is None or request.foreign or not self._knows(request.tokens + request.cookies):
                writer.write(_page("401 Unauthorized", UNAUTHORIZED))
            elif self._knows(request.tokens):
                writer.write(self._welcome(request))
            else:
                await self._pass_on(head, reader, writer)

    async def _head(self, reader: asyncio.StreamReader) -> bytes:
        """The first request up to the end of its headers; nothing if it is too long, too slow or cut off."""
        try:
            async with asyncio.timeout(self.patience):
                return await reader.readuntil(b"\r\n\r\n")
        except (TimeoutError, asyncio.LimitOverrunError, asyncio.IncompleteReadError):
            return b""

    def _knows(self, offered: tuple[str, ...]) -> bool:
        return any(hmac.compare_digest(one.encode(), self.token.encode()) for one in offered)

    def _welcome(self, request: Request) -> bytes:
        cookie = f"{COOKIE}={self.token}; HttpOnly; SameSite=Strict; Path=/"
        return _page("303 See Other", "", f"Location: {request.clean}", f"Set-Cookie: {cookie}")

    async def _pass_on(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            answers, requests = await asyncio.open_connection(*self.target, limit=BLOCK)
        except OSError:
            writer.write(_page("502 Bad Gateway", GONE))
            return
        with _closing(requests):
            requests.write(head)
            asking = asyncio.create_task(_pipe(reader, requests))
            try:
                await _pipe(answers, writer)  # the target has the last word
            finally:
                asking.cancel()


def is_loopback(host: str) -> bool:
    """Whether only programs on this machine can reach a server bound to `host`; False if that is not plain."""
    try:
        return host == "localhost" or ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _resolve(host: str, port: int) -> tuple[socket.AddressFamily, tuple[str, int]]:
    """Family and numeric address to bind."""
    try:
        if not host:
            raise OSError("empty")
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise ValueError(f"host must be a name or address of this machine, such as 0.0.0.0, got {host!r}") from error
    family, address = found[0][0], found[0][4]
    return family, (str(address[0]), port)


def _listen(family: socket.AddressFamily, bind: tuple[str, int]) -> socket.socket:
    try:
        return socket.create_server(bind, family=family)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise OSError(error.errno, f"port {bind[1]} of {bind[0]} is taken: choose another, or 0 for any") from None
        if error.errno == errno.EACCES:
            raise OSError(error.errno, f"port {bind[1]} needs administrator rights: choose one above 1023") from None
        if error.errno == errno.EADDRNOTAVAIL:
            raise ValueError(f"host must be an address of this machine, or 0.0.0.0 for all, got {bind[0]}") from None
        raise


def _cookies(fields: list[tuple[str, str]]) -> tuple[str, ...]:
    """Values of the cookies named `COOKIE` among header fields with lower-case names."""
    pieces = [piece.strip() for name, value in fields if name == "cookie" for piece in value.split(";")]
    return tuple(piece.removeprefix(f"{COOKIE}=") for piece in pieces if piece.startswith(f"{COOKIE}="))


def _foreign(fields: list[tuple[str, str]]) -> bool:
    """Whether the page that asks, if a browser names it, is of another server than the asked one."""
    origins = {value.partition("://")[2] for name, value in fields if name == "origin"}
    return not origins <= {value for name, value in fields if name == "host"}


def _page(status: str, body: str, *headers: str) -> bytes:
    """A whole answer after which the connection ends."""
    content = body.encode()
    fixed = ("Content-Type: text/html; charset=utf-8", f"Content-Length: {len(content)}", "Connection: close")
    quiet = ("Cache-Control: no-store", "Referrer-Policy: no-referrer")
    return "\r\n".join([f"HTTP/1.1 {status}", *fixed, *quiet, *headers, "", ""]).encode() + content


async def _pipe(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """Pass bytes on until the source ends, then tell the sink so."""
    with suppress(OSError):
        while block := await source.read(BLOCK):
            sink.write(block)
            await sink.drain()
    with suppress(OSError):
        sink.write_eof()


@contextmanager
def _closing(writer: asyncio.StreamWriter) -> Iterator[None]:
    """Send what is left and close; after an error or a cancellation close at once."""
    try:
        yield
    except BaseException:
        writer.transport.abort()
        raise
    else:
        writer.close()
