"""A forge on loopback: real HTTP, everything that was sent kept, and every misbehaviour on demand."""

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Sent:
    """One request as it arrived. Names of headers are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Any


@dataclass(frozen=True)
class Reply:
    status: int = 201
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    drip: float = 0.0
    """Seconds between two bytes of the body."""
    promised: int = 0
    """Bytes that are promised and never come."""


@dataclass
class ForgeServer:
    """`sent`: all requests. `reply`: what is answered, a reply or a function of the request."""

    address: str = ""
    sent: list[Sent] = field(default_factory=list)
    reply: Reply | Callable[[Sent], Reply] = field(default_factory=Reply)

    def answer(self, sent: Sent) -> Reply:
        return self.reply(sent) if callable(self.reply) else self.reply

    @property
    def statuses(self) -> list[tuple[str, str, str]]:
        """Commit, context and state of every status, in the manner of GitHub."""
        return [(s.path.rsplit("/", 1)[-1], s.body["context"], s.body["state"]) for s in self.sent]


@contextmanager
def forge_server() -> Iterator[ForgeServer]:
    made = ForgeServer()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def handle_one(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            raw = self.rfile.read(length)
            headers = {name.lower(): value for name, value in self.headers.items()}
            sent = Sent(self.command, self.path, headers, json.loads(raw) if raw else None)
            made.sent.append(sent)
            self._reply(made.answer(sent))

        do_GET = do_POST = do_PATCH = handle_one  # noqa: N815 - names that the server calls

        def _reply(self, reply: Reply) -> None:
            body = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body) + reply.promised))
            self.end_headers()
            try:
                if not reply.drip:
                    self.wfile.write(body)
                    return
                for byte in body:
                    self.wfile.write(bytes([byte]))
                    self.wfile.flush()
                    time.sleep(reply.drip)
            except OSError:
                return  # whoever asked has gone

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    made.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
