"""What one candidate costs: a pod per step, with its time, its card, its cores.

Here belong the steps of a candidate as tasks that wait for each other, and what of their time is the same for every
model. Not here: what a step does (`walk.py`), or how tasks of many candidates queue (`simulation.py`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from ascend_assets.scale.figures import Overheads, Requests
from ascend_assets.scale.typical import Typical

Kind = Literal[
    "challenger",
    "source",
    "onnx",
    "lint",
    "om",
    "precision",
    "benchmark",
    "judging",
    "dossier",
    "release",
    "deployment",
]
"""A step's word in `resources/kubernetes/sizes.py`; `judging` is every check that is a step of its own."""
KINDS: tuple[Kind, ...] = get_args(Kind)
SLOTS: Mapping[Kind, str] = {"om": "compiling", "onnx": "exporting"}
"""Steps of which so many run at once in a cluster, by the field of `cluster.yaml` that says how many."""
HEAVY = frozenset({"challenger", "onnx", "om", "precision", "benchmark"})
"""Steps whose work is not the same for every model; every other is a light one."""
ON_CARDS: tuple[Kind, ...] = ("precision", "benchmark")
"""Steps of a target that hold a card; both are wanted at once, as soon as the model is compiled."""


@dataclass(frozen=True)
class Task:
    """One step. Seconds: `fixed` passes in every pod, `varying` is the work's mean.

    `target`: the SoC version of a target's step. `after`: places of the tasks that it waits for.
    """

    name: str
    kind: Kind
    fixed: float
    varying: float
    target: str = ""
    after: tuple[int, ...] = ()

    @property
    def pool(self) -> str:
        """What the step waits for: a card of its target's SoC, a slot for a compilation or an export, or nothing."""
        return self.target if self.kind in ON_CARDS else SLOTS.get(self.kind, "")

    @property
    def seconds(self) -> float:
        """How long its pod lives on average, and how long a card is held."""
        return self.fixed + self.varying


@dataclass(frozen=True)
class Costs:
    """The figures in force, what each pod asks for, and how many models a step loads: those of its code location."""

    overheads: Overheads
    requests: Mapping[str, Requests]
    models_loaded: int

    @property
    def pod(self) -> float:
        """Seconds of every pod before its step begins: scheduled and started, Python, the definitions."""
        times = self.overheads.times
        return times.pod_start.value + times.step_process.value + times.step_per_model.value * self.models_loaded

    @property
    def before(self) -> float:
        """Seconds from a commit to the first step: seen, dequeued, the run's own pod."""
        times = self.overheads.times
        return times.commit_seen.value + times.dequeued.value + self.pod

    def work(self, kind: Kind, model: Typical, soc: str = "") -> float:
        """Mean seconds of work in a step, without its pod's."""
        times, runs = self.overheads.times, self.overheads.inferences
        batch = model.latency_ms.get(soc, 0.0) / 1000
        compared = runs.compared.value + runs.evaluation_samples.value / model.batch
        heavy: dict[Kind, float] = {
            "challenger": times.training.value,
            "onnx": times.export.value,
            "om": times.compilation.value,
            "precision": times.precision_tools.value + compared * batch,
            "benchmark": times.benchmark_tools.value + runs.benchmarked.value * batch,
        }
        return heavy.get(kind, times.light_step.value)

    def task(self, name: str, kind: Kind, model: Typical, after: tuple[int, ...], soc: str = "") -> Task:
        """One step of a model."""
        work = self.work(kind, model, soc)
        if kind not in HEAVY:
            return Task(name, kind, self.pod + work, 0.0, soc, after)
        return Task(name, kind, self.pod, work, soc, after)


def candidate(costs: Costs, model: Typical, socs: tuple[str, ...], *, trained: bool = False) -> tuple[Task, ...]:
    """The steps of a candidate, each after those that it waits for. `socs`: one per target.

    `trained`: a challenger is trained first, and held against the champion.
    """
    tasks: list[Task] = []
    for name, kind, after, soc in _steps(socs, trained=trained):
        places = tuple(place for place, task in enumerate(tasks) if task.name in after)
        tasks.append(costs.task(name, kind, model, places, soc))
    return tuple(tasks)


def _steps(socs: tuple[str, ...], *, trained: bool) -> Iterator[tuple[str, Kind, set[str], str]]:
    """Name, kind, what it waits for, and the SoC of a target's: as `walk.py` and its checks have them."""
    if trained:
        yield "challenger", "challenger", set(), ""
        yield "challenger__better", "judging", {"challenger"}, ""
    yield "source", "source", {"challenger__better"}, ""
    # A challenger's files are frozen, and never trained again.
    yield "onnx", "lint" if trained else "onnx", {"source"}, ""
    yield "conversion_risk", "judging", {"onnx"}, ""
    yield "lint", "lint", {"onnx"}, ""
    yield "lint__gate", "judging", {"lint"}, ""
    judged = set()
    for number, soc in enumerate(socs):
        om = f"{number}__om"
        yield om, "om", {"lint__gate"}, soc
        yield f"{om}_current", "judging", {om}, soc
        for kind in ON_CARDS:
            yield f"{number}__{kind}", kind, {om}, soc
            yield f"{number}__{kind}__gate", "judging", {f"{number}__{kind}"}, soc
            judged.add(f"{number}__{kind}__gate")
    yield "dossier", "dossier", judged or {"lint__gate"}, ""
    yield "dossier__gate", "judging", {"dossier"}, ""
    yield "release", "release", {"dossier__gate"}, ""
    yield "deployment", "deployment", {"release"}, ""
    yield "deployment__standing", "judging", {"deployment"}, ""
