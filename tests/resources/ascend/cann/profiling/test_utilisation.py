"""How busy the cores were: the formulas, and what holds an operator back."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resources.ascend.cann.profiling import utilisation
from resources.ascend.cann.profiling.op_summary import Core, OpRecord
from resources.ascend.toolchain import Bound

positive = st.floats(1e-3, 1e6)


def record(
    duration: float = 10.0, task: str = "AI_CORE", cube: Core | None = None, vector: Core | None = None
) -> OpRecord:
    return OpRecord("op", "Op", task, 0.0, duration, 0.0, 1, cube=cube, vector=vector)


def test_a_core_that_works_all_the_time_is_used_fully() -> None:
    clock, cores, duration = 1800.0, 20, 50.0
    assert utilisation.cube_utilisation(clock * cores * duration, clock, cores, duration) == pytest.approx(100)


def test_core_time_counts_the_rounds_that_blocks_need() -> None:
    assert utilisation.aicore_time_us(18000, 1800, 10, 20) == pytest.approx(1)
    assert utilisation.aicore_time_us(18000, 1800, 40, 20) == pytest.approx(0.5)


@given(positive, st.integers(1, 200), st.integers(1, 64))
def test_blocks_that_fit_the_cores_take_one_round(cycles: float, blocks: int, cores: int) -> None:
    found = utilisation.aicore_time_us(cycles, 1000, blocks, cores)
    assert found == pytest.approx(cycles / 1000 / blocks * -(-blocks // cores))
    if blocks <= cores:
        assert found == pytest.approx(cycles / 1000 / blocks)


@pytest.mark.parametrize("numbers", [(0.0, 1, 1), (1000.0, 0, 1), (1000.0, 1, 0)])
def test_without_a_clock_a_block_or_a_core_nothing_is_known(numbers: tuple[float, int, int]) -> None:
    assert math.isnan(utilisation.aicore_time_us(1.0, *numbers))
    assert math.isnan(utilisation.cube_utilisation(1.0, 0.0, 1, 1.0))


def test_memory_bound_is_memory_over_the_busier_unit() -> None:
    assert utilisation.memory_bound(0.6, 0.3, 0.2) == pytest.approx(2)
    assert math.isnan(utilisation.memory_bound(0.6, 0, 0))


def test_a_window_is_the_cores_share_of_the_wall() -> None:
    records = [record(cube=Core(30, 1)), record(vector=Core(20, 1)), record(task="AI_CPU", duration=40)]
    assert utilisation.window(records, 100) == pytest.approx(0.5)


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=20), positive)
def test_a_window_is_a_share(times: list[float], wall: float) -> None:
    assert 0 <= utilisation.window([record(cube=Core(time, 1)) for time in times], wall) <= 1


def test_of_nothing_known_no_share_is_invented() -> None:
    assert math.isnan(utilisation.window([], 100))
    assert math.isnan(utilisation.window([record()], 100))
    assert math.isnan(utilisation.window([record(cube=Core(1, 1))], 0))
    assert math.isnan(utilisation.window([record(cube=Core(1, 1))], math.nan))


@pytest.mark.parametrize(
    ("record", "bound"),
    [
        (record(cube=Core(9, 1, {"mac": 0.9, "mte2": 0.4})), "cube"),
        (record(cube=Core(9, 1, {"mac": 0.5, "mte2": 0.9})), "memory"),
        (record(cube=Core(9, 1, {"vec": 0.8})), "vector"),
        (record(vector=Core(9, 1, {"vec": 0.4, "mte3": 0.7})), "memory"),
        (record(cube=Core(9, 1, {"mac": 0.2, "mte2": 0.3})), "overhead"),
        (record(cube=Core(2, 1, {"mac": 0.9})), "overhead"),
        (record(cube=Core(9, 1, {"mac": 0.6}), vector=Core(1, 1, {"vec": 0.9})), "cube"),
        (record(task="AI_CPU"), "overhead"),
        (record(), "overhead"),
    ],
)
def test_what_holds_an_operator_back(record: OpRecord, bound: Bound) -> None:
    assert utilisation.bound(record) == bound
