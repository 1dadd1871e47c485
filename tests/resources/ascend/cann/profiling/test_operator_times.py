"""Operators of one inference from the tasks of many: warm-up, loops, work, and tables that are damaged."""

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resources.ascend.cann.environment.chip import Chip
from resources.ascend.cann.errors import BadOutput
from resources.ascend.cann.profiling import csv_table, op_summary, operator_times
from resources.ascend.cann.profiling.op_summary import Core, OpRecord
from resources.ascend.cann.profiling.operator_times import (
    MAX_WORK,
    counted,
    flops,
    inferences,
    moved,
    operators,
    share,
    whole,
)
from resources.ascend.toolchain import Bound, OpTime

CHIP = Chip("Ascend910B3", 20, 40, 1800.0)
NAN = math.nan


def task(name: str = "conv", start: float = 0.0, duration: float = 10.0, op: str = "Conv2D") -> OpRecord:
    core = Core(0.9 * duration, 1.0, {"mac": 0.9})
    return OpRecord(name, op, "AI_CORE", start, duration, 0.0, 20, cube=core)


def runs(count: int, names: Sequence[str] = ("conv", "relu"), slow: int = 0) -> list[OpRecord]:
    """`count` inferences, the first `slow` of them a hundred times slower."""
    return [
        task(name, start=100.0 * run + place, duration=1000.0 if run < slow else 10.0)
        for run in range(count)
        for place, name in enumerate(names)
    ]


def matmul(*shapes: tuple[int, ...], op: str = "MatMulV2") -> OpRecord:
    return replace(task(op=op), input_shapes=shapes[:-1], output_shapes=shapes[-1:])


def test_the_warm_up_is_left_out() -> None:
    kept = counted(runs(15, slow=5), 5, 10)
    assert len(kept) == 20
    assert {record.duration_us for record in kept} == {10.0}
    assert [op.time_us for op in operators(kept)] == [10.0, 10.0]


def test_it_goes_by_time_and_not_by_the_tables_order() -> None:
    kept = counted(runs(15, slow=5)[::-1], 5, 10)
    assert {record.duration_us for record in kept} == {10.0}
    assert [op.node for op in operators(kept)] == ["conv", "relu"]


def test_without_starts_it_goes_by_the_tables_order() -> None:
    kept = counted([replace(record, start_us=NAN) for record in runs(15, slow=5)], 5, 10)
    assert {record.duration_us for record in kept} == {10.0}


def test_an_operator_in_a_loop_counts_with_all_its_executions() -> None:
    records = [*runs(15), *(task("loop", 100.0 * run + 10 + turn, 4.0) for run in range(15) for turn in range(3))]
    kept = counted(records, 5, 10)
    assert inferences(kept) == 10
    assert {op.node: op.time_us for op in operators(kept)} == {"conv": 10.0, "relu": 10.0, "loop": 12.0}


def test_an_operator_that_runs_once_weighs_what_it_takes_of_an_inference() -> None:
    once = next(op for op in operators([*runs(10), task("init", 2.5, 50.0)]) if op.node == "init")
    assert once.time_us == 5.0


def test_one_name_with_two_types_is_two_operators() -> None:
    found = operators([task("x", 0, 1, "Cast"), task("x", 1, 2, "Add")])
    assert [(op.op, op.time_us) for op in found] == [("Cast", 1.0), ("Add", 2.0)]


def test_names_that_the_engineer_knows_stand_for_the_devices() -> None:
    origins = {"conv": ("/layer1/Conv", "/layer1/Relu")}
    assert [op.node for op in operators(runs(1), CHIP, origins)] == ["/layer1/Conv + /layer1/Relu", "relu"]


def test_of_nothing_there_is_nothing() -> None:
    assert (counted([], 5, 10), operators([]), inferences([])) == ((), (), 0)
    assert math.isnan(share([], 100.0))
    assert whole([]) == "overhead"


def test_the_cores_share_is_of_the_time_without_a_profiler() -> None:
    assert share(runs(10), wall_us=36.0) == pytest.approx(2 * 9 / 36)


def test_what_holds_a_model_back_is_what_holds_most_of_its_time() -> None:
    def op(bound: Bound, time: float) -> OpTime:
        return OpTime(node="n", op="o", time_us=time, bound=bound, flops=0, bytes=0)

    assert whole([op("cube", 3), op("memory", 2), op("memory", 2)]) == "memory"


@pytest.mark.parametrize(
    ("record", "work"),
    [
        (matmul((2, 3), (3, 5), (2, 5)), 60),
        (matmul((3, 2), (5, 3), (2, 5)), 60),
        (matmul((2, 3), (3, 5), (2, 4)), 0),
        (matmul((1, 2, 3), (3, 5), (2, 5)), 0),
        (matmul((2, 0), (0, 5), (2, 5)), 0),
        (matmul((2, -1), (3, 5), (2, 5)), 0),
        (matmul((2, 3), (2, 5)), 0),
        (matmul((2, 3), (3, 5), (2, 5), op="Conv2D"), 0),
        (replace(matmul((2, 3), (3, 5), (2, 5)), fops=77.0), 77),
        (matmul((10**9, 10**9), (10**9, 10**9), (10**9, 10**9)), 0),
    ],
)
def test_work_is_told_only_where_it_is_certain(record: OpRecord, work: int) -> None:
    assert flops(record) == work


@given(st.integers(1, 500), st.integers(1, 500), st.integers(1, 500), st.booleans(), st.booleans())
def test_a_product_is_counted_however_it_is_transposed(m: int, k: int, n: int, left: bool, right: bool) -> None:  # noqa: FBT001
    shapes = ((k, m) if left else (m, k), (n, k) if right else (k, n), (m, n))
    assert flops(matmul(*shapes)) == 2 * m * n * k


def test_work_of_a_loop_is_that_of_one_inference() -> None:
    (op,) = operators([replace(matmul((2, 3), (3, 5), (2, 5)), start_us=float(turn)) for turn in range(1)])
    assert op.flops == 60
    looped = [*runs(2), *(matmul((2, 3), (3, 5), (2, 5)) for _ in range(6))]
    looped = [replace(record, name="mm") if record.op == "MatMulV2" else record for record in looped]
    assert next(op for op in operators(looped) if op.node == "mm").flops == 180


def test_bytes_are_of_all_tensors_or_unknown() -> None:
    whole_ = replace(
        task(),
        input_shapes=((2, 3), ()),
        input_dtypes=("float16", "int64"),
        output_shapes=((4,),),
        output_dtypes=("int8",),
    )
    assert moved(whole_) == 2 * 6 + 8 + 4
    assert moved(replace(whole_, input_dtypes=("float16",))) == 0
    assert moved(replace(whole_, output_dtypes=("complex",))) == 0
    assert moved(replace(whole_, output_shapes=((10**15,) * 16,))) == 0


def test_more_operators_than_any_model_has_are_damage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operator_times, "MAX_OPERATORS", 3)
    with pytest.raises(BadOutput, match="profile again"):
        operators([task(str(number)) for number in range(4)])


@given(st.integers(0, 40), st.integers(0, 9), st.integers(1, 20))
def test_never_more_is_left_out_than_the_warm_up(count: int, warmup: int, loops: int) -> None:
    kept = counted(runs(count, ("only",)), warmup, loops)
    assert len(kept) == count - count * warmup // (warmup + loops)
    assert [record.start_us for record in kept] == [record.start_us for record in runs(count, ("only",))][
        count - len(kept) :
    ]


cells = st.sampled_from(
    ["", "N/A", "0", "-1", "1e308", "4294967295", "1e-300", "inf", "nan", "9" * 40, "12.5", "x", "1,2;3"]
)
COLUMNS = """Op Name,OP Type,Task Type,Task Start Time(us),Task Duration(us),Block Dim,Input Shapes,Input Data Types,
Output Shapes,Output Data Types,aicore_time(us),aic_total_cycles,aic_mac_ratio,aic_mte2_ratio,aiv_time(us),
aiv_total_cycles,aiv_vec_ratio,aic_cube_fops"""
WIDTH = COLUMNS.count(",") + 1


@given(st.lists(st.lists(cells, min_size=WIDTH - 2, max_size=WIDTH - 2), max_size=12))
def test_whatever_the_cells_hold_the_figures_are_figures(table: list[list[str]]) -> None:
    out = io.StringIO()
    writer = csv.writer(out)
    out.write(COLUMNS.replace("\n", "") + "\n")
    writer.writerows([f"op{number % 3}", "MatMulV2", *row] for number, row in enumerate(table))
    records = counted(op_summary.parse(csv_table.rows(out.getvalue().splitlines(keepends=True))), 5, 10)
    for op in operators(records, CHIP):
        assert math.isfinite(op.time_us)
        assert op.time_us >= 0
        assert 0 <= op.flops <= MAX_WORK
        assert 0 <= op.bytes <= MAX_WORK
    busy = share(records, 100.0, CHIP)
    assert math.isnan(busy) or 0 <= busy <= 1
