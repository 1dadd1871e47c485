"""What a watch remembers: what was asked for, what failed and since when, and when something is tried again."""

import json

import pytest

from ascend_assets.hub import watching
from ascend_assets.hub.releases import Due
from ascend_assets.hub.watching import Asked, Memory, key
from resources.breaker import COOL
from resources.hub.versions import Version

T = 1_700_000_000.0
MODELS = {"vit": "somebody/vit", "bert": "somebody/bert"}


def version(text: str) -> Version:
    found = Version.parse(text)
    assert found is not None
    return found


def asked(memory: Memory, model: str = "vit") -> Asked:
    found = memory.models[model].asked
    assert found is not None
    return found


@pytest.fixture
def memory() -> Memory:
    return Memory().kept(MODELS).due("vit", Due(version("v1.3.0"), (version("v1.2.0"),)), T)


def fail(memory: Memory, now: float) -> Memory:
    return memory.ended("vit", "trouble", "it broke off", now)


def test_a_run_has_a_key_of_its_own_per_attempt(memory: Memory) -> None:
    assert key("vit", asked(memory)) == "hub:vit:v1.3.0:1"
    assert memory.models["vit"].passed_over == ("v1.2.0",)
    again = fail(memory, T + 1).again("vit", T + 2)
    assert key("vit", asked(again)) == "hub:vit:v1.3.0:2"


def test_three_failed_downloads_open_the_breaker_and_are_told(memory: Memory) -> None:
    for attempt in range(3):
        assert memory.retries(T + attempt) == (), "its run is still to come"
        memory = fail(memory, T + attempt)
        if attempt < 2:
            memory = memory.again("vit", T + attempt)
    assert memory.breaker.state(T + 3) == "open"
    failing = memory.downloads_failed
    assert failing is not None
    assert (failing.model, failing.version, failing.times) == ("vit", "v1.3.0", 3)
    assert failing.why == "it broke off"
    assert failing.since == watching.iso(T)
    assert memory.retries(T + 3) == (), "the fourth waits"
    assert memory.retries(T + 2 + COOL) == ("vit",)


def test_attempts_wait_longer_and_longer_and_never_for_ever() -> None:
    waits = [watching.retry_after(attempt) for attempt in range(1, 50)]
    assert waits[:4] == [0, 0, COOL, 2 * COOL]
    assert waits == sorted(waits)
    assert max(waits) == 6 * 3600


def test_a_download_that_worked_ends_the_row(memory: Memory) -> None:
    done = fail(memory, T).again("vit", T).ended("vit", "downloaded", "", T + 5)
    assert done.downloads_failed is None
    assert done.models["vit"].asked is None
    assert done.models["vit"].newest == "v1.3.0", "it is not due once more"


def test_a_refused_version_is_not_tried_again(memory: Memory) -> None:
    ended = memory.ended("vit", "ended", "", T)
    assert ended.retries(T + 10**6) == ()
    assert ended.breaker == memory.breaker


def test_a_newer_version_takes_the_place_of_retries(memory: Memory) -> None:
    newer = fail(memory, T).due("vit", Due(version("v1.4.0"), ()), T + 1)
    assert key("vit", asked(newer)) == "hub:vit:v1.4.0:1"
    assert newer.retries(T + 10**6) == ()


def test_a_run_that_never_came_is_asked_for_under_the_same_key(memory: Memory) -> None:
    lost = memory.lost("vit", T + watching.LOST)
    assert lost.retries(T + watching.LOST) == ("vit",)
    assert key("vit", asked(lost.again("vit", T))) == "hub:vit:v1.3.0:1"


def test_the_one_try_of_a_half_open_breaker_closes_it_or_opens_it_anew(memory: Memory) -> None:
    for _ in range(3):
        memory = fail(memory, T)
    half = memory.again("vit", T + COOL)
    half = half.model_copy(update={"trying": key("vit", asked(half))})
    closed = half.ended("vit", "downloaded", "", T + COOL + 60)
    assert (closed.breaker.state(T + COOL + 61), closed.trying) == ("closed", "")
    opened = half.ended("vit", "trouble", "again", T + COOL + 60)
    assert (opened.breaker.state(T + COOL + 61), opened.trying) == ("open", "")
    neither = half.ended("vit", "ended", "", T + COOL + 60)
    assert (neither.breaker.state(T + COOL + 61), neither.trying) == ("half_open", "")
    assert half.lost("vit", T + COOL + 60).trying == "", "a try that never came holds nobody up"
    assert half.kept({"bert": "somebody/bert"}).trying == "", "nor that of a model that is gone"


def test_a_hub_that_is_down_is_counted_since_when(memory: Memory) -> None:
    down = memory.silent("no answer", T).silent("no answer", T + 300)
    assert down.trouble is not None
    assert (down.trouble.since, down.trouble.times) == (watching.iso(T), 2)
    assert down.answered().trouble is None
    assert down.silent("no answer", T + 600).breaker.state(T + 601) == "open"


def test_answers_of_the_hub_do_not_hide_failing_downloads(memory: Memory) -> None:
    for attempt in range(3):
        memory = fail(memory, T + attempt).answered() if attempt < 2 else fail(memory, T + attempt)
    assert memory.breaker.state(T + 3) == "open"


def test_a_model_that_is_gone_or_comes_from_elsewhere_is_begun_anew(memory: Memory) -> None:
    kept = memory.kept({"vit": "another/vit"})
    assert set(kept.models) == {"vit"}
    assert kept.models["vit"].newest == ""
    assert memory.kept(MODELS) == memory


@pytest.mark.parametrize(
    "text", [None, "", "null", "7", "{", '{"models": 3}', '{"more": 1}', '{"models": {"a": {}}}', "\x00"]
)
def test_a_cursor_that_nobody_can_read_is_begun_anew(text: str | None) -> None:
    assert watching.read(text) == Memory()


def test_a_memory_survives_its_cursor(memory: Memory) -> None:
    full = fail(memory, T).silent("no answer", T).told("bert", "gone")
    assert watching.read(full.written()) == full


def test_a_model_of_which_nothing_is_known_is_its_id_alone_in_the_cursor() -> None:
    """Dagster keeps the cursor with every tick."""
    memory = Memory().kept(MODELS)
    assert json.loads(memory.written())["models"] == {name: {"hub": hub} for name, hub in MODELS.items()}
    assert watching.read(memory.written()) == memory
