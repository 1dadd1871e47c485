"""The figures that a plan is computed from, each with where it comes from.

Here belong the type of a figure, the file that holds them all, and how little a computed figure may claim. Not here:
computing anything with them.
"""

from collections.abc import Iterable
from functools import cache
from importlib.resources import as_file, files
from typing import Annotated, Literal

from pydantic import Field, FiniteFloat, StringConstraints, ValidationError

from ascend_assets import yaml_file
from ascend_assets.strict import Strict
from ascend_assets.yaml_file import BadYaml

Origin = Literal["measured", "published", "emulated", "assumed"]
"""`measured` by a benchmark of this project, `published` by somebody else, `emulated` by the estimator, `assumed`."""

_BY_TRUST: tuple[Origin, ...] = ("measured", "published", "emulated", "assumed")


class Figure(Strict):
    """A number, its unit, and where it is known from."""

    value: Annotated[FiniteFloat, Field(ge=0)]
    unit: Annotated[str, StringConstraints(min_length=1, max_length=40)]
    origin: Origin
    source: Annotated[str, StringConstraints(min_length=1, max_length=600)]

    def assumed(self, value: float, option: str) -> "Figure":
        """The same figure with a value that a person gave."""
        return Figure(value=value, unit=self.unit, origin="assumed", source=f"given: {option}")


class Requests(Strict):
    """What a step's pod asks for: cores, GiB of memory, and GiB of its node's disk (Kubernetes' ephemeral storage)."""

    cpu: Annotated[FiniteFloat, Field(gt=0, le=1024)]
    memory: Annotated[FiniteFloat, Field(gt=0, le=65536)]
    disk: Annotated[FiniteFloat, Field(ge=0, le=1_000_000)] = 0.0


class Times(Strict):
    """Seconds. What each means stands beside it in the file."""

    commit_seen: Figure
    dequeued: Figure
    pod_start: Figure
    step_process: Figure
    step_per_model: Figure
    light_step: Figure
    export: Figure
    training: Figure
    compilation: Figure
    precision_tools: Figure
    benchmark_tools: Figure
    spread: Figure


class Inferences(Strict):
    """How many batches a candidate runs on a card."""

    evaluation_samples: Figure
    compared: Figure
    benchmarked: Figure


class Events(Strict):
    """What runs and sensors leave in Dagster's database."""

    rows_fixed: Figure
    rows_per_target: Figure
    bytes_fixed: Figure
    bytes_per_target: Figure
    sensors: Figure
    tick_interval: Figure
    tick_bytes: Figure
    tick_bytes_per_model: Figure
    tick_days: Figure


class Artefacts(Strict):
    """What a candidate leaves in the store."""

    objects_fixed: Figure
    objects_per_target: Figure
    bytes_fixed: Figure
    bytes_per_target: Figure
    bytes_per_layer: Figure
    om_per_onnx: Figure
    released: Figure


class Locations(Strict):
    """What a code location pays for each of its models."""

    load_per_model: Figure
    snapshot_per_model: Figure
    round_per_model: Figure
    memory_fixed: Figure
    memory_per_model: Figure


class Limits(Strict):
    """Where something gives way."""

    load: Figure
    snapshot: Figure
    round: Figure
    connections: Figure
    churn: Figure
    churn_per_pod: Figure
    pods_in_namespace: Figure
    step_kept: Figure
    run_kept: Figure
    runs: Figure
    compiling: Figure
    exporting: Figure
    ledger: Figure
    runs_begun: Figure
    database_rows: Figure
    network: Figure
    lineage_assets: Figure
    list_page: Figure
    list_seconds: Figure
    collection: Figure


class Overheads(Strict):
    """All figures of `overheads.yaml`. `run_pod`: what the pod of a run asks for; its steps have their own."""

    times: Times
    inferences: Inferences
    events: Events
    artefacts: Artefacts
    locations: Locations
    limits: Limits
    run_pod: Requests


@cache
def overheads() -> Overheads:
    """The figures that ship. Raises `BadYaml` with file, line and field where the file is wrong."""
    with as_file(files("ascend_assets.scale") / "overheads.yaml") as path:
        file = yaml_file.read(path, "a file of figures")
        try:
            return Overheads.model_validate(file.document)
        except ValidationError as error:
            raise BadYaml(file.problems(error, Overheads), "figures of a plan") from error


def weakest(origins: Iterable[Origin]) -> Origin:
    """What may be said of a figure that is computed from others: no more than of the least known of them."""
    return max(origins, key=_BY_TRUST.index)
