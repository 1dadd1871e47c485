"""The real Dagster webserver over a checkout, and what anybody who reaches it can do: it has no users of its own.

Here belong starting and ending it, and its requests. Not here: what comes of them (`tests/ascend_assets`).
"""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox import Checkout

from resources import supervisor

_PROGRAM = str(Path(sys.executable).with_name("dagster-webserver"))
_WITHIN = 240.0


class WebserverFailed(RuntimeError):
    """A webserver that did not come up."""


@dataclass(frozen=True)
class Webserver:
    """A running webserver. Nobody asks who sends a request."""

    address: str

    def report_check(self, asset: str, name: str, *, passed: bool = True, **more: Any) -> None:
        """Post that a check of an asset was evaluated."""
        self._post(f"/report_asset_check/{asset}", {"check_name": name, "passed": passed, **more})

    def report_materialisation(self, asset: str, metadata: Mapping[str, Any], **more: Any) -> None:
        """Post that an asset was made."""
        self._post(f"/report_asset_materialization/{asset}", {"metadata": dict(metadata), **more})

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """The data of an answer in GraphQL: what the UI itself asks."""
        answer = self._post("/graphql", {"query": query, "variables": variables})
        assert "errors" not in answer, answer["errors"]
        data: dict[str, Any] = answer["data"]
        return data

    def _post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.address}{path}", json.dumps(body).encode(), headers)  # noqa: S310
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - our own loopback address
            found: dict[str, Any] = json.load(answer)
            return found


@contextmanager
def running_webserver(checkout: Checkout, **env: str) -> Iterator[Webserver]:
    """A webserver of a checkout and its instance, with the code server that it starts. Raises `WebserverFailed`."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    log = checkout.root / ".ascend" / "webserver.log"
    read, lifeline = os.pipe()
    program = (_PROGRAM, "-w", "workspace.yaml", "-h", "127.0.0.1", "-p", str(port))
    with log.open("wb") as output, Path(os.devnull).open("wb") as report:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", supervisor.__file__, str(read), str(report.fileno()), "0", *program],
            cwd=checkout.root,
            env=checkout.env(env),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=(read, report.fileno()),
            start_new_session=True,
        )
    os.close(read)
    try:
        webserver = Webserver(f"http://127.0.0.1:{port}")
        _wait(webserver, process, log)
        yield webserver
    finally:
        os.close(lifeline)  # by which the supervisor ends all that it started
        try:
            process.wait(60)
        finally:
            process.kill()


def _wait(webserver: Webserver, process: "subprocess.Popen[bytes]", log: Path) -> None:
    end = time.monotonic() + _WITHIN
    while process.poll() is None and time.monotonic() < end:
        try:
            urllib.request.urlopen(f"{webserver.address}/server_info", timeout=5).close()  # noqa: S310 - loopback
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.2)
        else:
            return
    raise WebserverFailed(f"no webserver at {webserver.address}: {log.read_text(errors='replace')[-2000:]}")
