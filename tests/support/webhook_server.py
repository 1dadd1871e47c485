"""A server that takes webhooks and mails on loopback, keeps what it was sent, and misbehaves on demand."""

import json
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

Mode = Literal["ok", "500", "hang", "drip", "redirect", "huge", "close", "garbage"]


@dataclass
class Webhook:
    """A running server. `mode` may be changed at any time; `got`: path and body of each request, as they came."""

    port: int = 0
    mode: Mode = "ok"
    got: list[tuple[str, bytes]] = field(default_factory=list)
    answer: bytes = b"{}"
    hangs_after: int | None = None
    """Requests that are answered; the next ones hang."""
    stopping: threading.Event = field(default_factory=threading.Event)

    @property
    def address(self) -> str:
        """Apprise's address of it, with a token in it."""
        return f"json://127.0.0.1:{self.port}/hook/sEcReTtOkEn"

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in self.got]

    @property
    def titles(self) -> list[str]:
        return [str(body["title"]) for body in self.bodies]


class _Handler(BaseHTTPRequestHandler):
    webhook: Webhook

    def do_POST(self) -> None:
        hook = self.webhook
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        hook.got.append((self.path, body))
        late = hook.hangs_after is not None and len(hook.got) > hook.hangs_after
        getattr(self, "_hang" if late else f"_{hook.mode}")(hook)

    def do_GET(self) -> None:
        self.webhook.got.append((self.path, b"GET"))
        self._ok(self.webhook)

    def _head(self, status: int, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def _ok(self, hook: Webhook) -> None:
        self._head(200, Content_Length=str(len(hook.answer)))
        self.wfile.write(hook.answer)

    def _500(self, _: Webhook) -> None:
        self._head(500, Content_Length="0")

    def _hang(self, hook: Webhook) -> None:
        hook.stopping.wait(60)

    def _drip(self, hook: Webhook) -> None:
        self._head(200)
        end = time.monotonic() + 60
        while time.monotonic() < end and not hook.stopping.wait(0.2):
            self.wfile.write(b"x")
            self.wfile.flush()

    def _redirect(self, _: Webhook) -> None:
        self._head(302, Location=self.path + "x", Content_Length="0")

    def _huge(self, hook: Webhook) -> None:
        self._head(200)
        block = b"x" * (1 << 20)
        for _ in range(64 * 1024):
            if hook.stopping.is_set():
                return
            self.wfile.write(block)

    def _close(self, _: Webhook) -> None:
        self.connection.close()

    def _garbage(self, _: Webhook) -> None:
        self.wfile.write(b"\x00\xff\x1b[2Jno HTTP at all\r\n\r\n")

    def log_message(self, *_: object) -> None:
        """Quiet."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A client that was killed is part of the tests."""


@contextmanager
def serving() -> Iterator[Webhook]:
    """A server for as long as it is needed."""
    hook = Webhook()
    with _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"webhook": hook})) as server:
        hook.port = server.server_port
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        try:
            yield hook
        finally:
            hook.stopping.set()
            server.shutdown()


class _Mail(socketserver.StreamRequestHandler):
    mails: list[str]

    def handle(self) -> None:
        """As much of SMTP as a client needs that sends one mail."""
        self.wfile.write(b"220 here\r\n")
        while line := self.rfile.readline():
            word = line[:4].upper()
            if word == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                data = b""
                while (text := self.rfile.readline()) not in (b".\r\n", b""):
                    data += text
                self.mails.append(data.decode())
            self.wfile.write(b"250 ok\r\n" if word != b"QUIT" else b"221 bye\r\n")


@contextmanager
def mail_server() -> Iterator[tuple[int, list[str]]]:
    """Port and mails of a mail server that takes everything."""
    mails: list[str] = []
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), type("Mail", (_Mail,), {"mails": mails})) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        try:
            yield server.server_address[1], mails
        finally:
            server.shutdown()
