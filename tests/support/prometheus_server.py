"""A real Prometheus for tests, on loopback, over data that a test wrote: Debian's programs, nothing else.

Here belong starting and ending it and giving it a past. Not here: what is tested with it (`tests/prometheus`).
"""

import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PROGRAMS = ("prometheus", "promtool", "setpriv")
_UP_WITHIN = 120.0


class PrometheusMissing(RuntimeError):
    """Programs that are not installed."""


def require() -> None:
    """Raises `PrometheusMissing`, which says what to install."""
    missing = [name for name in _PROGRAMS if shutil.which(name) is None]
    if missing:
        raise PrometheusMissing(
            f"these tests run against a real Prometheus, and {', '.join(missing)} cannot be found. "
            "On Debian or Ubuntu: apt-get install --no-install-recommends prometheus util-linux"
        )


def promtool(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run promtool to its end."""
    program = shutil.which("promtool") or "promtool"
    return subprocess.run(
        (program, *arguments), cwd=folder, capture_output=True, text=True, timeout=_UP_WITHIN, check=False
    )


@contextmanager
def running_prometheus(folder: Path, past: str) -> Iterator[str]:
    """A server's address. `past`: samples with times, in OpenMetrics' text format, without its last line `# EOF`."""
    (folder / "past.txt").write_text(f"{past}# EOF\n")
    made = promtool("tsdb", "create-blocks-from", "openmetrics", "past.txt", "data", folder=folder)
    assert made.returncode == 0, made.stderr
    (folder / "prometheus.yml").write_text("global: {}\n")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    log = (folder / "prometheus.log").open("wb")
    process = subprocess.Popen(
        (
            *("setpriv", "--pdeathsig", "KILL", "prometheus"),
            *(f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"),
            *(f"--web.listen-address=127.0.0.1:{port}", "--storage.tsdb.retention.time=30d"),
        ),
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
    )
    try:
        _wait(f"http://127.0.0.1:{port}", process, folder / "prometheus.log")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()
        log.close()


def _wait(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    end = time.monotonic() + _UP_WITHIN
    while process.poll() is None and time.monotonic() < end:
        try:
            with urllib.request.urlopen(f"{url}/-/ready", timeout=5):  # noqa: S310 - our own loopback address
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.05)
    raise RuntimeError(f"Prometheus did not get ready: {log.read_text(errors='replace')[-2000:]}")
