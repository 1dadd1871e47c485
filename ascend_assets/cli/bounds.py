"""Bounds on what a command may take of this machine: time and memory.

A file of a hundred bytes can ask for a petabyte or for a year. Here belongs stopping that, and Ctrl-C while compiled
code runs. Not here: what is too large for a file to be read at all (`resources/onnx_files/limits.py`).
"""

import os
import resource
import select
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from ascend_assets.cli.console import Unusable, progress
from ascend_assets.cli.exits import INTERRUPTED, UNUSABLE

_GRACE_SECONDS = 1.0
"""How long Python may take to end by itself after Ctrl-C; it cannot while one long call into compiled code lasts."""
_KEPT_FREE = 0.1
_CGROUP = (("memory.max", "memory.current"), ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"))


class OutOfMemory(Unusable):
    """The work needs more memory than was free."""

    def __init__(self, remedy: str) -> None:
        super().__init__(f"needs more memory than is free on this machine: {remedy}")


@contextmanager
def bounded(seconds: float, remedy: str) -> Iterator[None]:
    """Do something within a time and within the memory that is free now, which is what is left if it asks for more.

    `remedy` says what a person may change. Ends the process with exit code 2 when the time is over: no exception can
    reach a thread inside compiled code. Raises `OutOfMemory`. For work that leaves nothing half-done behind.
    """
    with _Deadline(seconds, remedy), _memory():
        try:
            yield
        except MemoryError as error:
            raise OutOfMemory(remedy) from error
        except Exception as error:
            # What numpy raises as MemoryError, ONNX Runtime tells in words.
            if any(words in str(error) for words in ("bad_alloc", "Failed to allocate memory")):
                raise OutOfMemory(remedy) from error
            raise


@contextmanager
def _memory() -> Iterator[None]:
    """Let allocations fail where they would bring the machine down: the kernel kills without a word."""
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    free = free_bytes()
    wanted = _data_bytes() + int(free * (1 - _KEPT_FREE)) if free else soft
    bounds = [limit for limit in (soft, hard, wanted) if limit != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_DATA, (min(bounds, default=resource.RLIM_INFINITY), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def free_bytes(proc: Path = Path("/proc/meminfo"), cgroup: Path = Path("/sys/fs/cgroup")) -> int | None:
    """Memory that is free for one more process, a container's limit included; None where the kernel does not say."""
    found = []
    try:
        lines = proc.read_text(encoding="ascii").splitlines()
        found += [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")]
    except (OSError, ValueError, IndexError):
        return None
    for limit, used in _CGROUP:
        try:
            found.append(int((cgroup / limit).read_text()) - int((cgroup / used).read_text()))
        except (OSError, ValueError):
            continue  # the other version of control groups, or "max": no limit
    return max(0, min(found)) if found else None


def _data_bytes() -> int:
    """What the kernel counts against the limit already."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmData:"))
    except (OSError, StopIteration):
        return 0


class _Deadline:
    """A thread that ends the process when its time is over, or when Ctrl-C goes unheard."""

    def __init__(self, seconds: float, remedy: str) -> None:
        self._seconds = seconds
        self._remedy = remedy
        self._done = threading.Event()
        self._read, self._write = os.pipe()
        self._thread = threading.Thread(target=self._watch, name="deadline", daemon=True)
        self._wakeup: int | None = None

    def __enter__(self) -> Self:
        os.set_blocking(self._write, False)
        if threading.current_thread() is threading.main_thread():
            self._wakeup = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._done.set()
        os.write(self._write, b"\0")
        self._thread.join()
        if self._wakeup is not None:
            signal.set_wakeup_fd(self._wakeup)
        os.close(self._read)
        os.close(self._write)

    def _watch(self) -> None:
        while not self._done.is_set():
            heard, _, _ = select.select([self._read], [], [], self._seconds)
            if self._done.is_set():
                return
            if not heard:
                _end(f"no answer within {self._seconds:g} s: {self._remedy}, or give more --timeout", UNUSABLE)
            elif signal.SIGINT in os.read(self._read, 64) and not self._done.wait(_GRACE_SECONDS):
                _end("interrupted", INTERRUPTED)


def _end(message: str, code: int) -> None:
    progress(f"ascend: {message}")
    os._exit(code)
