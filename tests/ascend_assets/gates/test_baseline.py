"""What a candidate's speed is compared with: found without reading a release twice, however long the ledger is."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import evidence_samples as samples
import pytest
from governed import MODEL, World, make_world

from ascend_assets.codec import read_record
from ascend_assets.gates import baseline
from ascend_assets.records import BenchmarkRecord
from benchmarks import long_ledger
from benchmarks.long_ledger import Place
from resources.registry import released


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """Two releases that took turns in dev."""
    made = make_world(tmp_path, monkeypatch)
    first, second = made.publish(), made.publish(1)
    made.deploy(0)
    place = Place(made.store, made.tools.environments.first, (first, second))
    long_ledger.lengthen(place, 20)
    return made


def profiles(world: World, record: BenchmarkRecord) -> dict[str, object]:
    tools = world.tools
    return dict(baseline.profiles(tools.registry, tools.ledger, tools.blobs, samples.spec(), record))


def benchmark_of(world: World, version: str) -> BenchmarkRecord:
    (target,) = world.tools.registry.get(MODEL, version).targets.values()
    record = read_record(world.tools.blobs, target.benchmark)
    assert isinstance(record, BenchmarkRecord)
    return record


def test_the_newest_release_of_another_artefact_is_compared_with(world: World) -> None:
    found = profiles(world, benchmark_of(world, "1.1.0"))
    assert found == {"dev": benchmark_of(world, "1.0.0").profile, "staging": None}


def test_a_release_is_read_once_however_often_it_was_live(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both releases are of the candidate's own artefact, so that the ledger is read to its beginning."""
    record = benchmark_of(world, "1.1.0")
    same = record.model_copy(update={"made_from": {**record.made_from, "om": "0" * 64}})
    read: list[str] = []
    find = released.find

    def counted(*arguments: Any, **named: Any) -> Any:
        read.append(arguments[2])
        found = find(*arguments, **named)
        targets = {
            name: target.model_copy(update={"om": target.om.model_copy(update={"sha256": "0" * 64})})
            for name, target in found.releases[0].targets.items()
        }
        return SimpleNamespace(releases=(found.releases[0].model_copy(update={"targets": targets}),))

    monkeypatch.setattr(released, "find", counted)
    assert profiles(world, same) == {"dev": None, "staging": None}
    assert sorted(read) == ["1.0.0", "1.1.0"]
