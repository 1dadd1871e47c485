"""HTTP on loopback: connections, bodies, tokens, streams; a server that can go away and come back.

Here belongs what is HTTP's. Not here: what a request means (`routes.py`) and does (`api.py`).
"""

import json
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from kube_shim import access, trouble
from kube_shim.access import Rule
from kube_shim.api import Answer, Api, Reply, Stream
from kube_shim.faults import Fault, Faults
from kube_shim.routes import Ask, parse, path_of

BODY_LIMIT = 3 * 1024 * 1024
"""Bytes of a request's body, as in the real server."""


@dataclass(frozen=True)
class Asked:
    """One request that was answered. `code` is 0 where the connection was dropped; `at` in seconds since 1970."""

    at: float
    method: str
    path: str
    verb: str
    resource: str
    code: int


@dataclass(frozen=True)
class Identity:
    """Whose token it is. `rules`: what they may in a namespace; None for everything."""

    user: str
    namespace: str = ""
    rules: Sequence[Rule] | None = None


@dataclass
class Front:
    """What every connection needs."""

    api: Api
    faults: Faults
    identities: Mapping[str, Identity]
    asked: deque[Asked]
    failures: list[BaseException]
    closing: threading.Event


class Server:
    """The listening socket and the open connections."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._connections = _Connections()
        self._listening: ThreadingHTTPServer | None = None
        self._reserved: socket.socket | None = None
        self.port = 0
        self.listen()

    def listen(self) -> None:
        """Accept connections, always at the same port."""
        if self._listening is not None:
            return
        if self._reserved is not None:
            self._reserved.close()
            self._reserved = None
        self._connections = _Connections()
        handler = _handler(self._front, self._connections)
        self._listening = _Listener(("127.0.0.1", self.port), handler)
        self.port = self._listening.server_address[1]
        run = self._listening.serve_forever
        threading.Thread(target=run, args=(0.02,), name="kube shim", daemon=True).start()

    def refuse(self) -> None:
        """Refuse connections and break those that are open."""
        if self._listening is None:
            return
        self._listening.shutdown()
        self._listening.server_close()
        self._listening = None
        # A socket that is bound and does not listen keeps the port ours while connections are refused.
        self._reserved = socket.socket()
        self._reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._reserved.bind(("127.0.0.1", self.port))
        self._connections.end()

    def close(self) -> None:
        self.refuse()
        if self._reserved is not None:
            self._reserved.close()
            self._reserved = None


class _Listener(ThreadingHTTPServer):
    request_queue_size = 256
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is its own business; what we did wrong was noted where it happened."""


class _Connections:
    """Those that are open, until all are to end; then none is accepted any more."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._ended = False

    def add(self, connection: socket.socket) -> None:
        with self._lock:
            self._open.add(connection)
            if self._ended:
                _break(connection)

    def discard(self, connection: socket.socket) -> None:
        with self._lock:
            self._open.discard(connection)

    def end(self) -> None:
        with self._lock:
            self._ended = True
            for connection in self._open:
                _break(connection)


def _break(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # it is gone already


def _handler(front: Front, connections: _Connections) -> type[BaseHTTPRequestHandler]:
    class Handler(_Handler):
        def setup(self) -> None:
            self.front = front
            super().setup()
            connections.add(self.connection)

        def finish(self) -> None:
            connections.discard(self.connection)
            super().finish()

    return Handler


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Small writes go out at once: headers and body are two of them.
    disable_nagle_algorithm = True
    wbufsize = -1
    front: Front
    _verb = ""
    _resource = ""

    def log_message(self, *_: object) -> None:
        """Requests are kept in `Front.asked`."""

    def _serve(self) -> None:
        self._verb = self._resource = ""
        try:
            body = self._body()
            identity = self._identity()
            about = self.front.api.about(path_of(self.path)) if self.command == "GET" else None
            ask = None if about is not None else parse(self.command, self.path)
            self._verb, self._resource = (ask.verb, ask.resource) if ask else ("get", "")
            self._carry_out(ask, body, identity, Reply(200, about or {}))
        except trouble.ApiError as error:
            self._send(Reply(error.code, error.body), error.headers)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        except RecursionError:
            self._send(Reply(400, trouble.bad_request("the object is nested too deeply").body))
        except Exception as error:  # noqa: BLE001 - kept, and raised where the shim ends
            self.front.failures.append(error)
            said = trouble.ApiError(500, "InternalError", f"the shim failed: {error!r}")
            self._send(Reply(500, said.body), {"Connection": "close"})

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815 - names that the base class calls

    def _carry_out(self, ask: Ask | None, body: object, identity: Identity, ready: Reply) -> None:
        """Answer, with the fault that waits for this request if there is one."""
        fault = self.front.faults.take(self.command, ask.verb if ask else "get", path_of(self.path))
        if fault and fault.delay:
            self.front.closing.wait(fault.delay)
        if fault and fault.status is not None and not fault.applied:
            self._spoil(fault)
            return
        if ask is not None and identity.rules is not None:
            access.check(identity.rules, ask, identity.namespace, identity.user)
        answer: Answer = self.front.api.answer(ask, body) if ask is not None else ready
        if fault and fault.status is not None:
            self._spoil(fault)
        elif isinstance(answer, Reply):
            self._send(answer)
        else:
            self._stream(answer)

    def _spoil(self, fault: Fault) -> None:
        if not fault.status:
            self._note(0)
            self.close_connection = True
            _break(self.connection)
            return
        error = trouble.on_demand(fault.status, fault.retry_after)
        self._send(Reply(error.code, error.body), error.headers)

    def _note(self, code: int) -> None:
        """Before the answer is out, so that who has it finds it here."""
        self.front.asked.append(Asked(time.time(), self.command, self.path, self._verb, self._resource, code))

    def _identity(self) -> Identity:
        kind, _, token = self.headers.get("Authorization", "").partition(" ")
        found = self.front.identities.get(token) if kind == "Bearer" else None
        if found is None:
            raise trouble.unauthorized()
        return found

    def _body(self) -> object:
        """The body as JSON, None if there is none. Raises 400, 411, 413, 415."""
        given = self.headers.get("Content-Length")
        if self.headers.get("Transfer-Encoding"):
            self.close_connection = True
            raise trouble.ApiError(411, "BadRequest", "this shim takes bodies of a declared length only")
        if given is None:
            return None
        if not given.isascii() or not given.isdigit() or len(given) > 15:
            self.close_connection = True
            raise trouble.bad_request("the Content-Length is not a number")
        if int(given) > BODY_LIMIT:
            self.close_connection = True
            raise trouble.too_large(BODY_LIMIT)
        raw = self.rfile.read(int(given))
        if len(raw) < int(given):
            self.close_connection = True
            raise trouble.bad_request("the body is shorter than declared")
        if not raw:
            return None
        kind = self.headers.get("Content-Type", "application/json").partition(";")[0].strip()
        if kind != "application/json" and not kind.endswith("+json"):
            raise trouble.ApiError(415, "UnsupportedMediaType", f"this shim reads JSON, not {kind[:60]}")
        return _parsed(raw)

    def _send(self, reply: Reply, headers: Mapping[str, str] | None = None) -> None:
        self._note(reply.code)
        plain = isinstance(reply.body, bytes)
        body = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
        self.send_response(reply.code)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "text/plain" if plain else "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def _stream(self, stream: Stream) -> None:
        self._note(200)
        self.send_response(200)
        self.send_header("Content-Type", stream.content_type)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.flush()
        for piece in _until_closed(stream.pieces, self.front.closing.is_set):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()


def _until_closed(pieces: Iterator[bytes], closed: Callable[[], bool]) -> Iterator[bytes]:
    for piece in pieces:
        if closed():
            return
        yield piece


def _parsed(raw: bytes) -> object:
    def refuse(name: str) -> None:
        raise ValueError(f"{name} is not JSON")

    try:
        return json.loads(raw, parse_constant=refuse)
    except ValueError as error:
        raise trouble.bad_request(f"the body is not JSON: {str(error)[:200]}") from error
