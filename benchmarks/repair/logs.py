"""Logs alone: what a console printed, and which family of causes says why.

Here belong texts in the grammar of ATC's three generations, of its wrapper and of the loader, written after published
ones (CANN's error table, Huawei's forum and cases, public READMEs). Not here: reading them. Each half has texts of
its own.
"""

from dataclasses import dataclass
from typing import Literal

_START = "ATC start working now, please wait for a moment.\n...\n"
_FAILED = "ATC run failed, Please check the detail log, Try 'atc --help' for more information\n"


@dataclass(frozen=True)
class Log:
    """One console text and the family that explains it."""

    name: str
    half: Literal["development", "held_out"]
    family: str
    text: str


def _failed(head: str, *more: str) -> str:
    return _START + _FAILED + "\n".join((head, *(f"        {line}" for line in more))) + "\n"


LOGS: tuple[Log, ...] = (
    Log(
        "python_module",
        "development",
        "environment",
        _failed(
            "EC0010: [PID: 8123] 2025-03-18-09:10:44.120.339 Failed to import Python module [ModuleNotFoundError: "
            "No module named 'decorator'.].",
            "Solution: Check that all required components are properly installed and the specified Python path "
            "matches the Python installation directory.",
            "TraceBack (most recent call last):",
            "AOE Failed to call InitCannKB[FUNC:Initialize][FILE:python_adapter_manager.cc][LINE:47]",
        ),
    ),
    Log(
        "loader_hal",
        "development",
        "environment",
        "/usr/local/Ascend/ascend-toolkit/8.0.0/x86_64-linux/bin/atc.bin: error while loading shared libraries: "
        "libascend_hal.so: cannot open shared object file: No such file or directory\n",
    ),
    Log(
        "runtime_only",
        "development",
        "environment",
        _failed(
            "E20002: Environment variable [ASCEND_OPP_PATH] is invalid. Reason: the path does not exist.",
            "Solution: Set the environment variable to the path of the opp package.",
        ),
    ),
    Log(
        "opset_too_new",
        "development",
        "opset",
        _failed(
            "E19010: 2024-11-02-10:18:11.319.647 No parser is registered for Op [/model/Div_1, optype "
            "[ai.onnx::20::Div]].",
            "TraceBack (most recent call last):",
            "No parser is registered for Op [/model/Conv, optype [ai.onnx::20::Conv]].",
        ),
    ),
    Log(
        "two_domains",
        "development",
        "domains",
        _failed("E16005: The model has [2] [--domain_version] fields, but only one is allowed."),
    ),
    Log(
        "no_input_shape",
        "development",
        "inputs",
        _failed(
            "E10001: Value [-1] for parameter [input_ids] is invalid. Reason: maybe you should set input_shape to "
            "specify its shape."
        ),
    ),
    Log(
        "byte_resize",
        "development",
        "dtypes",
        _failed(
            "EZ3002: 2023-08-19-18:11:19.313.647 Optype [ResizeBilinearV2] of Ops kernel [AIcoreEngine] is "
            "unsupported. Reason: [tbe-custom]:op type ResizeBilinearV2 is not found in this op store.data "
            "type DT_UINT8 of input [x] is not supported. All supported data type and format of tensor input0.x is: "
            "Data Type: {DT_FLOAT16,DT_FLOAT}Format:{NC1HWC0,NC1HWC0}.",
            "Possible Cause: The operator type is unsupported in the operator information library due to specification "
            "mismatch.",
        ),
    ),
    Log(
        "resize_anchor",
        "development",
        "resize",
        _failed(
            "E19999: Inner Error!",
            "E19999  Op[name:Resize_118,type:Resize] src_out_anchor is nullptr, check invalid"
            "[FUNC:LinkEdges][FILE:node_utils.cc][LINE:86]",
        ),
    ),
    Log("seed_resize", "development", "resize", _failed("E19999: Inner Error!", "OP Resize not support")),
    Log(
        "static_only",
        "development",
        "dynamic",
        _failed(
            "EZ3002: Optype [Cast] of Ops kernel [AIcoreEngine] is unsupported. Reason: Dynamic shape is not supported "
            "on this chip!.",
        ),
    ),
    Log(
        "bare_atc",
        "held_out",
        "options",
        _failed(
            "E10007: [PID: 10490] 2025-03-18-09:02:18.501.341 [--framework] is required. The value must be "
            "[0(Caffe) or 1(MindSpore) or 3(TensorFlow) or 5(Onnx)]."
        ),
    ),
    Log(
        "numpy_2",
        "held_out",
        "environment",
        _failed(
            "EC0010: [PID: 9001] 2025-03-18-09:20:10.001.220 Failed to import Python module [AttributeError: "
            "`np.float_` was removed in the NumPy 2.0 release. Use `np.float64` instead.].",
        ),
    ),
    Log(
        "old_python",
        "held_out",
        "environment",
        _failed(
            "E40002: The current Python version is not supported. Python 3.6 or earlier cannot import tbe.",
            "Solution: Install Python 3.7 or later.",
        ),
    ),
    Log(
        "newest_grammar",
        "held_out",
        "operators",
        _START
        + _FAILED
        + "[PID: 4121] 2026-05-02-11:08:33.120.400 Not_Supported_Operator(E13010): No operator plugin is registered "
        "for Op: /rnn/Loop_4, optype: ai.onnx::17::Loop.\n        Solution: See the operator list.\n",
    ),
    Log(
        "transpose_int64",
        "held_out",
        "dtypes",
        _failed(
            "EZ3002: 2024-05-19-11:40:09.213.640 Optype [Conv2DTranspose] of Ops kernel [AIcoreEngine] is unsupported. "
            "Reason: [tbe-custom]:op type Conv2DTranspose is not found in this op store.data type DT_INT64 of input "
            "[input_size] is not supported. All supported data type and format of tensor input0.input_size is: Data "
            "Type: {DT_INT32}.",
        ),
    ),
    Log(
        "torch_lib",
        "held_out",
        "operators",
        _failed(
            "E19010: [PID: 771] 2025-02-11-20:00:01.100.200 No parser is registered for Op [Cast_12, optype "
            "[pkg.onnxscript.torch_lib.common::1::Cast]].",
        ),
    ),
    Log(
        "wrong_name",
        "held_out",
        "inputs",
        _failed(
            "E10016: Opname [images] specified in [--input_shape] is not found in the model, confirm whether this node "
            "name exists, or node is not split with the specified delimiter ';'"
        ),
    ),
    Log(
        "host_system",
        "held_out",
        "environment",
        _failed("E10001: Value [linux] for parameter [--host_env_os] is invalid. Reason: opp path has no such os."),
    ),
    Log(
        "both_modes",
        "held_out",
        "options",
        _failed("E10056: Cannot config both parameters [--precision_mode] and [--precision_mode_v2] simultaneously."),
    ),
    Log(
        "not_loadable",
        "held_out",
        "environment",
        "[ERROR] load model from file failed, model file is yolo.om, errorCode is 500002\n",
    ),
)
"""Every log of the corpus."""
