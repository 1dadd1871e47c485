"""What a repair changed: options and graph, before and after.

Here belongs the difference as records show it. Not here: making changes (`remedies/apply.py`).
"""

import json
from collections import Counter
from typing import TYPE_CHECKING

from ascend_assets.repair.records import GraphChange, OptionChange
from resources.ascend.options import CompileOptions
from resources.ascend.spelling import FILE_OPTIONS, spelt
from resources.onnx_files.structure import shown
from resources.onnx_files.walk import nodes

if TYPE_CHECKING:
    import onnx


def changes(before: CompileOptions, after: CompileOptions) -> tuple[OptionChange, ...]:
    """Every option that differs, by the name of ATC's flag; one that ATC reads from a file as its content in JSON."""
    was, now = _flags(before), _flags(after)
    names = dict.fromkeys((*was, *now))
    return tuple(
        OptionChange(option=name, before=was.get(name, ""), after=now.get(name, ""))
        for name in names
        if was.get(name, "") != now.get(name, "")
    )


def _flags(options: CompileOptions) -> dict[str, str]:
    fields = options.model_dump(mode="json", include=set(FILE_OPTIONS.values()))
    held = {
        flag: json.dumps(fields[name], ensure_ascii=False) for flag, name in FILE_OPTIONS.items() if fields.get(name)
    }
    return {**spelt(options), **held}


def graph_changes(before: "onnx.ModelProto", after: "onnx.ModelProto") -> tuple[GraphChange, ...]:
    """Operators whose number of nodes differs, nodes inside other nodes counted.

    A constant or a weight of another value does not show here: its remedy names it.
    """
    was, now = _counted(before), _counted(after)
    return tuple(
        GraphChange(op=shown(op), before=was[op], after=now[op]) for op in sorted(was | now) if was[op] != now[op]
    )


def _counted(model: "onnx.ModelProto") -> Counter[str]:
    prefixed = (
        node.op_type if node.domain in {"", "ai.onnx"} else f"{node.domain}::{node.op_type}" for node in nodes(model)
    )
    return Counter(prefixed)
