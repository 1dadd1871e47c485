"""A console log of `atc`, or of what loads and runs a compiled model, as evidence.

Here belongs turning any text into diagnostics about the model's own nodes and into what is wrong with the machine. Not
here: the grammar of the log (`resources/ascend/cann/compiling`), or what follows from it (`observers/`).
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from resources.ascend.cann.compiling import atc_log
from resources.ascend.cann.compiling.atc_log import MAX_MESSAGE
from resources.ascend.cann.compiling.atc_outcome import UNKNOWN, on_onnx
from resources.ascend.cann.compiling.codes import fault
from resources.ascend.cann.compiling.console import MESSAGES
from resources.ascend.cann.compiling.mentions import mention
from resources.ascend.cann.compiling.node_names import NodeNames, named
from resources.ascend.cann.compiling.plog import MAX_ERRORS, error_lines
from resources.ascend.cann.environment import symptoms
from resources.ascend.cann.environment.symptoms import Symptom
from resources.ascend.toolchain import Diagnostic

if TYPE_CHECKING:
    from onnx import ModelProto

MAX_NODES = 10_000
"""Nodes of one diagnostic."""

_CODES = tuple(zip(MESSAGES, ("EZ3003", "E19010", "E13010", "EZ3002", "E20001", "EZ0501"), strict=True))


def read(text: str | bytes, model: "ModelProto | None" = None) -> tuple[tuple[Diagnostic, ...], tuple[str, ...]]:
    """(diagnostics, what is wrong with the environment) of a log of any generation, size and content.

    With a model, diagnostics name its nodes as `resources.onnx_files.graph.view` does, and leave out names that could
    stand for none or for several; without one, they name what the log names. Never raises.
    """
    log = text if isinstance(text, str) else text.decode("utf-8", errors="replace")
    said = atc_log.parse(log)
    diagnostics = (*said.errors, *said.warnings) or _from_plog(log)
    faults = tuple(words(symptom) for symptom in symptoms.explain(log))
    return (diagnostics if model is None else _about(diagnostics, model)), faults


def _from_plog(log: str) -> tuple[Diagnostic, ...]:
    """Errors of CANN's own log files, which name no codes: the code that ATC's console gives to such a message."""
    found: dict[str, Diagnostic] = {}
    for line in error_lines(log)[:MAX_ERRORS]:
        begins = [(line.find(words), code) for words, code in _CODES if words in line]
        at, code = min(begins, default=(0, UNKNOWN))
        said = line[at : at + MAX_MESSAGE].partition("[FUNC:")[0]
        found.setdefault(said, Diagnostic(code=code, message=said, nodes=mention(said).nodes))
    return tuple(found.values())


def words(symptom: Symptom) -> str:
    """A fault of the environment and its remedy in one line."""
    return f"{symptom.what}: {symptom.remedy}"


def _about(diagnostics: tuple[Diagnostic, ...], model: "ModelProto") -> tuple[Diagnostic, ...]:
    pairs = [(node.name, node.op_type) for node in model.graph.node]
    # GE counts the nodes without a name; the graph's view takes their place in the file.
    called = {
        engine: node.name or f"{node.op_type}_{at}"
        for at, ((engine, _), node) in enumerate(zip(named(pairs), model.graph.node, strict=True))
    }
    return tuple(_known(item, called) for item in on_onnx(diagnostics, NodeNames.of(pairs)))


def _known(item: Diagnostic, called: Mapping[str, str]) -> Diagnostic:
    """A diagnostic with the names that the model's nodes have in the view; values of options stay as they are."""
    if fault(item.code, item.message, item.title) == "options":
        return item
    nodes = dict.fromkeys(called[name] for name in item.nodes[:MAX_NODES] if name in called)
    return item.model_copy(update={"nodes": tuple(nodes)})
