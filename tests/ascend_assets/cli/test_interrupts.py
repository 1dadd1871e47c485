"""Ctrl-C is heard wherever Python happens to be when it comes."""

import signal
import sys
import time
from collections.abc import Iterator

import pytest

from ascend_assets.cli.interrupts import heard


@pytest.fixture(autouse=True)
def ctrl_c_raises() -> Iterator[None]:
    """As at a terminal: a run in the background inherits an interrupt that is ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_it_is_known_whether_it_came() -> None:
    with heard() as has_come:
        assert not has_come()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        assert has_come()
        assert has_come()


def test_one_that_a_destructor_swallowed_comes_again(capfd: pytest.CaptureFixture[str]) -> None:
    class Dying:
        def __del__(self) -> None:
            signal.raise_signal(signal.SIGINT)

    def die_and_wait() -> None:
        Dying()
        time.sleep(10)

    with heard() as has_come:
        with pytest.raises(KeyboardInterrupt):
            die_and_wait()
        assert has_come()
    assert capfd.readouterr().err == ""


def test_other_errors_of_destructors_are_shown_as_ever(capfd: pytest.CaptureFixture[str]) -> None:
    seen = []

    class Dying:
        def __del__(self) -> None:
            raise ValueError("its own")

    before = sys.unraisablehook
    sys.unraisablehook = lambda unraisable: seen.append(unraisable.exc_type)
    try:
        with heard():
            Dying()
    finally:
        sys.unraisablehook = before
    assert seen == [ValueError]
    assert capfd.readouterr().err == ""
