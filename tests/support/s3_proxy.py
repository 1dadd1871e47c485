"""A proxy between a client and an S3 server, which misbehaves as it is told: plain threads and `http.client`.

Here belong the ways in which networks and servers fail. Not here: what a store makes of them.

    with S3Proxy("http://127.0.0.1:9000") as proxy:
        proxy.fail(Answer(503), times=2, method="PUT")
        S3Store(..., S3Settings(endpoint=proxy.endpoint))

`proxy.seen` holds every request that came, `proxy.forwarded` those that reached the server.
"""

import http.client
import http.server
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import urlsplit

_HOP = {"connection", "expect", "transfer-encoding", "keep-alive"}


@dataclass(frozen=True)
class Request:
    """What came: method, path with query, headers with lower-case names, and the body."""

    method: str
    path: str
    headers: dict[str, str] = field(hash=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True)
class Answer:
    """Answer so without asking the server. `code`: S3's error code; `body`: another body than an S3 error."""

    status: int
    code: str = "InternalError"
    body: bytes = b""


@dataclass(frozen=True)
class Delay:
    """Forward after so many seconds."""

    seconds: float


@dataclass(frozen=True)
class CutRequest:
    """Take so many bytes of the body and close the connection; the server sees nothing."""

    after: int = 0


@dataclass(frozen=True)
class CutResponse:
    """Forward, answer with the right headers and so many bytes of the body, and close the connection."""

    after: int


@dataclass(frozen=True)
class Trickle:
    """Forward, and answer the body in so many pieces with a pause before each."""

    pieces: int
    seconds: float


@dataclass(frozen=True)
class Strip:
    """Forward without a header."""

    header: str


@dataclass(frozen=True)
class LoseResponse:
    """Forward, and close the connection without an answer: the success is lost."""


Fault = Answer | Delay | Strip | CutRequest | CutResponse | Trickle | LoseResponse
Matches = Callable[[Request], bool]


@dataclass
class _Rule:
    fault: Fault
    left: int
    matches: Matches


class S3Proxy:
    """Forwards everything to `target` but for what it was told to spoil. `drop`: headers that never get through."""

    def __init__(self, target: str, *, drop: frozenset[str] = frozenset()) -> None:
        self.target = urlsplit(target)
        self.drop = {name.lower() for name in drop}
        self.seen: list[Request] = []
        self.forwarded: list[Request] = []
        self._rules: list[_Rule] = []
        self._lock = threading.Lock()
        handler = type("Handler", (_Handler,), {"proxy": self})
        self._server = _Server(("127.0.0.1", 0), handler)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def fail(self, fault: Fault, *, times: int = 1, method: str = "", matches: Matches = lambda _: True) -> None:
        """Spoil the next so many requests that have the method (any if empty) and match."""
        self._rules.append(_Rule(fault, times, lambda request: method in {"", request.method} and matches(request)))

    def heal(self) -> None:
        """Forget what was to be spoilt."""
        self._rules.clear()

    def count(self, method: str, part: str = "") -> int:
        """How many requests with a method and this text in their path came."""
        return sum(request.method == method and part in request.path for request in self.seen)

    def fault_for(self, request: Request) -> Fault | None:
        with self._lock:
            self.seen.append(request)
            for rule in self._rules:
                if rule.left and rule.matches(request):
                    rule.left -= 1
                    return rule.fault
        return None

    def forward(self, request: Request, *, without: str = "") -> tuple[int, dict[str, str], bytes]:
        """Ask the server: status, headers and body."""
        with self._lock:
            self.forwarded.append(request)
        connection = http.client.HTTPConnection(self.target.hostname or "", self.target.port, timeout=60)
        lost = _HOP | self.drop | {without.lower()}
        kept = {name: value for name, value in request.headers.items() if name not in lost}
        try:
            connection.request(request.method, request.path, body=request.body, headers=kept)
            answer = connection.getresponse()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client may go as it likes: some are told to."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Nagle's algorithm with delayed acknowledgements costs 40 ms a request.
    disable_nagle_algorithm = True
    proxy: S3Proxy

    def _handle(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        length = int(headers.get("content-length", "0"))
        early = Request(self.command, self.path, headers, b"")
        fault = self.proxy.fault_for(early)
        if isinstance(fault, CutRequest):
            self.rfile.read(min(fault.after, length))
            self._cut()
            return
        request = Request(self.command, self.path, headers, self.rfile.read(length))
        if isinstance(fault, Answer):
            self._answer(fault.status, {"content-type": "application/xml"}, _error(fault))
            return
        if isinstance(fault, Delay):
            time.sleep(fault.seconds)
        status, found, body = self.proxy.forward(request, without=fault.header if isinstance(fault, Strip) else "")
        if isinstance(fault, LoseResponse):
            self._cut()
        elif isinstance(fault, CutResponse):
            self._answer(status, found, body, only=fault.after)
            self.close_connection = True
        elif isinstance(fault, Trickle):
            self._answer(status, found, body, pieces=fault.pieces, pause=fault.seconds)
        else:
            self._answer(status, found, body)

    do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = _handle  # noqa: N815 - the library's names

    def _answer(
        self,
        status: int,
        headers: dict[str, str],
        body: bytes,
        *,
        only: int | None = None,
        pieces: int = 1,
        pause: float = 0,
    ) -> None:
        whole = len(body) if self.command != "HEAD" else int(headers.get("content-length", "0"))
        with suppress(BrokenPipeError, ConnectionResetError):  # a client that has given up waiting
            self.send_response_only(status)
            for name, value in headers.items():
                if name not in _HOP | {"content-length"}:
                    self.send_header(name, value)
            if status >= http.HTTPStatus.OK and status != http.HTTPStatus.NO_CONTENT:
                self.send_header("content-length", str(whole))
            self.end_headers()
            if self.command != "HEAD":
                self._write(body if only is None else body[:only], pieces, pause)

    def _write(self, body: bytes, pieces: int, pause: float) -> None:
        length = -(-len(body) // pieces) or 1
        for start in range(0, len(body), length):
            time.sleep(pause)
            self.wfile.write(body[start : start + length])
            self.wfile.flush()

    def _cut(self) -> None:
        """Reset the connection, so that the other side need not wait to learn of it."""
        self.close_connection = True
        with suppress(OSError):
            self.wfile.flush()
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()

    def log_message(self, *_: object) -> None:
        """Tests read `seen`."""


def _error(fault: Answer) -> bytes:
    told = f'<?xml version="1.0" encoding="UTF-8"?><Error><Code>{fault.code}</Code><Message>as told</Message></Error>'
    return fault.body or told.encode()
