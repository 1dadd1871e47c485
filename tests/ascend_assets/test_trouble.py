"""A trigger's trouble: since when, how often, and why, the same for every trigger."""

from ascend_assets.trouble import Trouble


def test_a_trouble_keeps_when_it_began_and_counts() -> None:
    first = Trouble.met(None, "down", 0.0)
    assert first == Trouble(since="1970-01-01T00:00:00+00:00", times=1, why="down")
    again = Trouble.met(first, "still down", 60.0)
    assert again == Trouble(since=first.since, times=2, why="still down")


def test_a_long_reason_is_cut() -> None:
    assert len(Trouble.met(None, "x" * 10_000, 0.0).why) == 500
