"""ATC's console, as the emulator prints it: message templates, and the grammar of a log.

Templates are those of CANN 8.1's error table; causes and solutions are our own words. Codes EX.... and WX.... are the
emulator's: for what ATC refuses in words that are not known, and for what only the emulator cannot do.
Here belong the wording and its layout. Not here: when something is refused (`refusals`), or reading a real log.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from resources.ascend import gear_rules
from resources.ascend.toolchain import Diagnostic

START = "ATC start working now, please wait for a moment."
PROGRESS = "..."
SUCCESS = "ATC run success, welcome to the next use."
FAILURE = "ATC run failed, Please check the detail log, Try 'atc --help' for more information"

Generation = Literal["7", "8", "9"]
"""Layouts: `7` up to CANN 7.0, `8` with process id and time, `9` with a title before the code."""

_INDENT = " " * 8

TEMPLATES: dict[str, str] = {
    **gear_rules.TEMPLATES,
    "E10016": "Opname [{}] specified in [--{}] is not found in the model, confirm whether this node name exists, "
    "or node is not split with the specified delimiter ';'",
    "E10041": "Failed to load the model from [{}].",
    "E10049": "Dimension count [{}] configured in [--input_shape] does not match dimension count [{}] of the node.",
    "E10054": "The requied parameter [{}] for ATC is empty. Another possible reason is that the value of some "
    'parameters is not enclosed by quotation marks ("").',
    "E16001": "Model has no [{}] node.",
    "E16005": "The model has [{}] [--domain_version] fields, but only one is allowed.",
    "E19010": "No parser is registered for Op [{}, optype [{}]].",
    "E19999": "{}",
    "EZ3002": "Optype [{}] of Ops kernel [{}] is unsupported. Reason: {}.",
    "EZ3003": "No supported Ops kernel and engine are found for [{}], optype [{}].",
    "W11001": "Op [{}] does not hit the high-priority operator information library, which might result in "
    "compromised performance.",
    # The emulator's own.
    "EX0001": "Value [{}] for parameter [--soc_version] is invalid. Reason: {}.",
    "EX0002": "Value [{}] for parameter [--{}] is invalid. Reason: {} has no bf16.",
    "EX0003": "Input [{}] cannot be given that shape. Reason: {}.",
    "EX0004": "Op [{}, optype [{}]] is not supported. Reason: {}.",
    "EX0005": "The emulator cannot compile the model. Reason: {}.",
    "EX0006": "The emulator cannot do what [--{}] asks for. Reason: {}.",
    "WX0001": "Value [{}] for parameter [--soc_version] is a first-generation part. {}",
    "WX0002": "Op [{}, optype [{}]] needs care. Reason: {}.",
    "WX0003": "[--{}] is not emulated. {}",
}

_TITLES = {
    "E10016": "Invalid_Argument_Operator_Name",
    "E10018": "Invalid_Argument_Tensor_Dynamic_Shape",
    "E10019": "Invalid_Argument_Tensor_Input_Shape",
    "E10031": "Invalid_Argument_Tensor_Input_Shape",
    "E10035": "Invalid_Argument_Tensor_Dynamic_Shape",
    "E10036": "Invalid_Argument_Tensor_Dynamic_Shape",
    "E10037": "Invalid_Argument_Tensor_Dynamic_Shape",
    "E10039": "Invalid_Argument_Tensor_Dynamic_Shape",
    "E10040": "Invalid_Argument_Tensor_Input_Shape",
    "E10041": "Invalid_Argument_Model",
    "E10049": "Invalid_Argument_Tensor_Input_Shape",
    "E16001": "Invalid_Argument_ONNX_Model_Data",
    "E16005": "Invalid_Argument_ONNX_Model_Data",
    "E19010": "Not_Supported_Operator",
    "E19999": "Inner_Error",
    "EZ3002": "Unsupported_Operator",
    "EZ3003": "Unsupported_Operator",
    "W11001": "Performance_Not_Optimal_Operator",
}
"""Titles of the newest layout."""


@dataclass(frozen=True)
class Stamp:
    """Process id and local time (`2025-03-18-09:02:18.501.341`) of the newer layouts."""

    pid: int
    time: str


def diagnostic(
    code: str, *values: object, nodes: Sequence[str] = (), cause: str = "", solution: str = ""
) -> Diagnostic:
    """One message: the template of `code` with its values, about `nodes`, of which the first is named in the text."""
    text = TEMPLATES[code].format(*values)
    return Diagnostic(code=code, message=text, nodes=tuple(nodes), cause=cause, solution=solution)


def _one_line(text: str) -> str:
    """Text without anything that would break the line: a name from a file must not forge a line of the log."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


def _more(item: Diagnostic) -> Iterator[str]:
    """What ATC lists in the TraceBack about the same trouble: a line per further node, without a code."""
    if item.code == "EZ3002":
        kind = re.search(r"Optype \[(.*?)\]", item.message)
        for node in item.nodes:
            yield TEMPLATES["EZ3003"].format(node, kind.group(1) if kind else "")
    elif item.nodes:
        for node in item.nodes[1:]:
            yield item.message.replace(f"[{item.nodes[0]}", f"[{node}", 1)


def _head(item: Diagnostic, message: str, generation: Generation, stamp: Stamp | None) -> str:
    when = f"[PID: {stamp.pid}] {stamp.time} " if stamp else ""
    if generation == "9":
        return _one_line(f"{when}{_TITLES.get(item.code, 'Invalid_Argument')}({item.code}): {message}")
    return _one_line(f"{item.code}: {when if generation == '8' else ''}{message}")


def _warning(item: Diagnostic, generation: Generation, stamp: Stamp | None) -> Iterator[str]:
    for message in (item.message, *_more(item)):
        yield _head(item, message, generation, stamp)


def _error(items: Sequence[Diagnostic], generation: Generation, stamp: Stamp | None) -> Iterator[str]:
    """One code: the first message on its head line, the rest of that code in the TraceBack."""
    first = items[0]
    yield _head(first, first.message, generation, stamp)
    if first.cause:
        yield _one_line(f"{_INDENT}Possible Cause: {first.cause}")
    solutions = list(dict.fromkeys(item.solution for item in items if item.solution))
    if len(solutions) > 1:
        solutions = [" ".join(f"{number}. {text}" for number, text in enumerate(solutions, 1))]
    for solution in solutions:
        yield _one_line(f"{_INDENT}Solution: {solution}")
    rest = [*_more(first)]
    for item in items[1:]:
        rest += [item.message, *_more(item)]
    if rest:
        yield f"{_INDENT}TraceBack (most recent call last):"
        yield from (_one_line(f"{_INDENT}{line}") for line in rest)


def render(
    diagnostics: Sequence[Diagnostic], *, ok: bool, generation: Generation = "7", stamp: Stamp | None = None
) -> str:
    """The console text of one run. Warnings stand after the success line, errors after the failure line.

    The default layout has neither process id nor time, so that equal work gives an equal log.
    """
    lines = [START, PROGRESS, SUCCESS if ok else FAILURE]
    errors: dict[str, list[Diagnostic]] = {}
    for item in diagnostics:
        if not item.code.startswith("W"):
            errors.setdefault(item.code, []).append(item)
    for items in errors.values():
        lines.extend(_error(items, generation, stamp))
    for item in diagnostics:
        if item.code.startswith("W"):
            lines.extend(_warning(item, generation, stamp))
    return "\n".join(lines) + "\n"
