"""The console of the stand-in `atc`, in the layouts of three generations.

`7`: code and text. `8`: process id and time after the code. `9`: process id, time and a title before the code, and no
brackets around values. Here belongs the layout, and ATC's own wording of what the emulator refuses. Not here: why
anything is refused.
"""

import os
import re
from collections.abc import Sequence
from typing import Any

from stand_ins.atc_arguments import Message
from stand_ins.compiling import GE_TYPES, ge_name
from stand_ins.tree import Tree, stamp

START = "ATC start working now, please wait for a moment."
SUCCESS = "ATC run success, welcome to the next use."
FAILURE = "ATC run failed, Please check the detail log, Try 'atc --help' for more information"

_INDENT = " " * 8
_NO_PARSER = "No operator plugin is registered for Op: {}, optype: {}."


def rendered(tree: Tree, messages: Sequence[Message], *, ok: bool) -> str:
    """All that one run prints."""
    lines = [START, "..." if tree.generation == "7" else "-...", SUCCESS if ok else FAILURE]
    errors = [message for message in messages if not message.code.startswith("W")]
    if not ok and not errors:
        lines += ["E19999: Internal Error!", f"{_INDENT}An unknown error occurred. Please check the log."]
    for message in [*errors, *(message for message in messages if message.code.startswith("W"))]:
        lines += _shown(tree, message)
    return "\n".join(lines) + "\n"


def _shown(tree: Tree, message: Message) -> list[str]:
    when = f"[PID: {os.getpid()}] {stamp()} "
    if tree.generation == "9":
        return _newest(message, when)
    lines = [f"{message.code}: {when if tree.generation == '8' else ''}{message.text}"]
    if message.cause:
        lines.append(f"{_INDENT}Possible Cause: {message.cause}")
    if message.solution:
        lines.append(f"{_INDENT}Solution: {message.solution}")
    return lines + _traceback(message.more)


def _newest(message: Message, when: str) -> list[str]:
    text = message.newer or _bare(message.text)
    if message.code.endswith("9999"):
        first = f"{message.code}{when}{message.title}({message.code}):  {text}"
        return ["E19999: Internal error!", first, *(f"{' ' * 7}{_bare(line)}" for line in message.more)]
    lines = [f"{when}{message.title}({message.code}): {text}"]
    for word, said in (("Possible Cause", message.cause), ("Solution", message.solution)):
        if said and said != "N/A":
            lines.append(f"{_INDENT}{word}: {said}")
    return lines + _traceback(tuple(map(_bare, message.more)))


def _traceback(more: Sequence[str]) -> list[str]:
    return [f"{_INDENT}TraceBack (most recent call last):", *(f"{_INDENT}{line}" for line in more)] if more else []


def _bare(text: str) -> str:
    """Text without the brackets around values, but for those that tell where in the sources it was said."""
    return re.sub(r"\[(?!FUNC|FILE|LINE|GraphOpt|SubGraphOpt)([^\[\]]*)\]", r"\1", text)


def translated(tree: Tree, diagnostic: dict[str, Any]) -> Message | None:
    """ATC's message for what the emulator says; None for what only the emulator has to say."""
    code, text, nodes = diagnostic["code"], diagnostic["message"], diagnostic["nodes"]
    if code.startswith("WX"):
        return None
    if code.startswith("EX"):
        code, text = "E19999", f"{text}[FUNC:RunModel][FILE:stand_in.cc][LINE:1]"
    if code == "E19010":
        return _no_parser(tree, text, nodes)
    said = {"cause": diagnostic["cause"], "solution": diagnostic["solution"]}
    if code in {"EZ3002", "EZ3003", "W11001"} and nodes:
        return _unsupported(tree, code, text, nodes, said)
    more = tuple(text.replace(f"[{nodes[0]}", f"[{node}", 1) for node in nodes[1:])
    return Message(code, text, more, **said)


def _no_parser(tree: Tree, text: str, nodes: Sequence[str]) -> Message:
    kind = text.partition("optype [")[2].removesuffix("]].")
    trailer = ("ATC model parse ret fail.[FUNC:ParseGraph][FILE:omg.cc][LINE:788]",)
    if tree.generation == "9":
        more = tuple(_NO_PARSER.format(node, kind) for node in nodes[1:])
        newer = _NO_PARSER.format(nodes[0], kind)
        return Message("E13010", text, more + trailer, title="Not_Supported_Operator", newer=newer)
    more = tuple(text.replace(f"[{nodes[0]}", f"[{node}", 1) for node in nodes[1:])
    solution = "Check the version of the installation package and reinstall the package."
    return Message("E19010", text, more + trailer, solution=solution)


def _unsupported(tree: Tree, code: str, text: str, nodes: Sequence[str], said: dict[str, str]) -> Message:
    found = re.search(r"[Oo]ptype \[(.*?)\]", text)
    kind = found.group(1) if found else ""
    named = [ge_name(tree, node, kind, place) for place, node in enumerate(nodes)]
    missing = "No supported Ops kernel and engine are found for [{}], optype [{}]."
    if code == "EZ3002":
        more = tuple(missing.format(name, GE_TYPES.get(kind, kind)) for name in named)
    else:
        more = tuple(text.replace(nodes[0], name, 1) for name in named[1:])
        text = text.replace(nodes[0], named[0], 1)
    title = "Performance_Not_Optimal_Operator" if code == "W11001" else "Unsupported_Operator"
    return Message(code, text, more, title=title, **said)
