"""A small program between us and a child process, so that no process is ever left behind.

It is a script of its own, `python -I -S supervisor.py LIFELINE REPORT MEMORY ARGV...`, and imports as little as it can,
because every child waits for it. It starts ARGV and waits for the first of two things: the child ends, or the pipe
LIFELINE is closed, because its owner gave up, or died in whatever way. Then it kills every process that the child has
left, and writes to the pipe REPORT how the child ended: `exit N`, or `error N` if it could not be started (an errno).

Why a program: on Linux a parent's death is told to a child only when the very thread dies that forked it
(PR_SET_PDEATHSIG), processes that leave their group survive the killing of the group, and running Python between fork
and exec can deadlock in a program that has threads. Here is one thread, and, as "child subreaper", the new parent of
every orphan below it. Where there is no such thing (macOS), the process group is killed.

Here belongs nothing else. Not here: limits of time and output (`process.py`).
"""

import ctypes
import os
import resource
import select
import signal
import sys
import time

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_LINUX = sys.platform == "linux"
_LIBC = ctypes.CDLL(None) if _LINUX else None
_GIVE_UP_SECONDS = 5.0


def main(lifeline: int, report: int, memory: int, argv: list[str]) -> None:
    """Run a child to its end, or to its owner's, and report it. `memory` in bytes, 0 for no limit."""
    for descriptor in (lifeline, report):
        os.set_inheritable(descriptor, False)  # the child could hold it open, or report what it likes
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    # A wake-up descriptor gets a byte for each signal that has a handler: a child's end can be polled for.
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    child, error = _start(memory, argv)
    if error:
        os.write(report, b"error %d" % error)
        return
    status = _wait(child, lifeline, woken)
    _kill_all(child)
    os.write(report, b"exit %d" % (os.waitstatus_to_exitcode(status) if status is not None else -signal.SIGKILL))


def _start(memory: int, argv: list[str]) -> tuple[int, int]:
    """Process id and 0, or 0 and the errno of what kept the program from starting."""
    failed, fail = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            _become(memory, argv)
        except OSError as error:
            os.write(fail, b"%d" % (error.errno or 1))
        os._exit(127)
    os.close(fail)
    error_number = os.read(failed, 16)
    os.close(failed)
    if error_number:
        os.waitpid(child, 0)
        return 0, int(error_number)
    return child, 0


def _become(memory: int, argv: list[str]) -> None:
    """In the child: a session of its own, limits, default signals, and the program."""
    os.setsid()
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGPIPE, signal.SIGXFSZ):  # python ignores or handles them
        signal.signal(number, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if memory:
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    os.execvp(argv[0], argv)  # noqa: S606 - no shell is the point


def _wait(child: int, lifeline: int, woken: int) -> int | None:
    """The child's wait status, or None if the lifeline was closed first. Orphans that end are reaped on the way."""
    poll = select.poll()
    poll.register(lifeline, select.POLLIN)
    poll.register(woken, select.POLLIN)
    while True:
        ended, status = os.waitpid(-1, os.WNOHANG)
        if ended == child:
            return status
        if ended:
            continue
        for descriptor, _ in poll.poll():
            if descriptor == lifeline:
                return None
            os.read(woken, 512)


def _kill_all(child: int) -> None:
    """Kill the child's group and then, generation by generation, whatever is or becomes a child of ours."""
    _kill(-child)
    give_up = time.monotonic() + _GIVE_UP_SECONDS
    while time.monotonic() < give_up:
        try:
            ended, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not ended:
            for process in _children():
                _kill(process)
            time.sleep(0.001)


def _children() -> list[int]:
    """Direct children; none where /proc does not tell."""
    try:
        with open(f"/proc/self/task/{os.getpid()}/children", "rb") as file:  # noqa: PTH123 - pathlib costs 5 ms
            return [int(process) for process in file.read().split()]
    except FileNotFoundError:
        return []


def _kill(process: int) -> None:
    try:
        os.kill(process, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return  # gone already, or another user's by now


def _prctl(option: int, value: int) -> None:
    if _LIBC is not None:
        _LIBC.prctl(option, value, 0, 0, 0)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])
