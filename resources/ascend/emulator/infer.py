"""Running a lowered graph, and rounding as it does.

Here belongs the rounding of arrays with the casts of a lowered graph. Running itself is ONNX Runtime's
(`resources/onnx_files/sessions.py`), handed on from here to the emulator. Not here: what the graph computes
(`lower.py`), or comparing results (`compare.py`).
"""

from typing import TYPE_CHECKING, Any

from resources.ascend.emulator.precision import FLOAT, DType
from resources.ascend.emulator.rounding import NUMBER
from resources.onnx_files.sessions import (
    MOST_THREADS,
    Session,
    TooLargeError,
    check_inputs,
    open_session,
    reference,
    run_session,
    serialized,
    session_options,
    threads,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "MOST_THREADS",
    "Rounder",
    "Session",
    "TooLargeError",
    "check_inputs",
    "open_session",
    "reference",
    "run_session",
    "serialized",
    "session_options",
    "threads",
]


class Rounder:
    """Rounds FP32 arrays to a narrow type and back, as the casts of a lowered graph do; much faster than numpy."""

    def __init__(self, dtype: DType) -> None:
        from onnx import helper

        nodes = [
            helper.make_node("Cast", ["x"], ["narrow"], to=NUMBER[dtype]),
            helper.make_node("Cast", ["narrow"], ["y"], to=FLOAT),
        ]
        ends = [helper.make_tensor_value_info(name, FLOAT, ["n"]) for name in ("x", "y")]
        graph = helper.make_graph(nodes, "round", ends[:1], ends[1:])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
        self._session = open_session(serialized(model), session_options())

    def __call__(self, array: "NDArray[Any]") -> "NDArray[Any]":
        """The array with every element rounded to nearest even; beyond the type's range infinite."""
        flat = array.reshape(-1)
        return run_session(self._session, ["y"], {"x": flat})["y"].reshape(array.shape)
