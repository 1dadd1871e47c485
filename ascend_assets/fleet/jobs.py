"""Jobs as Dagster's repository lists them, drawn from what is declared.

Here belong the outline of a job, which says what it makes and evaluates, and that of Dagster's own job of all assets,
from which the UI reads the forms of steps. Neither can be run: the repository gives out real jobs for that
(`repository.py`).

Dagster's webserver and daemon fetch every job of a location when they load it, so an outline says no more than they
need.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any, ClassVar, cast

import dagster as dg
from dagster._config.snap import ConfigSchemaSnapshot, snap_from_config_type
from dagster._core.definitions.assets.job.asset_job import IMPLICIT_ASSET_JOB_NAME
from dagster._core.definitions.assets.job.asset_layer import AssetLayer
from dagster._core.definitions.dependency import NodeHandle, NodeOutputHandle
from dagster._core.remote_representation.job_index import JobIndex
from dagster._core.snap import JobSnap
from dagster_shared.record import copy

from ascend_assets.declared import Asset, Job
from ascend_assets.fleet.outline import Unit

RESULT = "result"
"""Dagster's name for what comes out of a step that makes one asset."""


@dataclass(frozen=True)
class Layer:
    """What a job makes and evaluates, in place of an `AssetLayer`. `steps`: asset -> its op, where the job shows it."""

    selected_asset_keys: frozenset[dg.AssetKey]
    asset_check_keys: frozenset[dg.AssetCheckKey]
    steps: Mapping[dg.AssetKey, str] = field(default_factory=dict)

    external_job_asset_keys = frozenset[dg.AssetKey]()
    assets_defs: ClassVar = ()

    @property
    def asset_graph(self) -> "Layer":
        """Dagster asks a layer's graph for its checks."""
        return self

    def get_op_output_handle(self, key: dg.AssetKey) -> NodeOutputHandle[Any]:
        """Where an asset comes out."""
        return NodeOutputHandle(node_handle=NodeHandle(self.steps[key], None), output_name=RESULT)

    def upstream_dep_op_handles(self, key: dg.AssetKey) -> set[NodeHandle]:
        """The ops that make an asset: one."""
        return {NodeHandle(self.steps[key], None)}


class JobOutline(dg.JobDefinition):
    """A job without steps. `snapshot`: what webserver and daemon get of it, but for its name and what it is for."""

    def __init__(self, job: Job, layer: Layer, snapshot: JobSnap) -> None:
        self._layer = layer
        super().__init__(graph_def=dg.GraphDefinition(name=job.name), description=job.description, tags=job.tags)
        self._snapshot = snapshot

    @property
    def asset_layer(self) -> AssetLayer:
        """What it makes and evaluates."""
        return cast("AssetLayer", self._layer)

    def get_job_index(self) -> JobIndex:
        """Its snapshot."""
        return self._index

    @cached_property
    def _index(self) -> JobIndex:
        named = {"name": self.name, "graph_def_name": self.name, "description": self.description, "tags": self.tags}
        return JobIndex(copy(self._snapshot, **named), None)


class WholeOutline(JobOutline):
    """Dagster's own job of all assets, from which the UI and the daemon launch a selection.

    Its snapshot has one op per kind of step, which stands for every asset's op of that kind.
    """

    def __init__(self, units: Iterable[Unit], executor: dg.ExecutorDefinition, resources: Mapping[str, Any]) -> None:
        assets: dict[dg.AssetKey, str] = {}
        checks: set[dg.AssetCheckKey] = set()
        kinds: dict[tuple[str, ...], dg.OpDefinition] = {}
        ops: dict[str, dg.OpDefinition] = {}
        for unit in units:
            checks.update(unit.specs_by_check)
            if isinstance(unit.declared, Asset):
                kind = _kind(unit.declared)
                if kind not in kinds:
                    kinds[kind] = _op(unit.declared, f"{unit.declared.key.path[-1]}_{len(kinds)}")
                assets[unit.declared.key] = unit.step
                ops[unit.step] = kinds[kind]
        self._ops = _Ops(ops)
        real = dg.JobDefinition(
            graph_def=dg.GraphDefinition(name="kinds", node_defs=list(kinds.values())),
            executor_def=executor,
            resource_defs=resources,
        )
        layer = Layer(frozenset(assets), frozenset(checks), assets)
        super().__init__(Job(IMPLICIT_ASSET_JOB_NAME, (), "", {}), layer, real.get_job_snapshot())

    @property
    def graph(self) -> Any:  # noqa: ANN401 - Dagster's own type has more
        """Its ops by the names of assets' own."""
        return self._ops


@cache
def empty_snapshot() -> JobSnap:
    """The snapshot of a job with nothing in it, whose form takes anything: the real job says what is wrong with it."""
    snapshot = dg.JobDefinition(graph_def=dg.GraphDefinition(name="empty")).get_job_snapshot()
    anything = snap_from_config_type(dg.Permissive())  # type: ignore[no-untyped-call]
    mode = snapshot.mode_def_snaps[0]
    return copy(
        snapshot,
        config_schema_snapshot=ConfigSchemaSnapshot(all_config_snaps_by_key={anything.key: anything}),
        mode_def_snaps=[mode._replace(root_config_key=anything.key, resource_def_snaps=[], logger_def_snaps=[])],
    )


@dataclass(frozen=True)
class _Ops:
    """What Dagster asks of the graph of the job of all assets: the op of an asset."""

    by_step: Mapping[str, dg.OpDefinition]

    def get_node(self, handle: NodeHandle) -> "_Node":
        """The node of that name."""
        return _Node(self.by_step[handle.name])


@dataclass(frozen=True)
class _Node:
    definition: dg.OpDefinition


def _kind(declared: Asset) -> tuple[str, ...]:
    """What two ops have in common that look alike in the UI: the stage, its pool and its kinds."""
    given = declared.options
    return (declared.key.path[-1], given.get("pool") or "", *sorted(given.get("kinds") or ()))


def _op(declared: Asset, name: str) -> dg.OpDefinition:
    """An op with the form of an asset's, and without what goes in: a selection is never launched from here."""
    real = declared.build().op
    return dg.OpDefinition(
        compute_fn=_never,
        name=name,
        outs={RESULT: dg.Out()},
        config_schema=real.config_schema,
        required_resource_keys=set(real.required_resource_keys),
        tags=real.tags,
        pool=real.pool,
    )


def _never(_context: dg.OpExecutionContext, _inputs: Mapping[str, object]) -> Iterator[object]:
    raise NotImplementedError("an outline is not run: the repository gives out real jobs")


@dg.op
def select_assets() -> None:
    """What runs where somebody launches all assets of all models at once."""
    raise dg.Failure("select what is to be made: this job has every asset of every model", allow_retries=False)


class WholeJob(dg.JobDefinition):
    """Dagster's own job of all assets, of which a selection can be run. `of`: models -> the real one of those."""

    def __init__(self, of: Callable[[Iterable[str]], dg.JobDefinition]) -> None:
        self._of = of
        super().__init__(graph_def=dg.GraphDefinition(name=IMPLICIT_ASSET_JOB_NAME, node_defs=[select_assets]))

    def get_subset(
        self,
        *,
        op_selection: Iterable[str] | None = None,
        asset_selection: AbstractSet[dg.AssetKey] | None = None,
        asset_check_selection: AbstractSet[dg.AssetCheckKey] | None = None,
    ) -> dg.JobDefinition:
        """The real steps of what is selected; itself where nothing is, as a run's process asks for it first."""
        keys = (*(asset_selection or ()), *(key.asset_key for key in asset_check_selection or ()))
        if not keys:
            return self
        return self._of({key.path[0] for key in keys}).get_subset(
            op_selection=op_selection, asset_selection=asset_selection, asset_check_selection=asset_check_selection
        )
