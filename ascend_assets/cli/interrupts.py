"""Ctrl-C during a run: heard even where Python loses it.

Here belongs noticing the signal. Not here: what follows from it (`session.py`).

Python raises an exception wherever it happens to be when the signal comes. In a destructor or a weak reference's
callback that is printed and forgotten; in the start of an extension module it becomes an ImportError.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

_AGAIN_SECONDS = 0.01


@contextmanager
def heard(*kinds: type[BaseException]) -> Iterator[Callable[[], bool]]:
    """Yield a function that tells whether Ctrl-C has come since.

    One that was lost in a destructor is sent again. `kinds`: what the signal is raised as, beside `KeyboardInterrupt`.
    For the main thread.
    """
    read, write = os.pipe()
    for descriptor in (read, write):
        os.set_blocking(descriptor, False)
    hook, before = sys.unraisablehook, signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    came = False

    def has_come() -> bool:
        nonlocal came
        with suppress(BlockingIOError):  # no signal at all
            came = came or signal.SIGINT in os.read(read, 4096)
        return came

    def lost(unraisable: "sys.UnraisableHookArgs") -> None:
        if issubclass(unraisable.exc_type, (KeyboardInterrupt, *kinds)):
            threading.Timer(_AGAIN_SECONDS, os.kill, (os.getpid(), signal.SIGINT)).start()
        else:
            hook(unraisable)

    sys.unraisablehook = lost
    try:
        yield has_come
    finally:
        sys.unraisablehook = hook
        signal.set_wakeup_fd(before)
        os.close(read)
        os.close(write)
