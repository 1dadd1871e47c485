"""What is wrong with the machine or the installation, as a log or another tool says.

Not here: recognising it in a log (`resources/ascend/cann/environment/symptoms.py`), or mending it: no remedy does.
"""

import re
from collections.abc import Iterator

from ascend_assets.diagnosis.case import Case, Observation
from ascend_assets.diagnosis.log import words
from ascend_assets.diagnosis.observers import Kind
from ascend_assets.diagnosis.observers.said import SAID, errors, fact
from resources.ascend.cann.compiling.codes import fault
from resources.ascend.cann.environment.symptoms import Symptom, explain
from resources.ascend.toolchain import Diagnostic

MAKES = {
    "machine": Kind(("symptom", "what", "remedy")),
    "machine_code": Kind(SAID),
    "machine_other": Kind(("what",)),
}

_SHELL = (
    (
        "atc-not-found",
        re.compile(r"^.{0,200}\batc(?:\.bin)?: (?:command )?not found|\batc: No such file", re.MULTILINE),
    ),
    ("killed", re.compile(r"^(?:.{0,200}\s)?Killed\s*$|Out of memory: Killed process", re.MULTILINE)),
    ("crashed", re.compile(r"Segmentation fault|core dumped|Aborted \(core", re.MULTILINE)),
)
"""What a shell or the kernel says of a program: its words, for which CANN has no code."""
MAX_LOG = 1024 * 1024
"""Characters of a log, its end, in which a shell's words are looked for."""
MAX_TEXT = 2000
"""Characters of a message in which a symptom is looked for."""


def observe(case: Case) -> Iterator[Observation]:
    """Symptoms in messages, then in the rest of the log, then what others found that is not among them."""
    seen: set[str] = set()
    for item in errors(case):
        symptoms = explain(f"{item.code}: {item.message[:MAX_TEXT]}")
        for symptom in symptoms:
            seen.add(words(symptom))
            yield fact("machine", item, nodes=(), values=_values(symptom))
        if not symptoms and _of_machine(item):
            yield fact("machine_code", item, nodes=())
    for symptom in explain(case.log):
        if words(symptom) not in seen:
            seen.add(words(symptom))
            yield Observation("machine", symptom.what, (), _values(symptom), {}, "environment")
    for kind, sign in _SHELL:
        if sign.search(case.log[-MAX_LOG:]):
            yield Observation("machine", kind, (), {"symptom": kind, "what": kind, "remedy": ""}, {}, "environment")
    for what in case.environment:
        if what not in seen:
            yield Observation("machine_other", what, (), {"what": what}, {}, "environment")


def _values(symptom: Symptom) -> dict[str, str]:
    return {"symptom": symptom.code, "what": symptom.what, "remedy": symptom.remedy}


def _of_machine(item: Diagnostic) -> bool:
    return fault(item.code, item.message, item.title) == "environment"
