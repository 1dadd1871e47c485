"""One candidate as tasks: as many as Dagster runs steps, each after what it needs."""

import pytest

from ascend_assets import models, walk
from ascend_assets.scale.figures import overheads
from ascend_assets.scale.typical import shipped
from ascend_assets.scale.walk_costs import Costs, Task, candidate

SOCS = ("Ascend310P3", "Ascend910B3")
COSTS = Costs(overheads(), {}, 100)
MODEL = shipped(SOCS)


def named(tasks: tuple[Task, ...]) -> dict[str, Task]:
    return {task.name: task for task in tasks}


def longest(tasks: tuple[Task, ...]) -> float:
    ended: list[float] = []
    for task in tasks:
        ended.append(max((ended[place] for place in task.after), default=0.0) + task.seconds)
    return max(ended)


def test_there_are_as_many_steps_as_were_counted() -> None:
    """Counted in the event log of a candidate of digits_cnn, which has two targets: 22."""
    assert [len(candidate(COSTS, MODEL, SOCS[:count])) for count in (1, 2)] == [16, 22]
    assert len(candidate(COSTS, MODEL, SOCS, trained=True)) == 24


def test_every_stage_of_the_walk_has_a_task() -> None:
    spec = models.load(models.DEFS / "digits_cnn")
    stages = [stage.name for stage in walk.stages(spec)]
    kinds = [task.kind for task in candidate(COSTS, MODEL, tuple(t.soc_version for t in spec.targets))]
    for stage in set(stages):
        assert kinds.count(stage) == stages.count(stage), stage  # type: ignore[arg-type]


def test_each_task_comes_after_those_that_it_waits_for() -> None:
    tasks = candidate(COSTS, MODEL, SOCS)
    for place, task in enumerate(tasks):
        assert all(before < place for before in task.after), task
        assert task.after or task.name == "source"
    waits = {tasks[place].name for place in named(tasks)["dossier"].after}
    assert waits == {f"{number}__{kind}__gate" for number in (0, 1) for kind in ("precision", "benchmark")}


def test_only_precision_and_benchmark_hold_a_card_and_compilations_a_slot() -> None:
    pools = [task.pool for task in candidate(COSTS, MODEL, SOCS)]
    assert {pool: pools.count(pool) for pool in {*pools} - {""}} == {
        "Ascend310P3": 2,
        "Ascend910B3": 2,
        "compiling": 2,
        "exporting": 1,
    }


def test_a_card_is_held_while_its_pod_starts_and_for_every_inference() -> None:
    task = named(candidate(COSTS, MODEL, SOCS[:1]))["0__benchmark"]
    assert task.fixed == pytest.approx(5.0 + 4.4 + 0.0002 * 100)
    assert task.varying == pytest.approx(45.0 + 125 * 5.048e-3)
    compared = named(candidate(COSTS, MODEL, SOCS[:1]))["0__precision"]
    assert compared.varying == pytest.approx(60.0 + (2 + 5000 / 16) * 5.048e-3)


def test_another_target_takes_no_longer_where_cards_are_free() -> None:
    assert longest(candidate(COSTS, MODEL, SOCS)) == pytest.approx(longest(candidate(COSTS, MODEL, SOCS[:1])), rel=0.02)


def test_a_retraining_trains_first_and_exports_nothing() -> None:
    tasks = candidate(COSTS, MODEL, SOCS, trained=True)
    assert tasks[0].kind == "challenger"
    assert "exporting" not in {task.pool for task in tasks}
    assert longest(tasks) > 3600 + longest(candidate(COSTS, MODEL, SOCS)) - 60 - 60


def test_a_step_pays_for_the_models_of_its_location() -> None:
    alone = Costs(overheads(), {}, 1)
    assert COSTS.pod - alone.pod == pytest.approx(99 * 0.0002)
    assert COSTS.before == pytest.approx(30 + 2.5 + COSTS.pod)
