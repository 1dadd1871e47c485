"""The tokens of a day, shared by processes that may be killed."""

import multiprocessing
import time
from pathlib import Path

import pytest
from copilot_server import deaf

from resources.copilot import cost
from resources.copilot import settings as settings_module
from resources.copilot.client import Copilot
from resources.copilot.errors import CostBound
from resources.copilot.messages import Question

NOON = 1_800_000_000.0
URL = "https://models.example/v1"
DAY = 86_400.0


def reserve(folder: Path, tokens: int, daily: int = 1000, now: float = NOON) -> None:
    cost.reserve(folder, tokens, daily=daily, url=URL, now=now)


def test_what_is_reserved_counts_until_it_is_settled(tmp_path: Path) -> None:
    reserve(tmp_path, 700)
    with pytest.raises(CostBound, match="700 tokens are spent"):
        reserve(tmp_path, 400)
    cost.settle(tmp_path, reserved=700, used=100, url=URL, now=NOON)
    reserve(tmp_path, 400)
    assert cost.spent(tmp_path, NOON).tokens == 500


def test_a_new_day_begins_with_nothing_spent(tmp_path: Path) -> None:
    reserve(tmp_path, 1000)
    reserve(tmp_path, 1000, now=NOON + DAY)
    assert cost.spent(tmp_path, NOON + DAY).tokens == 1000


def test_a_clock_that_is_set_back_begins_no_new_day(tmp_path: Path) -> None:
    reserve(tmp_path, 1000)
    with pytest.raises(CostBound):
        reserve(tmp_path, 1, now=NOON - 3 * DAY)


def test_what_outlives_midnight_does_not_make_the_next_day_negative(tmp_path: Path) -> None:
    reserve(tmp_path, 1000)
    cost.settle(tmp_path, reserved=1000, used=50, url=URL, now=NOON + DAY)
    assert cost.spent(tmp_path, NOON + DAY).tokens == 50


@pytest.mark.parametrize("damage", [b"", b"{}", b'{"day": "2027-01-15", "tokens": -5}', b'{"day": "x", "tokens": 0}'])
def test_a_record_that_cannot_be_read_is_no_licence_to_spend(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "spent.json").write_bytes(damage)
    with pytest.raises(CostBound, match=r"spent\.json cannot be read"):
        reserve(tmp_path, 1)


def _spend(folder: Path, done: "multiprocessing.Queue[int]") -> None:
    taken = 0
    try:
        while True:
            reserve(folder, 10, daily=500)
            taken += 10
    except CostBound:
        done.put(taken)


def _hang(folder: Path, url: str, begun: "multiprocessing.Queue[int]") -> None:
    found = settings_module.Settings(url, "a-model", max_tokens=100, seconds=600)
    begun.put(0)
    Copilot(found, folder).ask(Question("a", "b", "c", {}))


def test_who_is_killed_while_asking_has_spent_what_he_reserved(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    begun: multiprocessing.Queue[int] = context.Queue()
    with deaf() as url:
        asking = context.Process(target=_hang, args=(tmp_path, url, begun))
        asking.start()
        begun.get(timeout=60)
        end = time.monotonic() + 60
        while not (tmp_path / "spent.json").exists() and time.monotonic() < end:
            time.sleep(0.01)
        asking.kill()
        asking.join(60)
    tokens = cost.spent(tmp_path, time.time()).tokens
    assert tokens >= 100
    cost.reserve(tmp_path, 10, daily=tokens + 10, url=url, now=time.time())


def test_several_processes_together_keep_the_bound(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    done: multiprocessing.Queue[int] = context.Queue()
    workers = [context.Process(target=_spend, args=(tmp_path, done)) for _ in range(3)]
    for worker in workers:
        worker.start()
    taken = sum(done.get(timeout=60) for _ in workers)
    for worker in workers:
        worker.join(60)
    assert taken == 500
    assert cost.spent(tmp_path, NOON).tokens == 500
