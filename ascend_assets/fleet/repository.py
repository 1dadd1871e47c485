"""The repository of all models: outlines of everything, and a model built for real when somebody runs it.

Here belong which model a job or an asset belongs to, and building it. Not here: outlines (`outline.py`, `jobs.py`), or
what a model declares (`component.py`).

It stands in for Dagster's own repository at one point: a job that is asked for by name or by selection is the real job
of the models in question, with the steps, gates and pools that they declare. Nothing is read of other models then, so
that a step pays for its own.
"""

import gc
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from functools import cached_property
from typing import Protocol

import dagster as dg
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph
from dagster._core.definitions.assets.job.asset_job import IMPLICIT_ASSET_JOB_NAME
from dagster._core.definitions.repository_definition import SINGLETON_REPOSITORY_NAME, RepositoryData
from dagster_shared.record import copy

from ascend_assets.declared import Parts, together
from ascend_assets.fleet import outline
from ascend_assets.fleet.jobs import JobOutline, Layer, WholeJob, WholeOutline, empty_snapshot
from ascend_assets.fleet.outline import Unit
from ascend_assets.history import MODEL_TAG

MOST = 32
"""Models that one run may be about, and whose real definitions are kept.

A model takes a sixth of a second to build: those of a selection are built while the code server answers nobody else,
and again in each process that runs a step of it. A model that is not kept is built again when it is launched.
"""

Jobs = Mapping[str, JobOutline]


class Models(Protocol):
    """What a repository asks of whoever reads models."""

    @property
    def names(self) -> Sequence[str]:
        """Every model, good or bad."""

    def declare(self, name: str) -> Parts:
        """What one model declares; of a bad one what shows that it is bad. Read anew only if it was not before."""


class Fleet(RepositoryData):
    """Everything that Dagster may ask of all models. `common`: the resources and the executor of all, and other jobs.

    `sensors` makes the triggers, once they are asked for, of every model's jobs by name.
    """

    def __init__(
        self, models: Models, common: dg.Definitions, sensors: Callable[[Jobs], Iterable[dg.SensorDefinition]]
    ) -> None:
        self.models = models
        self._common = common
        self._sensors = sensors
        self._real: OrderedDict[frozenset[str], dg.RepositoryDefinition] = OrderedDict()
        # Dagster's server of a code location answers on several threads.
        self._lock = threading.RLock()

    def job(self, name: str) -> dg.JobDefinition:
        """A job that can be run. Raises `DagsterInvariantViolationError` for one that there is none of."""
        if name == IMPLICIT_ASSET_JOB_NAME:
            return WholeJob(self.all_of)
        if self._base.has_job(name):
            return self._base.get_job(name)
        return self.of((self._model_of(name),)).get_job(name)

    def of(self, names: Iterable[str]) -> dg.RepositoryDefinition:
        """The real repository of some models. Raises `DagsterInvalidSubsetError` for more than `MOST`."""
        wanted = frozenset(names)
        _refuse_too_many(wanted)
        with self._lock:
            if wanted not in self._real:
                self._real[wanted] = self.definitions(wanted).get_repository_def()
                while sum(map(len, self._real)) > MOST:
                    self._real.popitem(last=False)
            self._real.move_to_end(wanted)
            return self._real[wanted]

    def all_of(self, names: Iterable[str]) -> dg.JobDefinition:
        """Dagster's own job of all assets of some models. Raises `DagsterInvalidSubsetError` for more than `MOST`.

        Runs that are launched from that of one model bear its name, as runs of its other jobs do: Dagster's queue keeps
        the runs of a model apart by it.
        """
        wanted = frozenset(names)
        job = self.of(wanted).get_job(IMPLICIT_ASSET_JOB_NAME)
        if len(wanted) != 1:
            return job
        (model,) = wanted
        return job._copy(tags={**job.tags, MODEL_TAG: model})  # noqa: SLF001 - Dagster's other ways name it anew

    def definitions(self, names: Iterable[str]) -> dg.Definitions:
        """The real definitions of some models, built anew."""
        parts = together(self.models.declare(name) for name in sorted(names))
        common = dg.Definitions(resources=self._common.resources, executor=self._common.executor)
        return dg.Definitions.merge(parts.build(), common)

    @cached_property
    def graph(self) -> AssetGraph:
        """All assets and checks, as outlines."""
        return outline.graph(self._units)

    def get_all_jobs(self) -> Sequence[dg.JobDefinition]:
        """Outlines of models' jobs, and the real ones that are no model's."""
        base = [job for job in self._base.get_all_jobs() if job.name != IMPLICIT_ASSET_JOB_NAME]
        return [self._whole, *self._jobs.values(), *base]

    def get_job_names(self) -> Sequence[str]:
        """Their names."""
        return [job.name for job in self.get_all_jobs()]

    def has_job(self, job_name: str) -> bool:
        """Whether there is such a job."""
        return job_name == IMPLICIT_ASSET_JOB_NAME or self._base.has_job(job_name) or job_name in self._jobs

    def get_job(self, job_name: str) -> dg.JobDefinition:
        """What webserver and daemon are shown of a job, each of which asks for every one: of a model's its outline."""
        if job_name == IMPLICIT_ASSET_JOB_NAME:
            return self._whole
        return self._jobs[job_name] if job_name in self._jobs else self.job(job_name)

    def shown(self, job_name: str) -> dg.JobDefinition | None:
        """The outline that the webserver was given of a job; None in a process that draws none, which runs it."""
        return self.get_job(job_name) if "_jobs" in vars(self) else None

    def get_all_sensors(self) -> Sequence[dg.SensorDefinition]:
        """Every trigger."""
        return self._triggers

    def get_top_level_resources(self) -> Mapping[str, dg.ResourceDefinition]:
        """The resources of all."""
        return self._base.get_top_level_resources()

    def get_env_vars_by_top_level_resource(self) -> Mapping[str, AbstractSet[str]]:
        """The environment variables that they read."""
        return self._base.get_env_vars_by_top_level_resource()

    def load_all_definitions(self) -> None:
        """Draw what the server shows, before it answers on several threads."""
        with self._lock, _without_collections():
            self.get_all_jobs()
            self.get_all_sensors()
            _ = self.graph

    @cached_property
    def _base(self) -> dg.RepositoryDefinition:
        return self._common.get_repository_def()

    @cached_property
    def _declared(self) -> Mapping[str, Parts]:
        return {name: self.models.declare(name) for name in self.models.names}

    @cached_property
    def _units(self) -> Sequence[Unit]:
        return [unit for parts in self._declared.values() for unit in outline.units(parts)]

    @cached_property
    def _whole(self) -> WholeOutline:
        return WholeOutline(self._units, self._executor, self._base.get_top_level_resources())

    @cached_property
    def _jobs(self) -> dict[str, JobOutline]:
        template = empty_snapshot()
        checks = {node.key: node.check_keys for node in self.graph.asset_nodes}
        found = {}
        for parts in self._declared.values():
            for job in parts.jobs:
                evaluated = frozenset(job.checks).union(*(checks[key] for key in job.assets))
                found[job.name] = JobOutline(job, Layer(frozenset(job.assets), evaluated), template)
        return found

    @cached_property
    def _triggers(self) -> Sequence[dg.SensorDefinition]:
        return list(self._sensors(self._jobs))

    @property
    def _executor(self) -> dg.ExecutorDefinition:
        executor = self._common.executor
        if not isinstance(executor, dg.ExecutorDefinition):
            raise TypeError("a fleet needs an executor")
        return executor

    def _model_of(self, job: str) -> str:
        """The model whose job it is: `<model>_candidate`. Where two could be meant, the one that declares it."""
        could = [name for name in self.models.names if job.startswith(f"{name}_")]
        for name in sorted(could, key=len, reverse=True):
            if any(each.name == job for each in self.models.declare(name).jobs):
                return name
        raise dg.DagsterInvariantViolationError(f"no job {job!r}: no model declares it")


def _refuse_too_many(names: AbstractSet[str]) -> None:
    """Raise `DagsterInvalidSubsetError`, the one error of a code server of which the UI shows the words alone."""
    if len(names) > MOST:
        first = ", ".join(sorted(names)[:3])
        raise dg.DagsterInvalidSubsetError(
            f"assets or checks of {len(names)} models are selected ({first}, ...), and one run may be about {MOST} "
            "models at most: each of its steps would wait until all of them are built. Select fewer and launch several "
            "runs, one for each model (its jobs, such as <model>_candidate, do all that belongs to it) or for each "
            f"group of at most {MOST} models"
        )


@contextmanager
def _without_collections() -> Iterator[None]:
    """Make what stays for good without looking for garbage in it, now or later: that takes longer than making it."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_on:
            gc.enable()


class FleetRepository(dg.RepositoryDefinition):
    """Dagster's view of a fleet."""

    def __init__(self, fleet: Fleet) -> None:
        super().__init__(SINGLETON_REPOSITORY_NAME, repository_data=fleet)
        self._fleet = fleet

    @property
    def asset_graph(self) -> AssetGraph:
        """All assets and checks, as outlines."""
        return self._fleet.graph

    def get_implicit_job_def_for_assets(self, asset_keys: Iterable[dg.AssetKey]) -> dg.JobDefinition:
        """Dagster's own job of all assets of the models in question: the command line asks."""
        return self._fleet.all_of({key.path[0] for key in asset_keys})

    def get_maybe_subset_job_def(
        self,
        job_name: str,
        op_selection: Iterable[str] | None = None,
        asset_selection: AbstractSet[dg.AssetKey] | None = None,
        asset_check_selection: AbstractSet[dg.AssetCheckKey] | None = None,
    ) -> dg.JobDefinition:
        """The job to run: of Dagster's own job of all assets that of the models which are selected."""
        part = self._fleet.job(job_name).get_subset(
            op_selection=op_selection, asset_selection=asset_selection, asset_check_selection=asset_check_selection
        )
        self._name_parent(part, job_name)
        return part

    def _name_parent(self, part: dg.JobDefinition, job_name: str) -> None:
        """Let a part of a job name as its whole what the webserver has of it, which would warn of another."""
        whole, selected = self._fleet.shown(job_name), part.asset_selection_data
        if whole is not None and selected is not None:
            part._subset_selection_data = copy(selected, parent_job_def=whole)  # noqa: SLF001 - no other way in

    def validate_loadable(self) -> None:
        """Build every model for real, and all of what is no model's."""
        for name in self._fleet.models.names:
            dg.Definitions.validate_loadable(self._fleet.definitions((name,)))
