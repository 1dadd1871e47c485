"""check_result.json: which operators could not be parsed."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resources.ascend.cann.compiling import check_result
from resources.ascend.cann.compiling.check_result import FailedOp, parse
from resources.ascend.cann.errors import BadOutput

CAUSES = [{"code": 1, "message": "The type is not supported."}, {"code": 2, "message": "The name is repeated."}]
REPORT = {
    "name": "net",
    "result": "failed",
    "total": 2,
    "pass": 1,
    "fail": 1,
    "op": [
        {"name": "good", "type": "Data", "result": "success"},
        {"name": "bad", "type": "ai.onnx::11::Foo", "result": "failed", "cause": CAUSES},
    ],
}


def test_the_operators_that_failed_are_told_with_their_reasons() -> None:
    message = "The type is not supported. The name is repeated."
    assert parse(json.dumps(REPORT)) == (FailedOp("bad", "ai.onnx::11::Foo", message),)
    assert parse(json.dumps(REPORT).encode()) == parse(json.dumps(REPORT))


def test_what_is_missing_is_empty() -> None:
    assert parse("{}") == ()
    assert parse('{"op": [{"result": "failed"}, 3, {"result": "failed", "cause": 4, "name": 5}]}') == (
        FailedOp("", "", ""),
        FailedOp("", "", ""),
    )


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"op": 3}', b"\xff\xfe\xff", "[" * 100_000])
def test_what_is_no_check_result_is_said(text: str | bytes) -> None:
    with pytest.raises(BadOutput, match=r"check_result\.json"):
        parse(text)


def test_too_much_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_result, "MAX_BYTES", 10)
    with pytest.raises(BadOutput, match="more than 10 bytes"):
        parse(" " * 11)


@given(st.integers(0, 400), st.text(max_size=5))
def test_any_mutation_is_read_or_refused(at: int, text: str) -> None:
    whole = json.dumps(REPORT)
    try:
        found = parse(whole[:at] + text + whole[at + len(text) :])
    except BadOutput:
        return
    assert all(isinstance(item, FailedOp) for item in found)
