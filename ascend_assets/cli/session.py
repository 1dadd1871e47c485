"""A run of one model's job in this process, in the instance that the UI shows.

Here belong opening what a run needs and reading how it ended. Not here: printing (`run_command.py`).
"""

import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg

from ascend_assets import graph, history, models, pools
from ascend_assets.assets.deployment import NotAdmitted
from ascend_assets.assets.release import ReleaseRefused
from ascend_assets.cli.console import Unusable, progress
from ascend_assets.cli.interrupts import heard
from ascend_assets.cli.person import actor
from ascend_assets.codec import AnyRecord, read_record
from ascend_assets.definitions import build_defs
from ascend_assets.guard import NotReleasable
from ascend_assets.history import MODEL_TAG, STARTED_BY_TAG
from ascend_assets.repair import repairing
from ascend_assets.repair.candidate_records import RepairRecord
from ascend_assets.spec import HubSource, ModelSpec
from ascend_assets.stage import AssetKey, Tools
from ascend_assets.walk import key_of, stages
from resources import git, tarball
from resources.ascend.choice import Chosen
from resources.ascend.toolchain import CompileRefused
from resources.configurable import AscendToolchain, Project, Warehouse
from resources.home import PROJECT, Home, in_cluster, prepare
from resources.locks import model_lock

_HERE, _HERE_VALUE = STARTED_BY_TAG, "command line"
"""Tag of runs that go on under the model's lock, in a process of the command line."""
_REFUSALS = frozenset(kind.__name__ for kind in (NotReleasable, ReleaseRefused, NotAdmitted, CompileRefused))
"""Dagster keeps the name of an exception's class and not the class."""
_IN_A_CLUSTER = (
    "in profile k8s a candidate is built in pods, and not where the command line runs: launch the job "
    "{model}_candidate (or {model}_regate, {model}_repair) in Dagster. `ascend triggers` lists what starts by itself. "
    "A commit that changes the model's definition needs the code location of that commit deployed first"
)
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass(frozen=True)
class Ended:
    """How a run ended. `errors`: stage -> what it said. `refused`: a guard said no, which is not an accident."""

    success: bool
    run_id: str
    errors: dict[str, str]
    refused: bool


@dataclass(frozen=True)
class Session:
    """One model, its definitions, and the instance to run them in."""

    spec: ModelSpec
    commit: str
    home: Home
    instance: dg.DagsterInstance
    definitions: dg.Definitions
    hub: str = ""
    """The version of the model's hub that is asked for; empty for none."""

    def execute(self, job: str, reason: str, *, accept: bool = False) -> Ended:
        """Run a job to its end. `accept`: a repair may take what needs a person, and it is this one.

        Raises `KeyboardInterrupt` when Ctrl-C ended it.
        """
        walk = self.definitions.resolve_job_def(job)
        config: dict[str, Any] = {**_QUIET, "ops": self._ops(job, reason, accept=accept)}
        interrupted = dg.DagsterExecutionInterruptedError
        with pools.reclaiming(self.instance, self.home.locks), heard(interrupted) as has_come:
            try:
                result = walk.execute_in_process(
                    run_config=config, instance=self.instance, raise_on_error=False, tags={_HERE: _HERE_VALUE}
                )
            except interrupted as error:
                raise KeyboardInterrupt from error
            if has_come() and not result.success:
                raise KeyboardInterrupt
        return _ended(self.spec, result)

    def toolchain(self) -> Chosen:
        """What compiles and runs here, and why. Raises `BadChoice`, `NoInstallation`."""
        return AscendToolchain().choose()

    def tools(self) -> Tools:
        """What stages use, for work after the run."""
        return graph.tools(Warehouse(), AscendToolchain(), Project())

    def held(self, run_id: str = "") -> dict[AssetKey, AnyRecord]:
        """Asset -> the record that it holds; with a run, only what that run made."""
        blobs = Warehouse().blobs()
        found = {}
        for stage in stages(self.spec):
            made = history.latest(self.instance, stage.asset, run_id)
            if made is not None and (not run_id or made.run_id == run_id):
                found[stage.asset] = read_record(blobs, made.record)
        return found

    def repair(self, run_id: str) -> RepairRecord | None:
        """The repair that a run made; None where it made none."""
        made = history.latest(self.instance, repairing.key_of(self.spec.name), run_id)
        record = read_record(Warehouse().blobs(), made.record) if made is not None and made.run_id == run_id else None
        return record if isinstance(record, RepairRecord) else None

    def _ops(self, job: str, reason: str, *, accept: bool) -> dict[str, Any]:
        recorded = [stage.asset for stage in stages(self.spec) if stage.name in {"release", "deployment"}]
        ops: dict[str, Any] = {"__".join(a): {"config": {"actor": actor(), "reason": reason}} for a in recorded}
        if job.endswith("_candidate"):
            ops["__".join(key_of(self.spec, "source"))] = {"config": {"commit": self.commit, "hub": self.hub}}
        if job == repairing.job_name(self.spec.name):
            form = {"accept": accept, "actor": actor()}
            ops["__".join(repairing.key_of(self.spec.name))] = {"config": form}
        return ops


@contextmanager
def opened(model: str, commit: str, hub: str = "") -> Iterator[Session]:
    """Everything that a run of `model` needs, locked against a second run.

    Raises `Unusable` for an unknown model, or a hub's version of one that is from none; `BadModel` for a bad file,
    `ModelBusy` where somebody else is at it. In profile k8s always `Unusable`: this pod has neither CANN nor an NPU.
    """
    if in_cluster():
        raise Unusable(_IN_A_CLUSTER.format(model=model))
    # SQLAlchemy logs a traceback when Ctrl-C comes while it closes a connection; what matters is raised as well.
    logging.getLogger("sqlalchemy").setLevel(logging.CRITICAL + 1)
    places = prepare()
    if commit:
        commit = git.resolve(PROJECT, commit)
    spec = _spec_at(commit, model) if commit else _spec_now(model)
    if hub and not isinstance(spec.source, HubSource):
        raise Unusable(f"--hub {hub}: {model} comes from no model hub; see docs/hub.md")
    with model_lock(places.locks, model), dg.DagsterInstance.get() as instance:
        _bury(instance, model)
        pools.reclaim(instance, places.locks)
        pools.set_up(instance, progress)
        yield Session(
            spec=spec,
            commit=commit,
            home=places,
            instance=instance,
            definitions=build_defs(specs={spec.name: spec}),
            hub=hub,
        )


@contextmanager
def instance() -> Iterator[dg.DagsterInstance]:
    """Dagster's instance of the local profile."""
    prepare()
    with dg.DagsterInstance.get() as opened_instance:
        yield opened_instance


def _bury(instance: dg.DagsterInstance, model: str) -> None:
    """End the runs in Dagster's records whose process was killed: whoever holds the model's lock knows that it is.

    Without this the UI would show them as running for ever.
    """
    mine = {_HERE: _HERE_VALUE, MODEL_TAG: model}
    statuses = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.NOT_STARTED]
    for run in instance.get_runs(dg.RunsFilter(tags=mine, statuses=statuses)):
        instance.report_run_failed(run, "The process of this run was killed: ascend run was started anew.")


def _spec_now(model: str) -> ModelSpec:
    known = [folder.name for folder in models.folders(models.DEFS)]
    if model not in known:
        raise Unusable(f"no model {model!r}; there are: {', '.join(known) or 'none'}. Add one: ascend add MODEL.onnx")
    return models.load(models.DEFS / model)


def _spec_at(commit: str, model: str) -> ModelSpec:
    """The model's definition as it was at a commit: a candidate is judged by its own file."""
    with tempfile.TemporaryDirectory(prefix="ascend-") as scratch:
        folder = Path(scratch) / model
        archive = git.archive(PROJECT, commit, models.DEFS / model, Path(scratch) / "source.tar")
        tarball.unpack(archive, folder)
        return models.load(folder)


def _ended(spec: ModelSpec, result: dg.ExecuteInProcessResult) -> Ended:
    errors, kinds = {}, set()
    for event in result.all_events:
        if event.is_step_failure:
            stage = str(event.step_key).removeprefix(f"{spec.name}__").replace("__", "/")
            kind, errors[stage] = _said(event)
            kinds.add(kind)
    return Ended(result.success, result.run_id, errors, refused=not kinds.isdisjoint(_REFUSALS))


def _said(event: dg.DagsterEvent) -> tuple[str, str]:
    """The class of what a step raised, and its message without Python's names."""
    failure = event.step_failure_data
    error = failure.error
    # Dagster wraps what our code raises, and what that was raised from says less to a person.
    while error is not None and error.cause is not None and (error.cls_name or "").startswith("Dagster"):
        error = error.cause
    if failure.user_failure_data is not None and failure.user_failure_data.description:
        return error.cls_name or "" if error else "", failure.user_failure_data.description
    if error is None:
        return "", "failed"
    name, text = error.cls_name or "", error.message.strip()
    return name, text.partition(f"{name}: ")[2] or text
