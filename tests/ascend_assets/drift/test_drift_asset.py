"""Drift as people meet it: a released model, its production, and what the asset and its checks say look by look."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pytest
import tiny
from drifting import write
from numpy.typing import NDArray
from sandbox import Sandbox, git

from ascend_assets import history
from ascend_assets.codec import read_record
from ascend_assets.drift import assets, look, reference
from ascend_assets.drift.records import CHECKS, MEASURES, DriftRecord
from ascend_assets.production.records import ProductionRecord
from benchmarks import two_layers
from resources.onnx_files import sessions
from resources.registry.ledger import LedgerBroken
from resources.store.objects import blob_key

PRODUCTION = "  production: {environment: dev, drift: {minimum_samples: 60}}\n"


@dataclass(frozen=True)
class World:
    """A sandbox whose model is released, and the folder that its production writes to."""

    sandbox: Sandbox
    folder: Path

    def write(self, rows: int = 200, *, shift: float = 0.0, seed: int = 0, wrong: float = 0.0, **more: Any) -> None:
        """Samples, answered as the model does; `wrong`: share of feedback that says otherwise, NaN for no feedback."""
        rng = np.random.default_rng(seed)
        x = (rng.normal(size=(rows, 8)) + shift).astype(np.float32)
        answers = two_layers.labels(x).astype(np.int64)
        labels = np.where(rng.random(rows) < wrong, (answers + 1) % 4, answers)
        write(self.folder, {"x": x}, answers, labels=None if np.isnan(wrong) else labels, name=f"s{seed}", **more)

    def look(self) -> tuple[DriftRecord, dict[str, dg.AssetCheckEvaluation], dict[str, Any]]:
        """One run of production and drift: the record, the checks and the metadata."""
        done = self.sandbox.materialise("tiny/production", "tiny/drift")
        assert done.success
        key = dg.AssetKey(["tiny", "drift"])
        checks = {c.check_name: c for c in done.get_asset_check_evaluations() if c.asset_key == key}
        (event,) = (e for e in done.get_asset_materialization_events() if e.asset_key == key)
        shown = event.step_materialization_data.materialization.metadata
        return self.record(), checks, {name: value.value for name, value in shown.items()}

    def record(self, name: str = "drift") -> Any:
        made = history.latest(self.sandbox.instance, ("tiny", name))
        assert made is not None
        return read_record(self.sandbox.store.blobs(), made.record)

    def again(self, before: DriftRecord | None, **changes: Any) -> DriftRecord:
        """A look at the same production, without Dagster."""
        production: ProductionRecord = self.record("production")
        changed = production.model_copy(update=changes)
        return look.look(self.sandbox.tools(), self.sandbox.spec, changed, before).record


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose model says something of production and is released to dev, and its store."""
    place = tmp_path_factory.mktemp("released")
    root = place / "project"
    tiny.write_tiny(root / "ascend_assets" / "defs" / "tiny")
    (root / "requirements.lock").write_text("numpy==2.0 --hash=sha256:0\n")
    file = root / "ascend_assets" / "defs" / "tiny" / "defs.yaml"
    file.write_text(file.read_text() + PRODUCTION)
    git(place, "init", "-q", "-b", "main", str(root))
    with dg.DagsterInstance.ephemeral() as instance:
        made = Sandbox(root, instance)
        made.commit("a tiny model")
        assert made.run().success
    return place


@pytest.fixture
def world(released: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """The released model, which has been looked at by nobody."""
    shutil.copytree(released, tmp_path, dirs_exist_ok=True)
    monkeypatch.setenv("ASCEND_PRODUCTION", str(tmp_path / "production"))
    monkeypatch.setenv("ASCEND_STATE", str(tmp_path / "state"))
    with dg.DagsterInstance.ephemeral() as instance:
        yield World(Sandbox(tmp_path / "project", instance), tmp_path / "production" / "tiny" / "dev")


def test_a_released_model_from_calm_to_drift_and_back(world: World) -> None:
    world.write(seed=1)
    record, checks, shown = world.look()
    assert {check.state for check in record.checks.values()} == {"calm"}
    assert all(check.passed for check in checks.values())
    assert set(checks) == set(CHECKS)
    assert (record.version, record.samples, record.labelled, record.accuracy) == ("1.0.0", 200, 200, 1.0)
    assert isinstance(shown["ks"], float)
    assert "data:image/svg+xml" in shown["distributions"]
    assert len(shown["distributions"]) < 50_000

    world.write(600, shift=2.0, seed=2, wrong=0.5)
    record, checks, _ = world.look()
    assert {record.checks[name].state for name in MEASURES} == {"suspect"}
    assert {check.severity for check in checks.values()} == {dg.AssetCheckSeverity.WARN}
    assert record.drifted == ()

    world.write(600, shift=2.0, seed=3, wrong=0.5)
    record, checks, shown = world.look()
    assert set(record.drifted) == set(CHECKS)
    assert not any(check.passed for check in checks.values())
    assert {check.severity for check in checks.values()} == {dg.AssetCheckSeverity.ERROR}
    assert record.checks["psi"].drifted_features == 8
    assert record.features[0].name in shown["furthest features"].replace("\\", "")

    for file in world.folder.glob("*/*"):
        file.unlink()
    for seed in (4, 5):
        assert world.record().drifted
        world.write(seed=seed)
        record, *_ = world.look()
    assert {check.state for check in record.checks.values()} == {"calm"}


def test_the_same_samples_twice_are_one_look(world: World) -> None:
    world.write(600, shift=2.0, seed=2)
    first, *_ = world.look()
    second, *_ = world.look()
    assert (first.counted, second.counted, second.fresh) == (True, False, 0)
    assert {second.checks[name].state for name in MEASURES} == {"suspect"}
    assert {second.checks[name].streak for name in MEASURES} == {1}


def test_a_window_that_moves_a_little_is_no_new_look_until_enough_came(world: World) -> None:
    world.write(600, shift=2.0, seed=2)
    world.look()
    world.write(40, shift=2.0, seed=3)
    record, *_ = world.look()
    assert (record.counted, record.fresh) == (False, 40)
    world.write(30, shift=2.0, seed=4)
    record, *_ = world.look()
    assert (record.counted, record.fresh) == (True, 70)
    assert set(record.drifted) >= set(MEASURES)


def test_samples_that_come_late_count(world: World) -> None:
    now = datetime.now(UTC)
    world.write(seed=1, until=now)
    world.look()
    world.write(seed=2, until=now - timedelta(hours=1))
    record, *_ = world.look()
    assert (record.counted, record.fresh) == (True, 200)


def test_where_nothing_is_live_nothing_is_judged(world: World) -> None:
    shutil.rmtree(world.sandbox.root.parent / "store" / "environments")
    world.write()
    record, checks, _ = world.look()
    assert {check.state for check in record.checks.values()} == {"unjudged"}
    assert record.reference == ""
    for check in checks.values():
        assert not check.passed
        assert check.severity == dg.AssetCheckSeverity.WARN
        assert "nothing is live in dev" in (check.description or "")


def test_few_samples_are_not_judged_and_forget_nothing(world: World) -> None:
    before, *_ = world.look()
    assert before.checks["psi"].why == "not judged: 0 samples in the window; 60 are needed"
    world.write(59, seed=1)
    world.look()
    world.write(600, shift=2.0, seed=2)
    suspect, *_ = world.look()
    assert suspect.checks["psi"].held == "suspect"
    few = world.again(suspect, rows=59)
    assert (few.checks["psi"].state, few.checks["psi"].held, few.checks["psi"].streak) == ("unjudged", "suspect", 1)
    assert few.newest == suspect.newest


def test_labels_may_be_fewer_than_samples_but_not_too_few(world: World) -> None:
    world.write(200, seed=1, wrong=np.nan)
    world.write(29, seed=2)
    record, *_ = world.look()
    assert record.checks["accuracy"].why == "not judged: 29 answers have a label; 30 are needed"
    assert record.checks["psi"].state == "calm"
    world.write(1, seed=3)
    record, *_ = world.look()
    assert record.checks["accuracy"].judged


def test_only_what_the_live_release_answered_is_held_against_it(world: World) -> None:
    world.write(200, seed=1)
    world.write(600, seed=2, wrong=1.0, version="0.9.0")
    record, *_ = world.look()
    assert (record.accuracy, record.labelled) == (1.0, 200)
    assert record.samples == 800
    for file in world.folder.glob("*/*"):
        file.unlink()
    world.write(200, seed=3, version="0.9.0")
    record, *_ = world.look()
    assert "the live release answered 0 samples; 60 are needed" in record.checks["prediction_drift"].why
    assert record.checks["psi"].judged


def test_the_release_answers_its_evaluation_data_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.write(seed=1)
    first, *_ = world.look()
    opened: list[Path] = []
    real = sessions.reference

    def counted(path: Path) -> sessions.Session:
        opened.append(path)
        return real(path)

    monkeypatch.setattr(sessions, "reference", counted)
    second, *_ = world.look()
    assert (opened, second.answers) == ([], first.answers)
    assert first.answers is not None
    store = world.sandbox.store.blobs().store
    path = store.local(blob_key(first.answers.sha256))
    path.chmod(0o644)
    path.unlink()
    third, *_ = world.look()
    assert len(opened) == 1
    assert third.answers == first.answers


def test_another_release_is_another_reference_and_begins_anew(world: World) -> None:
    world.write(600, shift=2.0, seed=2)
    before, *_ = world.look()
    assert before.checks["psi"].held == "suspect"
    other = before.model_copy(update={"reference": "0" * 64})
    assert world.again(other).checks["psi"].streak == 1
    assert world.again(before).counted is False


def test_a_look_before_that_cannot_be_read_is_as_none(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.write(600, shift=2.0, seed=2)
    world.look()
    said: list[str] = []
    tools = replace(world.sandbox.tools(), say=said.append)
    lost = replace(history.materialisations(world.sandbox.instance, ("tiny", "drift"))[0], record="0" * 64)
    monkeypatch.setattr(history, "latest", lambda *_: lost)
    assert assets.latest(world.sandbox.instance, tools, "tiny") is None
    assert "begins anew" in said[0]


def test_samples_that_cannot_be_read_are_not_judged(world: World) -> None:
    world.write(seed=1)
    world.look()
    blob = world.sandbox.store.blobs().put_bytes(b"PAR1 and then nothing", "samples.parquet")
    found = world.again(None, samples=blob)
    assert found.checks["psi"].state == "unjudged"
    assert "cannot be read" in found.checks["psi"].why


def test_a_ledger_that_cannot_be_believed_is_no_quiet_pass(world: World) -> None:
    world.write(seed=1)
    world.look()
    store = world.sandbox.store.blobs().store
    (key,) = store.list("environments/dev/tiny/")
    path = store.local(key)
    path.chmod(0o644)
    path.write_bytes(b"{}")
    with pytest.raises(LedgerBroken):
        world.again(None)


def test_evaluation_data_of_another_input_is_said(world: World) -> None:
    world.write(seed=1)
    world.look()
    spec = world.sandbox.spec
    inputs = (spec.inputs[0].model_copy(update={"dtype": "float64"}),)
    production = world.record("production")
    found = look.look(world.sandbox.tools(), spec.model_copy(update={"inputs": inputs}), production, None).record
    assert "its evaluation data cannot be used" in found.checks["ks"].why


@pytest.mark.parametrize(
    ("output", "why"),
    [
        (np.zeros((4, 3, 2)), "only scores of classes"),
        (np.zeros(4), "only scores of classes"),
        (np.zeros((2, 3)), "first axis must be the samples"),
    ],
)
def test_answers_that_are_no_class_each_are_not_compared(
    sandbox: Sandbox, output: NDArray[np.float64], why: str
) -> None:
    with pytest.raises(reference.NoAnswers, match=why):
        reference._answers(sandbox.spec, output, 4)


def test_of_a_model_that_says_nothing_of_production_there_is_no_asset(sandbox: Sandbox) -> None:
    assert assets.definitions(sandbox.spec).assets == ()
    with pytest.raises(ValueError, match="says nothing of production"):
        look.look(sandbox.tools(), sandbox.spec, None, None)  # type: ignore[arg-type]
