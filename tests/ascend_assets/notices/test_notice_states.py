"""Sources that are down, open breakers, downloads that fail and sensors that stopped: told when they begin and end."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ascend_assets.notices import states
from ascend_assets.watchdog import Stopped
from resources.breaker import Breaker
from resources.notify import outbox
from resources.notify.notice import Notice
from resources.notify.outbox import Outbox

TROUBLE = {"since": "2026-11-20T10:00:00+00:00", "times": 3, "why": "connection refused"}
FAILING = {"model": "tiny", "version": "1.3.0", "times": 3, "since": "2026-11-20T10:00:00Z", "why": "sha256 differs"}


class World:
    """What is known, and looks at cursors."""

    def __init__(self) -> None:
        self.box = Outbox()
        self.now = 1_000.0

    def look(self, **cursors: Any) -> list[tuple[str, str, str]]:
        texts = {name: one if isinstance(one, str) else json.dumps(one) for name, one in cursors.items()}
        return self._keep(states.of_cursors(texts, self.box.standing, self.now))

    def stopped(self, *names: str) -> list[tuple[str, str, str]]:
        found = [Stopped(name, 5.0, "no tick since") for name in names]
        return self._keep(states.of_stopped(found, self.box.standing, self.now))

    def _keep(self, notices: tuple[Notice, ...]) -> list[tuple[str, str, str]]:
        before = len(self.box.notices)
        self.now += 30
        self.box = outbox.add(self.box, notices, self.now)
        return [(n.kind, n.state, n.subject) for n in self.box.notices[before:]]


@pytest.mark.parametrize(
    ("cursor", "kind"),
    [
        ({"trouble": TROUBLE}, "source_down"),
        ({"breaker": Breaker(failures=(1.0, 2.0, 3.0), opened_at=3.0, why="500").model_dump()}, "breaker"),
        ({"downloads_failed": FAILING}, "downloads"),
    ],
)
def test_a_trouble_in_a_cursor_is_told_once_and_its_end_too(cursor: dict[str, Any], kind: str) -> None:
    world = World()
    assert world.look(hub_releases={}) == []
    assert world.look(hub_releases=cursor) == [(kind, "begun", "hub_releases")]
    assert world.look(hub_releases=cursor) == []
    assert world.look(hub_releases=dict.fromkeys(cursor)) == [(kind, "over", "hub_releases")]
    assert world.look(hub_releases={}) == []
    assert world.look(hub_releases=cursor) == [(kind, "begun", "hub_releases")], "and told when it comes back"


@pytest.mark.parametrize(
    "cursor",
    [
        {"trouble": TROUBLE | {"times": 2}},
        {"downloads_failed": FAILING | {"times": 2}},
        {"breaker": Breaker(failures=(1.0,), why="500").model_dump()},
        {"trouble": None, "breaker": None, "downloads_failed": None},
    ],
)
def test_one_bad_moment_is_no_news(cursor: dict[str, Any]) -> None:
    assert World().look(commits=cursor) == []


def test_the_next_model_whose_downloads_fail_is_told_anew() -> None:
    world = World()
    world.look(hub={"downloads_failed": FAILING})
    assert world.look(hub={"downloads_failed": FAILING | {"model": "other"}}) == [("downloads", "begun", "hub")]


def test_a_sensor_that_is_gone_is_in_no_trouble() -> None:
    world = World()
    world.look(commits={"trouble": TROUBLE})
    assert world.look() == [("source_down", "over", "commits")]


def test_every_sensor_speaks_for_itself() -> None:
    world = World()
    world.look(a={"trouble": TROUBLE}, b={"trouble": TROUBLE})
    assert world.look(a={"trouble": TROUBLE}, b={}) == [("source_down", "over", "b")]


def test_a_stopped_sensor_is_told_and_that_it_ticks_again() -> None:
    world = World()
    assert world.stopped("commits") == [("sensor_stopped", "begun", "commits")]
    assert world.stopped("commits") == []
    assert world.look() == [], "a cursor says nothing of that"
    assert world.stopped() == [("sensor_stopped", "over", "commits")]


@pytest.mark.parametrize("text", ["", "tiny/om", "12", "[1]", "[" * 100_000, '{"trouble": 1}', '{"breaker": []}'])
def test_a_cursor_of_another_kind_tells_nothing(text: str) -> None:
    assert World().look(toolchain_changed=text) == []


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.dictionaries(
        st.sampled_from(["trouble", "breaker", "downloads_failed"]),
        JSON
        | st.fixed_dictionaries(
            {"times": JSON, "since": JSON, "why": JSON, "opened_at": JSON, "model": JSON, "version": JSON}
        ),
    )
)
def test_whatever_stands_in_a_cursor_is_no_accident(cursor: dict[str, Any]) -> None:
    World().look(any_sensor=json.dumps(cursor))


def test_no_secret_leaves_a_cursor() -> None:
    world = World()
    world.look(commits={"trouble": TROUBLE | {"why": "https://ada:hunter22@git.example.com/x.git failed\x1b[2J"}})
    why = world.box.notices[0].facts["why"]
    assert "hunter22" not in why
    assert "\x1b" not in why
    assert "git.example.com/x.git failed" in why
