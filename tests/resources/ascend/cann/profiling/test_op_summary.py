"""op_summary and the CSV reader below it: three generations, cells that are no value, and files that are no table."""

import math
from pathlib import Path

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from resources.ascend.cann.errors import BadOutput
from resources.ascend.cann.profiling import csv_table, op_summary
from resources.ascend.cann.profiling.csv_table import Row
from resources.ascend.cann.profiling.op_summary import OpRecord, parse

FIRST = """\
Model ID,Task ID,Stream ID,Op Name,OP Type,Task Type,Task Start Time,Task Duration(us),Task Wait Time(us),Block Dim,\
Input Shapes,Input Data Types,Input Formats,Output Shapes,Output Data Types,Output Formats,aicore_time(us),\
total_cycles,vec_time(us),vec_ratio,mac_time(us),mac_ratio,scalar_time(us),scalar_ratio,mte2_time(us),mte2_ratio
1,3,5,conv1,Conv2D,AI_CORE,1000.25,40.5,0.5,8,"1,3,8,8;16,3,3,3",FLOAT16;FLOAT16,NC1HWC0;FRACTAL_Z,"1,16,8,8",FLOAT16,\
NC1HWC0,38.25,324360,2.1,0.055,30,0.784,1,0.026,20,0.523
"""
SECOND = """\
Device_id,Model ID,Task ID,Stream ID,Op Name,OP Type,OP State,Task Type,Task Start Time(us),Task Duration(us),\
Task Wait Time(us),Block Dim,Mix Block Dim,HF32 Eligible,Input Shapes,Input Data Types,Input Formats,Output Shapes,\
Output Data Types,Output Formats,Context ID,aicore_time(us),aic_total_cycles,aic_mac_time(us),aic_mac_ratio,\
aic_mte2_ratio,aiv_time(us),aiv_total_cycles,aiv_vec_ratio,aiv_mte2_ratio,cube_utilization(%)
0,1,1,2,gemm,MatMulV2,dynamic,AI_CORE,"1717575960208020.758\t",12.5,0,20,0,NO,"""
SECOND += """"1,64;64,10",DT_FLOAT16;DT_FLOAT16,ND;ND,"1,10",DT_FLOAT16,ND,N/A,10.0,360000,8,0.8,0.4,0,0,0,0,80.0
0,1,2,2,softmax,SoftmaxV2,dynamic,AI_VECTOR_CORE,"1717575960208040.1\t",5,1,4294967295,N/A,NO,"1,10",DT_FLOAT,ND,"1,10",\
DT_FLOAT,ND,N/A,0,0,0,0,0,4.5,64000,0.6,0.3,0
"""
THIRD = """\
Device_id,Model Name,Model ID,Task ID,Stream ID,Infer ID,Op Name,OP Type,OP State,Task Type,Task Start Time(us),\
Task Duration(us),Task Wait Time(us),Block Num,HF32 Eligible,Input Shapes
0,net,1,1,2,1,add,Add,static,AI_VECTOR_CORE,10.5\t,3.25,0,40,NO,""
"""


def table(text: str) -> tuple[OpRecord, ...]:
    return parse(csv_table.rows(text.splitlines(keepends=True)))


def test_one_core_with_both_units() -> None:
    (conv,) = table(FIRST)
    assert (conv.name, conv.op, conv.task_type, conv.block_dim) == ("conv1", "Conv2D", "AI_CORE", 8)
    assert (conv.start_us, conv.duration_us, conv.wait_us) == (1000.25, 40.5, 0.5)
    assert conv.input_shapes == ((1, 3, 8, 8), (16, 3, 3, 3))
    assert conv.input_dtypes == ("float16", "float16")
    assert conv.output_shapes == ((1, 16, 8, 8),)
    assert conv.cube is not None
    assert (conv.cube.time_us, conv.cube.cycles) == (38.25, 324360)
    assert conv.cube.ratios == {"mac": 0.784, "vec": 0.055, "scalar": 0.026, "mte2": 0.523}
    assert conv.vector is None
    assert math.isnan(conv.cube_utilisation)


def test_cube_and_vector_cores_apart() -> None:
    gemm, softmax = table(SECOND)
    assert gemm.start_us == 1717575960208020.758
    assert gemm.cube is not None
    assert gemm.cube.ratios == {"mac": 0.8, "mte2": 0.4}
    assert gemm.cube_utilisation == 80.0
    assert softmax.block_dim is None
    assert softmax.vector is not None
    assert (softmax.vector.time_us, softmax.vector.ratios["vec"]) == (4.5, 0.6)


def test_the_newest_words_and_no_core_columns() -> None:
    (add,) = table(THIRD)
    assert (add.block_dim, add.duration_us) == (40, 3.25)
    assert (add.cube, add.vector, add.input_shapes) == (None, None, ())


def test_what_each_run_says_again_is_kept_once() -> None:
    first, second = table(FIRST + FIRST.splitlines()[-1].replace("40.5", "41.5") + "\n")
    assert (first.duration_us, second.duration_us) == (40.5, 41.5)
    assert first.name is second.name
    assert first.input_shapes is second.input_shapes
    assert first.input_dtypes is second.input_dtypes


def test_shapes_in_brackets_are_the_same() -> None:
    assert op_summary.shapes('"[1,3,8,8];[16, 3];[]"') == ((1, 3, 8, 8), (16, 3), ())
    assert op_summary.shapes("[1,[3]]") == ()


def test_rows_without_a_name_or_a_time_are_no_tasks() -> None:
    text = "Op Name,Task Duration(us)\n,5\nN/A,5\nconv,N/A\nconv,-1\nconv,0\n"
    assert [(r.name, r.duration_us) for r in table(text)] == [("conv", 0.0)]


@pytest.mark.parametrize("text", ["", "\n\n", "Op Name,Task Duration(us)\n", "nothing at all\n1\n"])
def test_a_table_of_nothing_has_no_tasks(text: str) -> None:
    assert table(text) == ()


def test_short_and_long_rows_and_doubled_columns() -> None:
    text = "\ufeffA , B,A\n1\n2,3,4,5\n"
    first, second = csv_table.rows(text.splitlines(keepends=True))
    assert (first.text("a"), first.text("b")) == ("1", "")
    assert (second.integer("a"), second.integer("b")) == (2, 3)


@pytest.mark.parametrize(
    ("cell", "number", "integer"),
    [
        ("12\t", 12.0, 12),
        ("1.5", 1.5, None),
        ("4294967295", 4294967295.0, None),
        ("1e3", 1000.0, 1000),
        (".5", 0.5, None),
        ("N/A", None, None),
        ("inf", None, None),
        ("1e999", None, None),
        ("0x10", None, None),
        ("1_000", None, None),
        ("٣", None, None),
        ("9" * 1000, None, None),
    ],
)
def test_cells_are_numbers_or_nothing(cell: str, number: float | None, integer: int | None) -> None:
    (row,) = csv_table.rows(["x\n", f"{cell}\n"])
    found = row.number("x")
    assert math.isnan(found) if number is None else found == number
    assert row.integer("x") == integer


def test_what_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadOutput, match="columns"):
        list(csv_table.rows(["," * csv_table.MAX_COLUMNS + "x\n"]))
    with pytest.raises(BadOutput, match="characters"):
        list(csv_table.rows(["a" * (csv_table.MAX_LINE + 1)]))
    with pytest.raises(BadOutput, match="CSV"):
        list(csv_table.rows(["a,b\n", '"' + "x" * 200_000 + "\n"]))
    monkeypatch.setattr(csv_table, "MAX_ROWS", 3)
    with pytest.raises(BadOutput, match="rows"):
        list(csv_table.rows(["a\n"] + ["1\n"] * 4))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadOutput, match=r"op_summary_1\.csv"):
        list(csv_table.read(tmp_path / "op_summary_1.csv"))


def test_a_line_without_an_end_is_not_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "op_summary_1.csv"
    with path.open("wb") as file:
        file.truncate(64 * csv_table.MAX_LINE)
    with pytest.raises(BadOutput, match=f"a line of {csv_table.MAX_LINE + 1:,} characters"):
        next(csv_table.read(path))


@pytest.mark.parametrize("cell", ["-1", "1e308", "4294967296000", "9" * 40])
def test_times_and_blocks_that_no_device_has_are_unknown(cell: str) -> None:
    text = f"Op Name,Task Duration(us),Block Dim,aicore_time(us),aic_total_cycles\nconv,1,{cell},{cell},5\n"
    (conv,) = table(text)
    assert conv.block_dim is None
    assert conv.cube is not None
    assert math.isnan(conv.cube.time_us)
    assert table(f"Op Name,Task Duration(us)\nconv,{cell}\n") == ()


def test_bytes_that_are_no_text_are_replaced(tmp_path: Path) -> None:
    path = tmp_path / "op_summary_1.csv"
    path.write_bytes(b"Op Name,Task Duration(us)\n\xff\x00conv,1\n")
    (record,) = parse(csv_table.read(path))
    assert record.name == "\ufffdconv"


@pytest.mark.parametrize(
    ("text", "shapes"),
    [
        ("1,3;4", ((1, 3), (4,))),
        ('"1,3"', ((1, 3),)),
        ("1,3;;4", ((1, 3), (), (4,))),
        ("", ()),
        ("1,x", ()),
        (";".join(["1"] * 2000), ()),
        (",".join(["1"] * 20), ()),
    ],
)
def test_shapes(text: str, shapes: tuple[tuple[int, ...], ...]) -> None:
    assert op_summary.shapes(text) == shapes


@given(st.sampled_from([FIRST, SECOND, THIRD]), st.data())
def test_a_damaged_table_is_read_or_refused(text: str, data: st.DataObject) -> None:
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(0, len(text)))
        text = text[:at] + data.draw(st.text(max_size=4)) + text[at + data.draw(st.integers(0, 40)) :]
    try:
        records = table(text)
    except BadOutput:
        return
    assert all(record.name and record.duration_us >= 0 for record in records)


@given(st.lists(st.text(max_size=60), max_size=20))
def test_any_lines_are_read_or_refused(lines: list[str]) -> None:
    try:
        list(csv_table.rows(lines))
    except BadOutput:
        event("refused")


def test_a_row_that_lacks_a_column_has_no_value() -> None:
    row = Row({"a": "1"})
    assert row.text("b", "A ") == "1"
    assert math.isnan(row.number("b"))
