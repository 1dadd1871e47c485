"""What gives way first, and what to do then.

Here belong the known limits around a fleet, each with its figure and what moves it. Not here: the figures
(`overheads.yaml`), or how much is needed (`plan.py`).
"""

from dataclasses import dataclass

from ascend_assets.scale.demand import DAY_SECONDS, MAX_MODELS, Demand
from ascend_assets.scale.figures import Figure, Origin, Overheads, weakest
from ascend_assets.scale.storage import YEAR_DAYS, Storage

ASSETS_FIXED, ASSETS_PER_TARGET = 6, 3
"""Assets of a model's walk: source, onnx, lint, dossier, release, deployment; om, precision, benchmark."""
_OWN_CONNECTIONS = 20
"""Connections of the daemon, the webserver and a code location at a busy moment: an allowance."""


@dataclass(frozen=True)
class Ceiling:
    """One limit. `needs` and `limit` in `unit`; `then`: what moves it. `origin` is that of the least known figure."""

    what: str
    needs: float
    limit: float
    unit: str
    origin: Origin
    source: str
    then: str

    @property
    def reached(self) -> float:
        """How much of it is needed: at 1 it gives way."""
        return self.needs / self.limit

    def models(self, now: int) -> float:
        """How many models it takes to reach it, if everything else grows with them; infinite where nothing is used."""
        return now / self.reached if self.reached > 0 else float("inf")


@dataclass(frozen=True)
class Use:
    """What a plan needs at its busiest. At once: `pods`, `runs`, steps `compiling` and `exporting` with some to spare.

    `pods_a_second`, `pods_a_day`: begun.
    """

    pods: float
    runs: float
    compiling: float
    exporting: float
    pods_a_second: float
    pods_a_day: float
    origin: Origin


def models_per_location(overheads: Overheads) -> int:
    """How many models one code location takes: the least of what loading, its snapshot and a round of looks allow."""
    at, limits = overheads.locations, overheads.limits
    pairs = (
        (limits.load, at.load_per_model),
        (limits.snapshot, at.snapshot_per_model),
        (limits.round, at.round_per_model),
    )
    allowed = [limit.value / each.value for limit, each in pairs if each.value > 0]
    return max(1, int(min(allowed, default=MAX_MODELS)))


def ceilings(demand: Demand, use: Use, storage: Storage, overheads: Overheads) -> tuple[Ceiling, ...]:
    """Every known limit, the one that is nearest first; all models in one code location."""
    found = (
        *_of_locations(demand, overheads),
        *_of_cluster(demand, use, overheads),
        *_of_storage(demand, use, storage, overheads),
    )
    return tuple(sorted(found, key=lambda ceiling: (-ceiling.reached, ceiling.what)))


def _ceiling(what: str, needs: float, limit: Figure, unit: str, then: str, *origins: Origin) -> Ceiling:
    return Ceiling(what, needs, limit.value, unit, weakest((limit.origin, *origins)), limit.source, then)


def _of_locations(demand: Demand, overheads: Overheads) -> tuple[Ceiling, ...]:
    at, limits = overheads.locations, overheads.limits
    assets = demand.models * (ASSETS_FIXED + ASSETS_PER_TARGET * demand.targets_of_a_model)
    split = "more code locations"
    return (
        _ceiling(
            "loading one code location",
            demand.models * at.load_per_model.value,
            limits.load,
            "s",
            split,
            at.load_per_model.origin,
        ),
        _ceiling(
            "snapshot of one code location",
            demand.models * at.snapshot_per_model.value / 1e6,
            _mega(limits.snapshot),
            "MB",
            split,
            at.snapshot_per_model.origin,
        ),
        _ceiling(
            "a look at every deployment of one location",
            demand.models * at.round_per_model.value,
            limits.round,
            "s",
            split,
            at.round_per_model.origin,
        ),
        _ceiling(
            "assets in the UI's global lineage",
            assets,
            limits.lineage_assets,
            "assets",
            "a webserver per group of locations; look by group",
        ),
    )


def _of_cluster(demand: Demand, use: Use, overheads: Overheads) -> tuple[Ceiling, ...]:
    limits = overheads.limits
    steps = use.pods_a_day - demand.candidates_a_day
    kept = use.pods + (steps * limits.step_kept.value + demand.candidates_a_day * limits.run_kept.value) / DAY_SECONDS
    churn = use.pods_a_second * limits.churn_per_pod.value
    at_once = "compiling in cluster.yaml, and cores for it"
    return (
        _ceiling(
            "Kubernetes' API: changes of pods",
            churn,
            limits.churn,
            "a second",
            "fewer pods: light steps in the run's own pod; another cluster",
            use.origin,
            limits.churn_per_pod.origin,
        ),
        _ceiling(
            "pods in the namespace, finished ones too",
            kept,
            limits.pods_in_namespace,
            "pods",
            "a shorter ttlSecondsAfterFinished of runs",
            use.origin,
        ),
        _ceiling(
            "runs at once",
            use.runs,
            limits.runs,
            "runs",
            "maxConcurrentRuns, with PostgreSQL's connections",
            use.origin,
        ),
        _ceiling("runs that the queue begins", demand.peak, limits.runs_begun, "a second", "dequeueNumWorkers"),
        _ceiling("compilations at once", use.compiling, limits.compiling, "steps", at_once, use.origin),
        _ceiling(
            "exports at once",
            use.exporting,
            limits.exporting,
            "steps",
            "exporting in cluster.yaml, and cores",
            use.origin,
        ),
    )


def _of_storage(demand: Demand, use: Use, storage: Storage, overheads: Overheads) -> tuple[Ceiling, ...]:
    limits, released = overheads.limits, overheads.artefacts.released
    pages = (storage.kept_objects_a_month * YEAR_DAYS / 30 + storage.objects_a_month) / limits.list_page.value
    entries = demand.candidates_a_day / demand.models * YEAR_DAYS * released.value
    return (
        _ceiling(
            "connections to PostgreSQL",
            use.runs + use.pods + _OWN_CONNECTIONS,
            limits.connections,
            "at once",
            "max_connections, or a pooler; max_concurrent_runs bounds it",
            use.origin,
        ),
        _ceiling(
            "rows written to PostgreSQL",
            storage.rows_a_second,
            limits.database_rows,
            "a second",
            "a larger server; then an instance per group of models",
        ),
        _ceiling(
            "listing all blobs for store gc, after a year",
            pages * limits.list_seconds.value,
            limits.collection,
            "s",
            "gc by night; a bucket per group of models",
            released.origin,
        ),
        _ceiling(
            "traffic between pods and the store",
            storage.moved_mb_a_second,
            limits.network,
            "MB a second",
            "more gateways in front of the store; a cache on each node",
            overheads.artefacts.om_per_onnx.origin,
        ),
        _ceiling(
            "a model's ledger, after a year",
            entries,
            limits.ledger,
            "entries",
            "nothing breaks: moves take longer",
            released.origin,
        ),
    )


def _mega(figure: Figure) -> Figure:
    return figure.model_copy(update={"value": figure.value / 1e6, "unit": "MB"})
