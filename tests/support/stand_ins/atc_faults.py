"""What a stand-in `atc` can be asked to do wrong: one refusal for each family of codes, and every other mishap.

Here belong the tables. Not here: carrying a mishap out (`atc.py`).
"""

from collections.abc import Callable, Sequence

from stand_ins.atc_arguments import Message
from stand_ins.compiling import ge_name
from stand_ins.tree import Tree

Make = Callable[[Tree, Sequence[str]], Message]

_BUILD = "build graph failed, graph id:0, ret:-1[FUNC:BuildModelWithGraphId][FILE:ge_generator.cc][LINE:1615]"


def _plain(code: str, text: str, *more: str, solution: str = "", title: str = "Invalid_Argument") -> Make:
    def make(_tree: Tree, _nodes: Sequence[str]) -> Message:
        return Message(code, text, more, solution=solution, title=title)

    return make


def _about(code: str, text: str, *, first: str = "", more: Sequence[str] = (_BUILD,), title: str = "") -> Make:
    """A message about nodes. `text` has a place for one; with `first` the nodes stand in the TraceBack alone."""

    def make(tree: Tree, nodes: Sequence[str]) -> Message:
        named = [ge_name(tree, node, "Conv", place) for place, node in enumerate(nodes)]
        lines = [text.format(name) for name in named]
        head = first or lines.pop(0)
        cause = "The operator type is unsupported due to specification mismatch."
        return Message(code, head, (*lines, *more), cause, "N/A", title or "Unsupported_Operator")

    return make


_NO_KERNEL = "No supported Ops kernel and engine are found for [{}], optype [Conv2D]."

REFUSALS: dict[str, Make] = {
    "E10001": _plain(
        "E10001",
        "Value [-1] for parameter [image] is invalid. Reason: maybe you should set input_shape to specify its shape.",
    ),
    "E10007": _plain("E10007", "[--framework] is required. The value must be [5(Onnx)]."),
    "E10009": _plain(
        "E10009", "[--dynamic_batch_size], [--dynamic_image_size], or [--dynamic_dims] are mutually exclusive."
    ),
    "E10016": _plain(
        "E10016",
        "Opname [image] specified in [--input_shape] is not found in the model, confirm whether this node name exists, "
        "or node is not split with the specified delimiter ';'",
    ),
    "E10041": _plain("E10041", "Failed to load the model from [model.onnx]."),
    "E16005": _plain("E16005", "The model has [2] [--domain_version] fields, but only one is allowed."),
    "E19010": _about("E19010", "No parser is registered for Op [{}, optype [ai.onnx::13::Conv]].", more=()),
    "E19999": _plain(
        "E19999",
        "Call InferShapeAndType for node:conv(Conv2D) failed[FUNC:Infer][FILE:infershape_pass.cc][LINE:119]",
        "process pass InferShapePass on node:conv failed, ret:4294967295[FUNC:RunPasses][FILE:base_pass.cc][LINE:530]",
        title="Inner_Error",
    ),
    "E20001": _about("E20001", "Failed to compile Op [{}]. (optype: [Conv2D])"),
    "E20002": _plain("E20002", "Environment variable [ASCEND_OPP_PATH] with value [] is invalid."),
    "E40002": _plain("E40002", "Python version is invalid. Required version is 3.7.5.", title="Environment_Error"),
    "EC0010": _plain(
        "EC0010",
        "Failed to import Python module [ModuleNotFoundError: No module named 'decorator'.].",
        "AOE Failed to call InitCannKB[FUNC:Initialize][FILE:python_adapter_manager.cc][LINE:47]",
        "GELib::InnerInitialize failed.[FUNC:Initialize][FILE:gelib.cc][LINE:177]",
        solution="Check that all required components are properly installed.",
        title="Environment_Error",
    ),
    "EZ3002": _about(
        "EZ3002",
        _NO_KERNEL,
        first="Optype [Conv2D] of Ops kernel [AIcoreEngine] is unsupported. Reason: [tbe-custom]:op type Conv2D is not "
        "found in this op store.[Dynamic shape check]: data type DT_INT64 of input [x] is not supported.",
        more=(_BUILD, "GenerateOfflineModel execute failed."),
    ),
    "EZ3003": _about("EZ3003", _NO_KERNEL),
    "EZ9010": _about("EZ9010", "No parser is registered for Op [{}, optype [ai.onnx::13::Conv]].", more=()),
}
"""A refusal for each code. Each leaves the failure line, rc 255 and no file."""

_MISHAPS_TEXT = """
hang crash half_om garbage ansi huge_log huge_log_failure non_utf8 exit0_with_failure_line success_line_exit1 no_om
two_oms other_soc_om host_om no_driver W11001 silent
"""
MISHAPS = frozenset(_MISHAPS_TEXT.split())
"""What else can go wrong, or look odd and be right: `ansi`, `huge_log`, `host_om` and `W11001` succeed."""
