"""Running an ONNX graph on the CPU.

Here belongs ONNX Runtime: bounded threads, no threads left spinning, inputs judged before they run. Not here: what the
graph computes, or comparing results.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from resources.onnx_files.widen import widened

if TYPE_CHECKING:
    import onnx
    import onnxruntime
    from numpy.typing import NDArray

MOST_THREADS = 16
"""More threads do not help one batch of the models that an inference card serves."""

PROTOBUF_LIMIT = 2**31 - 1
"""Bytes that one protobuf message can hold."""

_NUMPY_NAMES = {
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(double)": "float64",
    "tensor(bool)": "bool",
    "tensor(string)": "object",
}


class TooLargeError(ValueError):
    """A graph whose tensors do not fit one protobuf message."""


def threads() -> int:
    """Threads for one session: the processors that this process may use, at most `MOST_THREADS`."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(available, MOST_THREADS)


def session_options(*, arena: bool = True, share: int = 1) -> "onnxruntime.SessionOptions":
    """Options of every session.

    Threads stop spinning when a run ends, because the metrics need the processors next. Without `arena` freed tensors
    go back to the system at once, which bounds memory when one session follows the other. `share` sessions run at a
    time.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = max(1, threads() // share)
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.enable_cpu_mem_arena = arena
    options.add_session_config_entry("session.force_spinning_stop", "1")
    return options


_NEWEST_IR = 10
"""An IR version that every ONNX Runtime since 1.18 reads; it says how a file is laid out, not what is computed."""


def serialized(model: "onnx.ModelProto") -> bytes:
    """The model's bytes, for ONNX Runtime. Raises `TooLargeError` beyond protobuf's 2 GiB.

    An IR version that it may be too old for is said to be an older one: of a number that stands twice in a message the
    last one counts (protobuf's encoding), so that nothing is copied.
    """
    size = model.ByteSize()
    if size > PROTOBUF_LIMIT:
        raise TooLargeError(
            f"the graph takes {size} bytes and one protobuf message holds {PROTOBUF_LIMIT}: "
            "split the model, or export it in FP16"
        )
    data: bytes = model.SerializeToString()
    return data + bytes((8, _NEWEST_IR)) if model.ir_version > _NEWEST_IR else data


def open_session(graph: bytes, options: "onnxruntime.SessionOptions") -> "onnxruntime.InferenceSession":
    """A session on the CPU. Raises `ValueError` with ONNX Runtime's reason when it cannot run the graph."""
    import onnxruntime
    from onnxruntime.capi import onnxruntime_pybind11_state as errors

    refusals = (errors.Fail, errors.InvalidGraph, errors.InvalidArgument, errors.NotImplemented, errors.InvalidProtobuf)
    try:
        # With the fallback ONNX Runtime prints about it on stdout, where a script reads one JSON object.
        return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"], enable_fallback=0)
    except (*refusals, errors.RuntimeException) as error:
        raise ValueError(f"ONNX Runtime cannot run the graph: {_first_line(error)}") from error


def run_session(
    session: "onnxruntime.InferenceSession", fetches: "Sequence[str]", feeds: "Mapping[str, NDArray[Any]]"
) -> "dict[str, NDArray[Any]]":
    """The fetched tensors by name. Raises `ValueError` with ONNX Runtime's reason when the run fails."""
    from onnxruntime.capi import onnxruntime_pybind11_state as errors

    refusals = (errors.Fail, errors.InvalidArgument, errors.NotImplemented, errors.RuntimeException)
    try:
        results = session.run(list(fetches), dict(feeds))
    except (*refusals, RuntimeError) as error:  # RuntimeError: a numpy type that ONNX Runtime has no counterpart for
        raise ValueError(f"ONNX Runtime cannot run these inputs: {_first_line(error)}") from error
    return dict(zip(fetches, results, strict=True))


class Session:
    """One graph, ready to run. `inputs` and `outputs` are its names in order.

    `lowered` is the serialized graph. Raises `ValueError` when ONNX Runtime cannot run it, with its reason.
    """

    def __init__(self, lowered: bytes) -> None:
        self._session = open_session(lowered, session_options())
        self._inputs = {i.name: (_numpy_name(i.type), tuple(i.shape)) for i in self._session.get_inputs()}
        self.inputs = tuple(self._inputs)
        self.outputs = tuple(o.name for o in self._session.get_outputs())

    def run(self, inputs: "Mapping[str, NDArray[Any]]") -> "dict[str, NDArray[Any]]":
        """The outputs for one batch, by name.

        Raises `ValueError` that names the input which is missing, unknown, or of a wrong type or shape.
        """
        check_inputs(self._inputs, inputs)
        return run_session(self._session, self.outputs, {name: inputs[name] for name in self._inputs})


def reference(model: "onnx.ModelProto | Path | str") -> Session:
    """A session in plain FP32: 16-bit floats of the model are widened, nothing is rounded.

    A path is a file that has been judged safe (`resources/onnx_files`).
    """
    import onnx

    loaded = model if isinstance(model, onnx.ModelProto) else onnx.load(str(model))
    return Session(serialized(widened(loaded)))


def check_inputs(expected: Mapping[str, tuple[str, tuple[Any, ...]]], given: "Mapping[str, NDArray[Any]]") -> None:
    """Raise `ValueError` unless `given` has exactly the expected names, with their types and shapes.

    `expected` is numpy's type and the shape for each name; a dimension that is no number, or negative, takes any size.
    """
    missing = [name for name in expected if name not in given]
    unknown = [name for name in given if name not in expected]
    if missing or unknown:
        parts = [f"missing {', '.join(missing)}" if missing else "", f"unknown {', '.join(unknown)}" if unknown else ""]
        raise ValueError(f"inputs: {'; '.join(filter(None, parts))}; the model takes {', '.join(expected) or 'none'}")
    for name, (want, shape) in expected.items():
        array = given[name]
        if array.dtype.name != want:
            raise ValueError(
                f"input {name!r}: {array.dtype.name} given, {want} needed; convert it with .astype({want!r})"
            )
        fits = array.ndim == len(shape) and all(
            not isinstance(need, int) or need < 0 or need == have for need, have in zip(shape, array.shape, strict=True)
        )
        if not fits:
            raise ValueError(f"input {name!r}: shape {list(array.shape)} given, {list(shape)} needed")


def _numpy_name(kind: str) -> str:
    """ONNX Runtime's `tensor(int64)` as numpy's `int64`."""
    return _NUMPY_NAMES.get(kind, kind.removeprefix("tensor(").removesuffix(")"))


def _first_line(error: BaseException) -> str:
    """An error's first line: ONNX Runtime appends its own stack."""
    return str(error).partition("\n")[0]
