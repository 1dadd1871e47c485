"""From the shipped model in dev, through a world that changes, to a better one in dev, without a hand.

The digits of production are suddenly white on black. Its samples and what was right are written as the serving side
writes them; the looks, the sensor and the runs are the real ones, in this process.
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import numpy as np
import pytest
from learner import write
from sandbox import git
from sklearn.datasets import load_digits

from ascend_assets import definitions, history, models
from ascend_assets.codec import read_record
from ascend_assets.drift.records import DriftRecord
from ascend_assets.records import Record
from ascend_assets.spec import ModelSpec
from ascend_assets.training.records import ChallengerRecord
from resources.configurable import Project, Warehouse
from resources.home import PROJECT
from sensors import retraining

MODEL = "digits_cnn"
SHIPPED = PROJECT / "ascend_assets" / "defs" / MODEL


@dataclass(frozen=True)
class Site:
    """A project with the shipped model, and its production's folder."""

    root: Path
    instance: dg.DagsterInstance
    production: Path

    @property
    def spec(self) -> ModelSpec:
        return models.load(self.root / "ascend_assets" / "defs" / MODEL)

    @property
    def store(self) -> Warehouse:
        return Warehouse(location=str(self.root.parent / "store"))

    @property
    def definitions(self) -> dg.Definitions:
        own = {**definitions.default_resources(self.store), "project": Project(folder=str(self.root))}
        return definitions.build_defs(specs={MODEL: self.spec}, resources=own)

    def run(self, job: str, request: dg.RunRequest | None = None) -> dg.ExecuteInProcessResult:
        resolved = self.definitions.resolve_job_def(job)
        config, tags = (request.run_config, request.tags) if request else (None, None)
        return resolved.execute_in_process(run_config=config, tags=tags, instance=self.instance, raise_on_error=False)

    def held(self, *asset: str) -> Record:
        made = history.latest(self.instance, (MODEL, *asset))
        assert made is not None
        return read_record(self.store.blobs(), made.record)

    def tick(self, cursor: str | None = None) -> dg.SensorResult:
        jobs = {f"{MODEL}_retrain": self.definitions.resolve_job_def(f"{MODEL}_retrain")}
        (sensor,) = retraining.build([self.spec], jobs)
        context = dg.build_sensor_context(instance=self.instance, cursor=cursor)
        found = sensor(context, store=self.store)
        assert isinstance(found, dg.SensorResult)
        return found


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    root = tmp_path / "project"
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(SHIPPED, root / "ascend_assets" / "defs" / MODEL, ignore=ignore)
    shutil.copy(PROJECT / "requirements.lock", root)
    git(tmp_path, "init", "-q", "-b", "main", str(root))
    git(root, "add", "-A")
    git(root, "commit", "-qm", "the shipped model")
    monkeypatch.setenv("ASCEND_PRODUCTION", str(tmp_path / "production"))
    monkeypatch.setenv("ASCEND_STATE", str(tmp_path / "state"))
    with dg.DagsterInstance.ephemeral() as instance:
        yield Site(root, instance, tmp_path / "production" / MODEL / "dev")


def white_on_black(half: int) -> tuple[np.ndarray, np.ndarray]:
    """Every second digit, inverted."""
    digits = load_digits()
    images = (1 - digits.images / 16).astype(np.float32)[half::2, None]
    return images, digits.target.astype(np.int64)[half::2]


def test_a_world_that_changes_is_learnt_and_released_to_dev(site: Site) -> None:
    assert site.run(f"{MODEL}_candidate").success
    assert not site.tick().run_requests
    for look in range(2):
        images, labels = white_on_black(look)
        write(site.production, {"image": images}, labels, prefix=f"look{look}")
        assert site.run(f"{MODEL}_production").success
        drift = site.held("drift")
        assert isinstance(drift, DriftRecord)
        assert {check.state for check in drift.checks.values()} & {"drifted", "suspect"}

    first = site.tick()
    (request,) = first.run_requests or ()
    assert request.tags[history.WHY_TAG] in {"accuracy", "drift"}
    result = site.run(request.job_name or "", request)
    assert result.success

    challenger = site.held("challenger")
    assert isinstance(challenger, ChallengerRecord)
    assert challenger.why == request.tags[history.WHY_TAG]
    assert challenger.production is not None
    assert challenger.original is not None
    assert challenger.production.champion < 0.5
    assert challenger.production.challenger > 0.9
    assert challenger.interval is not None
    assert challenger.interval[0] > 0.4
    assert challenger.original.difference > -0.02
    live = site.store.ledger().live("dev", MODEL)
    assert live is not None
    assert live.version == "1.1.0"
    assert live.reason.startswith("continuous training: ")
    release = site.store.registry().get(MODEL, "1.1.0")
    assert "-ct-0001" in release.candidate
    assert release.onnx.sha256 == challenger.file.sha256
    assert release.changelog.startswith("continuous training 1, because of ")
    page = site.store.blobs().read(release.dossier).decode()
    assert "better on production" in page, "who decides on it reads why it was made"
    assert challenger.trained.sha256 in page

    again = site.tick(first.cursor)
    assert not again.run_requests
    assert site.run(f"{MODEL}_production").success
    after = site.held("drift")
    assert isinstance(after, DriftRecord)
    assert after.version == "1.1.0"
    assert {check.state for check in after.checks.values()} <= {"calm", "unjudged"}, (
        "the new reference knows this world"
    )
