"""msaccucmp's table, in every form in which its versions write it."""

import math
import random

import pytest
from compare_samples import HEADER, METRICS, absent, row, table
from hypothesis import given, settings
from hypothesis import strategies as st

from resources.ascend.cann.errors import BadOutput
from resources.ascend.cann.precision import result_table
from resources.ascend.cann.precision.result_table import Row, parse

GOOD = row("conv1", "conv1,relu1", cosine=0.9876, distance=0.25, largest=3.5, shape=(1, 16, 8, 8), index=7)


def only(rows: tuple[Row, ...]) -> Row:
    assert len(rows) == 1
    return rows[0]


def test_a_row_is_read() -> None:
    found = only(parse(table([GOOD]), "result.csv"))
    assert (found.npu, found.truth, found.op_type, found.dtype) == ("conv1", "conv1,relu1", "Conv2D", "float16")
    assert (found.op, found.kind, found.number, found.shape) == ("conv1", "output", 0, (1, 16, 8, 8))
    assert (found.cosine, found.distance, found.max_absolute_error) == (0.9876, 0.25, 3.5)
    assert found.overflow is None
    assert found.compared


def with_address(header: list[str]) -> list[str]:
    """Both Address columns, as where two devices are compared."""
    return [*header[:7], "Address", *header[7:]]


FORMS = {
    "both addresses": (with_address(HEADER), with_address(GOOD)),
    "ground truth's address in the header alone": (with_address(HEADER), GOOD),
    "ground truth's address in the row alone": (HEADER, [*GOOD[:7], "NaN", *GOOD[7:]]),
    "no address at all": ([*HEADER[:4], *HEADER[5:]], [*GOOD[:4], *GOOD[5:]]),
    "own address in the header alone": (HEADER, [*GOOD[:4], *GOOD[5:]]),
    "overflow": ([*HEADER[:9], "OverFlow", *HEADER[9:]], [*GOOD[:9], "YES", *GOOD[9:]]),
    "msit's columns": ([*HEADER, "IsNpuOps", "IsOutputNode", "IsPrecisionError"], [*GOOD, "NO", "YES", "YES"]),
    "before data types": (
        ["Index", "NPUDump", "GroundTruth", "TensorIndex", "Shape", *METRICS],
        [GOOD[0], GOOD[2], GOOD[5], *GOOD[7:]],
    ),
    "blanks and quotes": (HEADER, [f" '{cell}'\t" for cell in GOOD]),
    "spaced titles": ([title.replace("Truth", " Truth") for title in HEADER], GOOD),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_says_the_same(form: str) -> None:
    header, cells = FORMS[form]
    found = only(parse(table([cells], header), "result.csv"))
    assert (found.npu, found.truth, found.op, found.number) == ("conv1", "conv1,relu1", "conv1", 0)
    assert found.shape == (1, 16, 8, 8)
    assert (found.cosine, found.distance, found.max_absolute_error, found.reason) == (0.9876, 0.25, 3.5, "")
    assert found.overflow is (True if form == "overflow" else None)


def test_the_first_versions_had_other_titles_and_neither_types_nor_shapes() -> None:
    header = ["Index", "LeftOp", "RightOp", "TensorIndex", *METRICS[:6], "CompareFailReason"]
    cells = ["3", "conv1relu1", "conv1,relu1", "conv1relu1:output:0", *GOOD[9:15], "none, but a word"]
    found = only(parse(table([cells], header), "result.csv"))
    assert (found.npu, found.truth, found.op, found.number) == ("conv1relu1", "conv1,relu1", "conv1relu1", 0)
    assert (found.cosine, found.distance, found.max_absolute_error) == (0.9876, 0.25, 3.5)
    assert (found.dtype, found.shape, found.op_type, found.reason) == ("", None, "", "none, but a word")


def test_commas_without_quotes_part_no_figure_from_its_column() -> None:
    plain = ",".join(GOOD).encode() + b"no golden, no comparison"
    found = only(parse(",".join(HEADER).encode() + b"\n" + plain, "result.csv"))
    assert (found.shape, found.cosine, found.distance) == ((1, 16, 8, 8), 0.9876, 0.25)
    assert found.reason == "no golden, no comparison"


@pytest.mark.parametrize("short", [False, True])
def test_an_operator_without_a_dump_says_why(*, short: bool) -> None:
    reason = "[conv9] There is no left dump file, for Conv2D."
    cells = absent("conv9", "conv9", reason)
    if short:
        del cells[6]
    found = only(parse(table([cells]), "result.csv"))
    assert (found.npu, found.op, found.kind, found.number, found.shape) == ("conv9", "", "", -1, None)
    assert not found.compared
    assert found.reason == reason


def test_what_is_no_number_is_nan() -> None:
    for word in ("NaN", "*", "", "high"):
        found = only(parse(table([row("a", cosine=word, distance=word)]), "result.csv"))
        assert math.isnan(found.cosine)
        assert math.isnan(found.distance)
        assert not found.compared


def test_operator_names_may_hold_colons_and_scalars_have_no_dimensions() -> None:
    found = only(parse(table([row("scope:0/conv", tensor=":input:12", shape=())]), "result.csv"))
    assert (found.op, found.kind, found.number, found.shape) == ("scope:0/conv", "input", 12, ())


def test_lines_before_the_header_and_empty_lines_are_passed_over() -> None:
    data = b"\xef\xbb\xbf[INFO] compare\n\n" + table([GOOD, [], GOOD])
    assert len(parse(data, "result.csv")) == 2


@pytest.mark.parametrize(
    "data", [b"", b"hello\n", b"Index,NPUDump\n1,conv\n", b"\xff\xfe\x00\x00", b"\n" * 100 + table([])]
)
def test_what_is_no_table_is_named(data: bytes) -> None:
    with pytest.raises(BadOutput, match=r"result\.csv: has no line with NPUDump"):
        parse(data, "result.csv")


def test_a_cell_without_end_is_refused() -> None:
    with pytest.raises(BadOutput, match=r"result\.csv, line 2: is no CSV"):
        parse(table([]) + b'"' + b"x" * 200_000, "result.csv")


def test_size_has_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(result_table, "MAX_ROWS", 3)
    with pytest.raises(BadOutput, match="more than 3 rows"):
        parse(table([GOOD] * 4), "result.csv")
    monkeypatch.setattr(result_table, "MAX_BYTES", 10)
    with pytest.raises(BadOutput, match="where 10 is the limit"):
        parse(table([GOOD]), "result.csv")


def sound(rows: tuple[Row, ...]) -> None:
    for found in rows:
        assert found.number >= 0 or not found.op
        assert len(found.reason) <= result_table.MAX_REASON


@given(st.binary(max_size=2000))
def test_any_bytes_are_a_table_or_named(data: bytes) -> None:
    for given_data in (data, table([]) + data):
        try:
            sound(parse(given_data, "result.csv"))
        except BadOutput as error:
            assert "result.csv" in str(error)  # noqa: PT017 - either outcome is right


@settings(max_examples=200)
@given(st.integers(0, 2**32), st.integers(1, 20))
def test_a_damaged_table_is_read_as_far_as_it_goes(seed: int, damages: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - damage, not keys
    data = bytearray(table([GOOD, absent("b", "b", "none, at all"), row("c", tensor=":input:1")]))
    for _ in range(damages):
        place = chance.randrange(len(data))
        match chance.randrange(3):
            case 0:
                data[place] = chance.choice(b',"\n[]:\x00\xffN-9')
            case 1:
                del data[place : place + chance.randrange(1, 40)]
            case _:
                data[place:place] = data[: chance.randrange(200)]
        if not data:
            break
    try:
        sound(parse(bytes(data), "result.csv"))
    except BadOutput as error:
        assert "result.csv" in str(error)  # noqa: PT017 - either outcome is right
