"""The model file itself: not readable, too large, or without what a graph needs.

Facts: E10041 also stands for a file above protobuf's 2 GB, external weights included (CANN's error table and ATC's
documentation). Not here: what is inside a graph that could be read.
"""

import re
from collections.abc import Iterator

from ascend_assets.diagnosis.case import Case, Observation
from ascend_assets.diagnosis.observers import Kind
from ascend_assets.diagnosis.observers.said import SAID, errors, fact
from ascend_assets.diagnosis.telling import plain

MAKES = {
    "file_not_loaded": Kind(("file", "reason", *SAID)),
    "file_incomplete": Kind(("missing", *SAID)),
    "file_beyond_emulator": Kind(("reason", *SAID)),
    "file_invalid": Kind(("verdict",)),
    "file_unsafe": Kind(("verdict",)),
    "inputs_undeclared": Kind(("verdict",)),
}

_FILE = re.compile(r"(?:from|File) \[?(?P<file>[^\]]{1,1024}?)\]?(?: does not exist|\.?$)")
_MISSING = re.compile(r"Model has no \[?(?P<missing>\w{1,40})")
_UNREADABLE = ("E10041", "E10043", "E10044", "E13000", "E13001", "E13002", "E13005", "E19000", "E19001", "E19005")
_REASON = re.compile(r"Reason: (?P<reason>.{1,1000})", re.DOTALL)
_GATES = {"onnx_checker": "file_invalid", "model_safety": "file_unsafe", "dynamic_dims": "inputs_undeclared"}
"""Lint criterion -> what its refusal says of the file."""
_OF_INPUTS = ("is no tensor", "contradict each other", "hold nothing", "would take")


def observe(case: Case) -> Iterator[Observation]:
    """Files that cannot be read, graphs that lack a part, and what the emulator alone cannot do."""
    for item in errors(case, *_UNREADABLE):
        found = _FILE.search(item.message)
        values = {"file": plain(found["file"]) if found else "-", "reason": plain(item.cause) or "ATC does not say why"}
        yield fact("file_not_loaded", item, nodes=(), values=values)
    for item in errors(case, "E16001", "E16004"):
        missing = _MISSING.search(item.message)
        yield fact("file_incomplete", item, nodes=(), values={"missing": missing["missing"] if missing else "graph"})
    for item in errors(case, "EX0005"):
        reason = _REASON.search(item.message)
        if not any(words in item.message for words in _OF_INPUTS):
            yield fact("file_beyond_emulator", item, values={"reason": plain(reason["reason"]) if reason else "-"})
    for verdict in case.refused:
        if verdict.criterion in _GATES:
            values = {"verdict": plain(verdict.why)}
            yield Observation(_GATES[verdict.criterion], verdict.why, (), values, {}, "verdicts")
