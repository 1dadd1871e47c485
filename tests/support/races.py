"""Processes that race, and processes that die at a chosen point: forked, so that a test can have hundreds of them."""

import os
import signal
import sys
from collections.abc import Callable
from types import FrameType


def race(work: Callable[[int], str], count: int = 16) -> list[str]:
    """Run `work(0)`, `work(1)`, ... in processes that start at the same moment; what each returned or raised."""
    gate, open_gate = os.pipe()
    children: list[tuple[int, int]] = []
    for number in range(count):
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(open_gate)
            os.read(gate, 1)  # returns when the parent closes its end
            _finish(lambda number=number: work(number), write)  # type: ignore[misc]
        os.close(write)
        children.append((child, read))
    os.close(gate)
    os.close(open_gate)
    return [_result(child, read) for child, read in children]


def in_child(work: Callable[[], str]) -> str:
    """Run `work` in a process of its own: for limits and identities that cannot be taken back."""
    return race(lambda _: work(), 1)[0]


def dies_at_call(work: Callable[[], object], number: int) -> bool:
    """Run `work` in a process that kills itself (-9) at its n-th entry into or return from C code.

    That is every system call's before and after, and all between. False if `work` ended before.
    """
    child = os.fork()
    if child == 0:
        left = number

        def count(_frame: FrameType, event: str, _argument: object) -> None:
            nonlocal left
            if event.startswith("c_"):
                left -= 1
                if not left:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.setprofile(count)
        try:
            work()
        finally:
            sys.setprofile(None)
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def calls_of(work: Callable[[], object]) -> int:
    """How many such points `work` has."""
    calls = 0

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event.startswith("c_")

    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
    return calls


def _finish(work: Callable[[], str], write: int) -> None:
    try:
        result = work()
    except Exception as error:  # noqa: BLE001 - reported to the parent
        result = f"{type(error).__name__}: {error}"
    os.write(write, result.encode()[:60_000])
    os._exit(0)


def _result(child: int, read: int) -> str:
    with open(read, "rb") as file:
        result = file.read().decode()
    os.waitpid(child, 0)
    return result
