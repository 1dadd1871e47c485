"""What piles up: rows and bytes in Dagster's database, objects and bytes in the store.

Here belong sums over days and months. Not here: what a step leaves (`overheads.yaml`), or what is too much
(`ceilings.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ascend_assets.scale.demand import DAY_SECONDS, MONTH_DAYS, Demand
from ascend_assets.scale.figures import Overheads
from ascend_assets.scale.typical import Typical

GB = 1e9
YEAR_DAYS = 365.0


@dataclass(frozen=True)
class Storage:
    """What a demand leaves behind. `ticks_gb` is as large after a month as after a year, the rest grows.

    `rows_a_second`, `moved_mb_a_second` (between pods and store): at the busiest part of the day. `objects_a_month`,
    `store_gb_a_month`: everything that is made; `kept_*`: what stays after `ascend store gc`, for a release names it.
    """

    rows_a_candidate: float
    rows_a_second: float
    rows_a_month: float
    database_gb_a_month: float
    ticks_gb: float
    objects_a_month: float
    store_gb_a_month: float
    kept_objects_a_month: float
    kept_gb_a_month: float
    moved_mb_a_second: float


def of(demand: Demand, kinds: Sequence[Typical], overheads: Overheads, locations: int) -> Storage:
    """What piles up. `kinds` have shares that add up to 1; `locations`: code locations, each with its own sensors."""
    targets = demand.targets_of_a_model
    month = demand.candidates_a_day * MONTH_DAYS
    events, made = overheads.events, overheads.artefacts
    rows = events.rows_fixed.value + events.rows_per_target.value * targets
    rounds = events.tick_days.value * DAY_SECONDS / events.tick_interval.value
    # Each tick's row holds its sensor's cursor, with a few bytes of every model of its location.
    round_bytes = locations * events.sensors.value * events.tick_bytes.value
    round_bytes += demand.models * events.tick_bytes_per_model.value
    objects = made.objects_fixed.value + made.objects_per_target.value * targets
    stored = sum(kind.share * _bytes(kind, targets, overheads) for kind in kinds)
    return Storage(
        rows_a_candidate=rows,
        rows_a_second=rows * demand.peak,
        rows_a_month=rows * month,
        database_gb_a_month=month * (events.bytes_fixed.value + events.bytes_per_target.value * targets) / GB,
        ticks_gb=rounds * round_bytes / GB,
        objects_a_month=objects * month,
        store_gb_a_month=stored * month / GB,
        kept_objects_a_month=objects * month * made.released.value,
        kept_gb_a_month=stored * month * made.released.value / GB,
        moved_mb_a_second=demand.peak * (stored + sum(k.share * _read(k, targets, overheads) for k in kinds)) / 1e6,
    )


def _bytes(kind: Typical, targets: float, overheads: Overheads) -> float:
    """What one candidate of a kind puts into the store; nothing in it is shared with the one before."""
    made = overheads.artefacts
    om = made.om_per_onnx.value * kind.onnx_bytes
    record = made.bytes_per_target.value + made.bytes_per_layer.value * kind.layers
    return kind.onnx_bytes + made.bytes_fixed.value + targets * (om + record)


def _read(kind: Typical, targets: float, overheads: Overheads) -> float:
    """What a candidate's pods read, each for itself.

    The model in lint, conversion_risk, om and precision; the .om in precision and benchmark.
    """
    om = overheads.artefacts.om_per_onnx.value * kind.onnx_bytes
    return kind.onnx_bytes * (2 + 2 * targets) + om * 2 * targets
