"""A child that stays: it is asked, and it answers, one line of JSON each, within a time.

Here belong a supervised child's pipes and the bounds of what comes through them: time for each answer, its length, what
is kept of the rest. Not here: what is asked (`inference.py`), or children that run to their end (`process.py`).
"""

import json
import os
import selectors
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from resources.output import Output
from resources.supervised import DEATH_SECONDS, Supervised, started

MAX_REQUEST = 32 * 1024
"""Bytes of a request: less than a pipe holds, so that writing one never waits for the child."""
MAX_ANSWER = 64 * 1024
LOG_BYTES = 1024 * 1024
"""What is kept of what the child prints beside its answers: head and tail."""
_READ = 64 * 1024


class NoAnswer(Exception):
    """The child did not answer. `log` is what it printed, bounded."""

    def __init__(self, what: str, log: str) -> None:
        self.log = log
        super().__init__(what)


class Ended(NoAnswer):
    """It ended instead, or had ended before."""


class Late(NoAnswer):
    """It took longer than it may, and was stopped."""


class Garbage(NoAnswer):
    """What it wrote is no answer, and it was stopped."""


@contextmanager
def conversation(argv: Sequence[str | Path], *, cwd: Path, env: Mapping[str, str]) -> "Iterator[Conversation]":
    """Start the child; at the end, or when we die in whatever way, it and all that it has started are killed."""
    with started(argv, cwd=cwd, env=env, stdin=subprocess.PIPE) as child:
        held = Conversation(child)
        try:
            yield held
        finally:
            held.stop()


class Conversation:
    """The parent's side. After a `NoAnswer` it is over."""

    def __init__(self, child: Supervised) -> None:
        self._child = child
        self._process = child.process
        self._log = Output(LOG_BYTES)
        self._heard = bytearray()
        self._pipes = selectors.DefaultSelector()
        for pipe in (child.process.stdout, child.process.stderr):
            assert pipe is not None  # noqa: S101 - pipes were asked for
            self._pipes.register(pipe, selectors.EVENT_READ)

    def ask(self, request: Mapping[str, Any], *, timeout: float) -> dict[str, Any]:
        """The answer to `request`, at most `timeout` seconds later.

        Raises `Ended`, `Late`, `Garbage`, and `ValueError` for a request beyond `MAX_REQUEST` bytes.
        """
        line = json.dumps(request).encode() + b"\n"
        if len(line) > MAX_REQUEST:
            raise ValueError(f"a request of {len(line):,} bytes; {MAX_REQUEST:,} is the limit")
        if self._child.lifeline.closed:
            raise Ended("it was stopped before", self.log)
        assert self._process.stdin is not None  # noqa: S101 - a pipe was asked for
        with suppress(BrokenPipeError):  # it ended, which the reading below finds out
            self._process.stdin.write(line)
        self._read(time.monotonic() + timeout, for_answer=True)
        if self._is_told:
            return self._answer()
        late = self._talks
        self.stop()
        if late:
            raise Late(f"did not answer within {timeout:g} s and was stopped", self.log)
        raise Ended(self._how_it_ended(), self.log)

    @property
    def log(self) -> str:
        """What it has printed beside its answers, bounded."""
        return self._log.text()

    def stop(self) -> None:
        """End the child and all that it has started, and keep what it still had to say. Safe at any time."""
        if self._child.lifeline.closed:
            return
        self._child.lifeline.close()
        self._read(time.monotonic() + DEATH_SECONDS, for_answer=False)
        self._pipes.close()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()
        self._child.end()

    @property
    def _is_told(self) -> bool:
        return b"\n" in self._heard or len(self._heard) > MAX_ANSWER

    @property
    def _talks(self) -> bool:
        """Whether answers can still come: its stdout has not ended."""
        return any(key.fileobj is self._process.stdout for key in self._pipes.get_map().values())

    def _read(self, deadline: float, *, for_answer: bool) -> None:
        """Read until there is an answer, or none can come; without `for_answer` until all has ended; or the deadline.

        What the child printed before its answer is there already, and is read with it.
        """
        while self._pipes.get_map() and (self._talks or not for_answer):
            done = for_answer and self._is_told
            ready = self._pipes.select(0 if done else max(deadline - time.monotonic(), 0))
            for key, _ in ready:
                data = os.read(key.fd, _READ)
                if not data:
                    self._pipes.unregister(key.fileobj)
                elif key.fileobj is self._process.stdout and not done:
                    self._heard += data
                else:
                    self._log.add(data)
            if done or time.monotonic() >= deadline:
                return

    def _answer(self) -> dict[str, Any]:
        line, _, rest = self._heard.partition(b"\n")
        self._heard.clear()
        try:
            answer = json.loads(line.decode(errors="replace")) if len(line) <= MAX_ANSWER else None
        except (ValueError, RecursionError):
            answer = None
        if isinstance(answer, dict) and not rest:
            return answer
        self.stop()
        raise Garbage(
            f"answered {line[:200].decode(errors='replace')!r}, which is no answer, and was stopped", self.log
        )

    def _how_it_ended(self) -> str:
        word, _, number = self._child.report.read(64).decode(errors="replace").partition(" ")
        if word == "error":
            return f"cannot be started: {os.strerror(int(number))}"
        if word != "exit":
            return "ended"
        code = int(number)
        return f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
