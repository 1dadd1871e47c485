"""op_statistic, task_time and step_trace through the generations, and tables that are none."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resources.ascend.cann.errors import BadOutput
from resources.ascend.cann.profiling import csv_table
from resources.ascend.cann.profiling.csv_table import Row
from resources.ascend.cann.profiling.prof_tables import statistics, steps, tasks

STATISTIC = """\
Device_id,OP Type,Core Type,Count,Total Time(us),Min Time(us),Avg Time(us),Max Time(us),Ratio(%)
0,Conv2D,AI_CORE,30,600.5,19,20.02,22,75.06
0,SoftmaxV2,AI_VECTOR_CORE,15,199.5,13,13.3,14,24.94
"""
NEWER = """\
Device_id,kernel_name,kernel_type,stream_id,task_id,task_time(us),task_start(us),task_stop(us)
0,conv,AI_CORE,1,2,20.5,"1717575960208020.758\t","1717575960208041.258\t"
0,N/A,AI_CORE,1,3,5,1,6
0,late,AI_CORE,1,4,N/A,1,6
"""
OLDER = """\
Time(%),Time(us),kernel_name,kernel_type,stream_id,task_id,task_start,task_stop
80.1,20.5,conv,AI_CORE,1,2,100.5,121
"""
STEPS = """\
Device_id,Iteration ID,FP Start(us),BP End(us),Iteration End(us),Iteration Time(us),FP to BP Time(us),\
Iteration Refresh(us),Data Aug Bound(us),Model ID
0,1,N/A,N/A,"1000.5\t",900.5,N/A,N/A,N/A,1
0,2,N/A,N/A,1800,799.5,N/A,N/A,N/A,4294967295
0,N/A,N/A,N/A,1900,100,N/A,N/A,N/A,1
"""


def table(text: str) -> tuple[Row, ...]:
    return tuple(csv_table.rows(text.splitlines(keepends=True)))


def test_operators_by_type() -> None:
    conv, softmax = statistics(table(STATISTIC))
    assert (conv.op, conv.core, conv.count) == ("Conv2D", "AI_CORE", 30)
    assert (conv.total_us, conv.mean_us, conv.ratio) == (600.5, 20.02, 75.06)
    assert softmax.core == "AI_VECTOR_CORE"


def test_a_type_without_a_count_is_no_statistic() -> None:
    text = "OP Type,Count,Total Time(us)\nConv2D,0,5\nN/A,4,5\nRelu,N/A,5\nAdd,2,N/A\n"
    (add,) = statistics(table(text))
    assert add.op == "Add"
    assert math.isnan(add.total_us)


@pytest.mark.parametrize(
    ("text", "start", "stop"), [(NEWER, 1717575960208020.758, 1717575960208041.258), (OLDER, 100.5, 121)]
)
def test_tasks_in_time(text: str, start: float, stop: float) -> None:
    (conv,) = tasks(table(text))
    assert (conv.name, conv.kind, conv.time_us) == ("conv", "AI_CORE", 20.5)
    assert (conv.start_us, conv.stop_us) == (start, stop)


def test_iterations_of_a_model_that_is_only_inferred() -> None:
    first, second = steps(table(STEPS))
    assert (first.number, first.model, first.time_us, first.end_us) == (1, 1, 900.5, 1000.5)
    assert (second.number, second.model) == (2, None)


@pytest.mark.parametrize("read", [statistics, tasks, steps])
def test_a_table_of_something_else_has_nothing(read: type) -> None:
    assert read(table("A,B\n1,2\n")) == ()
    assert read(table("")) == ()


@given(st.sampled_from([STATISTIC, NEWER, OLDER, STEPS]), st.data())
def test_a_damaged_table_is_read_or_refused(text: str, data: st.DataObject) -> None:
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(text)))
        text = text[:at] + data.draw(st.text(max_size=4)) + text[at + data.draw(st.integers(0, 30)) :]
    try:
        rows = table(text)
    except BadOutput:
        return
    assert all(found.count > 0 for found in statistics(rows))
    assert all(task.time_us >= 0 for task in tasks(rows))
    assert all(step.time_us >= 0 for step in steps(rows))
