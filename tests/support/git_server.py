"""A real git server on loopback: `git http-backend` behind HTTP, or `git daemon`; slow, refusing or mad on demand."""

import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from sandbox import GIT, git


@dataclass
class GitServer:
    """Serves one bare repository over HTTP. What the attributes say is done to the next request.

    `demand`: the Authorization header without which it answers 401. `seconds`: how long it thinks about a request whose
    path holds `slow_on`. `garbage`: bytes in place of git's answer. `redirect`: where it sends everybody.
    """

    bare: Path
    port: int = 0
    demand: str = ""
    seconds: float = 0.0
    slow_on: str = ""
    status: int = 0
    garbage: bytes = b""
    redirect: str = ""
    seen: list[str] = field(default_factory=list)
    headers: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/{self.bare.name}"


class _Handler(BaseHTTPRequestHandler):
    git: GitServer

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        if self.headers.get("Transfer-Encoding") == "chunked":
            self._answer(self._chunks())
        else:
            self._answer(self.rfile.read(int(self.headers.get("Content-Length") or 0)))

    def log_message(self, *_: object) -> None:
        """Silence."""

    def _chunks(self) -> bytes:
        data = b""
        while size := int(self.rfile.readline(), 16):
            data += self.rfile.read(size)
            self.rfile.readline()
        return data

    def _answer(self, body: bytes) -> None:
        say = self.git
        say.seen.append(self.path)
        say.headers.append(self.headers.get("Authorization", ""))
        if say.seconds and say.slow_on in self.path:
            time.sleep(say.seconds)
        if say.redirect:
            self._plain(302, b"", {"Location": say.redirect + self.path})
        elif say.demand and self.headers.get("Authorization") != say.demand:
            self._plain(401, b"who?", {"WWW-Authenticate": 'Basic realm="git"'})
        elif say.status:
            self._plain(say.status, f"denied; you sent {self.headers.get('Authorization')}".encode(), {})
        elif say.garbage:
            kind = "application/x-git-upload-pack-advertisement"
            self._plain(200, say.garbage, {"Content-Type": kind})
        else:
            self._backend(body)

    def _plain(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _backend(self, body: bytes) -> None:
        path, _, query = self.path.partition("?")
        env = {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(self.git.bare.parent),
            "GIT_HTTP_EXPORT_ALL": "1",
            "REQUEST_METHOD": self.command,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "REMOTE_ADDR": "127.0.0.1",
        }
        done = subprocess.run([GIT, "http-backend"], input=body, env=env, capture_output=True, check=True)
        head, _, answer = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().splitlines())
        status = int(headers.pop("Status", "200").split()[0])
        self._plain(status, answer, headers)


@contextmanager
def http_server(bare: Path) -> Iterator[GitServer]:
    """The server, in threads of this process; git itself answers."""
    state = GitServer(bare)
    handler = type("Handler", (_Handler,), {"git": state})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        server.block_on_close = False
        state.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield state
        finally:
            server.shutdown()


@contextmanager
def daemon(folder: Path) -> Iterator[str]:
    """`git daemon`, a process of its own; its address."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    options = ("--reuseaddr", "--export-all", "--listen=127.0.0.1", f"--port={port}", f"--base-path={folder}")
    process = subprocess.Popen([GIT, "daemon", *options, str(folder)], start_new_session=True)
    try:
        _reached(port)
        yield f"git://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(60)


def _reached(port: int) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


def silent() -> tuple[socket.socket, int]:
    """A server that takes connections and never says a word; its socket, to be closed, and its port."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen(16)
    return listening, listening.getsockname()[1]


def bare_copy(source: Path, bare: Path) -> None:
    """A bare repository with all of another's branches."""
    git(source.parent, "clone", "-q", "--bare", str(source), str(bare))
