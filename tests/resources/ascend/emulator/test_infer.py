"""Running a graph, and refusing inputs that it does not take."""

import threading
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numeric_models import floats, fp16, i64, options, parse
from numpy.typing import NDArray

from resources.ascend.emulator import infer
from resources.ascend.emulator.infer import Rounder, Session, reference, serialized
from resources.ascend.emulator.lower import lower
from resources.onnx_files import sessions

MODEL = parse("agraph (float[2,3] x, int64[2] i) => (float[2,3] y, int64[2] j) { y = Exp(x) j = Add(i, i) }")
INPUTS: dict[str, NDArray[Any]] = {"x": np.zeros((2, 3), np.float32), "i": i64([1, 2])}


@pytest.fixture(scope="module")
def session() -> Session:
    return Session(serialized(lower(MODEL, options())))


def test_outputs_come_by_name(session: Session) -> None:
    result = session.run(INPUTS)
    assert session.inputs == ("x", "i")
    assert session.outputs == ("y", "j")
    assert result["y"].tolist() == [[1] * 3] * 2
    assert result["j"].tolist() == [2, 4]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"x": None}, "missing x; the model takes x, i"),
        ({"z": np.zeros(1)}, "unknown z; the model takes x, i"),
        ({"x": np.zeros((2, 3))}, r"input 'x': float64 given, float32 needed; convert it with .astype\('float32'\)"),
        ({"x": np.zeros((2, 4), np.float32)}, r"input 'x': shape \[2, 4\] given, \[2, 3\] needed"),
        ({"x": np.zeros(6, np.float32)}, r"input 'x': shape \[6\] given"),
        ({"i": np.array([1, 2], np.int32)}, "input 'i': int32 given, int64 needed"),
    ],
)
def test_a_wrong_input_is_named(session: Session, change: dict[str, np.ndarray | None], words: str) -> None:
    inputs = {name: array for name, array in (INPUTS | change).items() if array is not None}
    with pytest.raises(ValueError, match=words):
        session.run(inputs)


def test_a_free_dimension_takes_any_size() -> None:
    free = Session(serialized(lower(parse("agraph (float[N] x) => (float[N] y) { y = Neg(x) }"), options())))
    assert free.run({"x": np.zeros(5, np.float32)})["y"].shape == (5,)


def test_a_graph_that_cannot_run_is_refused_in_one_line() -> None:
    with pytest.raises(ValueError, match="ONNX Runtime cannot run the graph: ") as refused:
        Session(b"no graph")
    assert "\n" not in str(refused.value)


def test_a_run_that_fails_is_refused_in_one_line() -> None:
    model = parse("agraph (float[3] x, int64[1] i) => (float[1] y) { y = Gather(x, i) }")
    with pytest.raises(ValueError, match="ONNX Runtime cannot run these inputs: ") as refused:
        reference(model).run({"x": np.zeros(3, np.float32), "i": i64([99])})
    assert "\n" not in str(refused.value)


def test_the_reference_is_plain_fp32_from_a_model_or_a_file(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    onnx.save(MODEL, path)
    x = floats((2, 3))
    for given in (MODEL, path, str(path)):
        assert np.allclose(reference(given).run({**INPUTS, "x": x})["y"], np.exp(x), rtol=1e-6)


def test_threads_are_bounded(session: Session) -> None:
    before = threading.active_count()
    session.run(INPUTS)
    assert threading.active_count() == before
    assert 1 <= infer.threads() <= infer.MOST_THREADS


def test_a_graph_beyond_protobufs_limit_is_refused_before_it_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "PROTOBUF_LIMIT", 10)
    with pytest.raises(infer.TooLargeError, match=r"takes \d+ bytes and one protobuf message holds 10: split"):
        serialized(MODEL)


def test_the_rounder_rounds_as_numpy_does() -> None:
    x = np.concatenate([floats((1000,), scale=s) for s in (1e-8, 1e-5, 1, 1e5)]).reshape(40, 100)
    assert np.array_equal(Rounder("float16")(x), fp16(x))
