"""The registry benchmark writes ledgers that hold, begins each round alike, and measures what it says."""

import sys
from pathlib import Path

import pytest
from governed import World, make_world

from benchmarks import long_ledger, registry
from benchmarks.long_ledger import Place
from benchmarks.registry import MLFLOW, OPERATIONS, again, median, process, ratio, table
from resources.registry.ledger import Kind
from resources.store.objects import blob_key

FOUND = {
    "1": {"publish": 0.2, "promote": 0.5, "rollback": 0.4, "list": 0.3},
    "10000": {"publish": 0.2, "promote": 0.6, "rollback": 0.5, "list": 0.4},
}
MLFLOW_FOUND = {"publish": 2.0, "promote": 3.0, "rollback": 2.5, "list": 2.0}


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    made = make_world(tmp_path, monkeypatch)
    made.publish()
    made.publish(1)
    return made


@pytest.fixture
def place(world: World) -> Place:
    first, second = world.tools.registry.releases("digits")
    return Place(world.store, world.tools.environments.first, (first, second))


def test_a_ledger_of_any_length_holds_and_says_what_it_was_decided_on(world: World, place: Place) -> None:
    world.deploy(0)
    long_ledger.lengthen(place, 7)
    history = world.tools.ledger.history("dev", "digits")
    assert [entry.version for entry in history] == ["1.0.0", "1.1.0"] * 3 + ["1.0.0"]
    assert {entry.kind for entry in history} == {Kind.DEPLOY}
    for entry in history:
        assert entry.admission is not None
        assert world.store.head(blob_key(entry.admission))


def test_a_rollback_takes_place_on_it(world: World, place: Place) -> None:
    world.deploy(0)
    long_ledger.lengthen(place, 4)
    assert world.roll_back("dev").version == "1.0.0"


def test_a_round_begins_where_the_one_before_began(world: World, place: Place) -> None:
    world.deploy(0)
    long_ledger.lengthen(place, 4)
    before = world.tools.ledger.history("dev", "digits")
    world.roll_back("dev")
    long_ledger.shorten(place, 4)
    assert world.tools.ledger.history("dev", "digits") == before


def test_a_ledger_without_a_first_entry_cannot_be_lengthened(place: Place) -> None:
    with pytest.raises(ValueError, match="the first entry is missing"):
        long_ledger.lengthen(place, 3)


def test_a_release_under_another_version_is_about_the_same_artefacts(place: Place) -> None:
    other = again(place.turns[0], 9)
    assert other.version == "1.9.0"
    assert other.contents == place.turns[0].contents
    assert other.digest != place.turns[0].digest


def test_the_median_is_of_rounds_that_are_put_back() -> None:
    seconds, restored = iter((3.0, 1.0, 2.0)), []
    assert median(3, lambda: next(seconds), lambda: restored.append(True)) == 2.0
    assert len(restored) == 3


def test_a_process_that_fails_stops_the_benchmark() -> None:
    assert process(sys.executable, "-c", "pass") > 0
    with pytest.raises(RuntimeError, match=r"ended with 3:\nwhy"):
        process(sys.executable, "-c", "print('why'); raise SystemExit(3)")


def test_a_manifest_is_published_by_a_fresh_process(world: World, place: Place, tmp_path: Path) -> None:
    third = again(place.turns[0], 2)
    (tmp_path / "manifest.json").write_bytes(third.encoded())
    address = {"ASCEND_STORE": str(place.store.root)}
    process(sys.executable, "-c", registry.PUBLISH, str(tmp_path / "manifest.json"), env=address)
    assert world.tools.registry.get("digits", "1.2.0") == third


def test_ratios_are_to_our_longest_ledger() -> None:
    assert ratio(FOUND, MLFLOW_FOUND, "rollback") == pytest.approx(5.0)
    shown = table(FOUND, MLFLOW_FOUND).splitlines()
    assert shown[0].split() == ["seconds,", "fresh", "process", "1", "entries", "10,000", "entries", "MLflow", "ratio"]
    assert shown[3].split() == ["rollback", "0.40", "0.50", "2.50", "5.0"]


def test_without_mlflow_there_are_no_ratios() -> None:
    assert "MLflow" not in table(FOUND, None)


def test_every_operation_has_a_nearest_thing() -> None:
    assert set(MLFLOW) == set(OPERATIONS)
    for code in MLFLOW.values():
        compile(code, "mlflow", "exec")
