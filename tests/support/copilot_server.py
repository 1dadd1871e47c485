"""An OpenAI-compatible endpoint on loopback: real HTTP(S), all that was sent kept, every misbehaviour on demand."""

import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

DRIP = 0.05


@dataclass(frozen=True)
class Sent:
    """One request as it arrived. Names of headers are in lower case."""

    path: str
    headers: Mapping[str, str]
    raw: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.raw)

    @property
    def user(self) -> str:
        """What the model is asked: data alone."""
        return str(self.body["messages"][-1]["content"])


@dataclass(frozen=True)
class Reply:
    """`drip`: one byte of the body at a time, so many seconds apart. `hold`: seconds before the first byte."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    drip: float = 0.0
    drip_headers: bool = False
    hold: float = 0.0
    promised: int = 0
    """Bytes that are promised and never come."""


def completion(content: Any, *, finish: str = "stop", tokens: int = 100, **message: Any) -> bytes:
    """A chat completion. `content`: a text as it is, or anything else as JSON."""
    text = content if isinstance(content, str) or content is None else json.dumps(content, ensure_ascii=False)
    said = {"role": "assistant", "content": text, **message}
    return json.dumps(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1,
            "model": "a-model",
            "choices": [{"index": 0, "message": said, "finish_reason": finish}],
            "usage": {"prompt_tokens": tokens // 2, "completion_tokens": tokens - tokens // 2, "total_tokens": tokens},
        }
    ).encode()


def says(content: Any, **more: Any) -> Reply:
    return Reply(body=completion(content, **more))


@dataclass
class CopilotServer:
    """`sent`: all requests. `reply`: what is answered, a reply or a function of the request."""

    address: str = ""
    sent: list[Sent] = field(default_factory=list)
    reply: Reply | Callable[[Sent], Reply] = field(default_factory=lambda: says({}))

    @property
    def url(self) -> str:
        return f"{self.address}/v1"

    def environ(self, **more: str) -> dict[str, str]:
        return {"ASCEND_COPILOT_URL": self.url, "ASCEND_COPILOT_MODEL": "a-model", **more}


class Handler(BaseHTTPRequestHandler):
    """`made` is set by a class of its own for each server."""

    made: CopilotServer

    def log_message(self, *_: object) -> None:
        pass

    def handle_one(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        sent = Sent(self.path, {name.lower(): value for name, value in self.headers.items()}, raw)
        self.made.sent.append(sent)
        reply = self.made.reply(sent) if callable(self.made.reply) else self.made.reply
        with suppress(OSError):  # whoever asked may have gone
            self._reply(reply)

    do_GET = do_POST = handle_one  # noqa: N815 - names that the server calls

    def _reply(self, reply: Reply) -> None:
        time.sleep(reply.hold)
        if reply.drip_headers:
            self.wfile.write(b"HTTP/1.1 200 OK\r\n")
            for number in range(1_000_000):
                self._dripped(f"X-{number}: 1\r\n".encode(), DRIP)
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body) + reply.promised))
        self.end_headers()
        if reply.drip:
            self._dripped(reply.body, reply.drip)
        else:
            self.wfile.write(reply.body)

    def _dripped(self, data: bytes, pause: float) -> None:
        for byte in data:
            self.wfile.write(bytes([byte]))
            self.wfile.flush()
            time.sleep(pause)


@contextmanager
def copilot_server(certificate: Path | None = None, host: str = "127.0.0.1") -> Iterator[CopilotServer]:
    """`certificate`: a file with a certificate and its key; then it speaks https."""
    made = CopilotServer()
    with ThreadingHTTPServer((host, 0), type("Handler", (Handler,), {"made": made})) as server:
        server.daemon_threads = True
        server.block_on_close = False
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        made.address = f"{'https' if certificate else 'http'}://{host}:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield made
        finally:
            server.shutdown()
            thread.join(5)


@contextmanager
def deaf() -> Iterator[str]:
    """An address that takes connections and never says a word."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
