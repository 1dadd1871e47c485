"""Operator domains that a model states: ATC takes one where nodes name none.

Fact: a node without a domain takes the only entry of `opset_import`; with several, E16005 (`ConstructOriType` of GE's
onnx_parser.cc). Not here: operators of a foreign domain (`operators.py`).
"""

import re
from collections.abc import Iterator

from ascend_assets.diagnosis.case import Case, Observation, Value
from ascend_assets.diagnosis.observers import Kind
from ascend_assets.diagnosis.observers.said import SAID, errors, fact
from ascend_assets.diagnosis.observers.unparsed import STANDARD, names
from ascend_assets.diagnosis.offers import offer
from ascend_assets.remedies.kinds import DropDomains, ExpandOperators, Remedy

MAKES = {
    "domain_extra": Kind(("domains", "used", "known"), ("drop_domains", "expand_operators")),
    "domain_unstated": Kind(("domain", *SAID)),
}

_UNSTATED = re.compile(r"opset of domain ?\[(?P<domain>[^\]]{0,200})\] has no responding version")


def observe(case: Case) -> Iterator[Observation]:
    """Entries beside the default domain, and a domain that nodes use and no entry states."""
    refused = next(errors(case, "E16005"), None)
    values, remedies, nodes = _extra(case)
    if refused is not None:
        yield fact("domain_extra", refused, nodes=nodes, values=values, remedies=remedies)
    elif values["domains"]:
        yield Observation("domain_extra", f"opset_import states {values['domains']} as well", nodes, values, remedies)
    for item in errors(case):
        found = _UNSTATED.search(item.message)
        if found:
            yield fact("domain_unstated", item, values={"domain": found["domain"]})


def _extra(case: Case) -> tuple[dict[str, Value], dict[str, Remedy], tuple[str, ...]]:
    if case.model is None:
        return {"domains": "", "used": 0, "known": 0}, {}, ()
    stated = {entry.domain for entry in case.model.opset_import}
    used: dict[str, list[tuple[str, str]]] = {}
    for name, domain, op in names(case.model):
        used.setdefault(domain, []).append((name, op))
    default = STANDARD if STANDARD in stated and STANDARD in used and "" not in used else ""
    # Both spellings of the default domain count as two, as ATC counts them.
    extra = sorted(stated - {default}) if "" in used else []
    if stated == {STANDARD}:
        extra = []
    foreign = [domain for domain in extra if domain in used and domain != STANDARD]
    operators = tuple(dict.fromkeys(f"{domain}::{op}" for domain in foreign for _, op in used[domain]))
    nodes = tuple(name for domain in foreign for name, _ in used[domain])
    remedies = {**offer(ExpandOperators, operators=operators[:100]), **offer(DropDomains, domains=tuple(extra[:50]))}
    known = int(bool(extra))
    return {"domains": ", ".join(extra), "used": int(bool(foreign)), "known": known}, remedies, nodes
