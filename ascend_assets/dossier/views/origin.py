"""Where the candidate comes from: conversion, what changed, the chain of digests, and how to make it again.

Here belong these sections' texts. Not here: differences (`compare.py`) or broken links (`chain.py`), which are found
there.
"""

import shlex
from dataclasses import dataclass

from ascend_assets.dossier import text
from ascend_assets.dossier.chain import Link, links
from ascend_assets.dossier.changes import VerdictChange
from ascend_assets.dossier.content import Content, TargetEvidence
from ascend_assets.dossier.views.verdicts import value
from resources.ascend import spelling
from resources.ascend.toolchain import Diagnostic

MESSAGES = 40
"""Diagnostics shown per target."""
NODES = 12
"""Nodes named per diagnostic."""
LOG = 12_000
"""Characters of the compiler's text, its end: that is where it says why it stopped."""
FINDINGS = 40


@dataclass(frozen=True)
class Message:
    """One of the compiler's messages."""

    code: str
    kind: str
    message: str
    nodes: str
    advice: str


@dataclass(frozen=True)
class Conversion:
    """What the compiler said about one target."""

    target: str
    outcome: str
    kind: str
    messages: tuple[Message, ...]
    more: int
    log: str
    command: str


@dataclass(frozen=True)
class ChangedVerdict:
    """One criterion's value then and now."""

    criterion: str
    target: str
    before: str
    after: str
    direction: str


@dataclass(frozen=True)
class Provenance:
    """The chain, common part and per target, and the facts beside it."""

    common: tuple[Link, ...]
    targets: tuple[tuple[str, tuple[Link, ...]], ...]
    facts: tuple[tuple[str, str], ...]
    broken: tuple[str, ...]


def conversions(content: Content) -> tuple[Conversion, ...]:
    """Every target's conversion, refused ones first."""
    found = [_conversion(content, target) for target in content.evidence]
    return tuple(sorted(found, key=lambda c: c.kind != "fail"))


def changed_verdicts(content: Content) -> tuple[ChangedVerdict, ...]:
    """Verdicts that moved, what got worse first."""
    order = ("worse", "gone", "new", "better")
    changes = content.changes.verdicts if content.changes else ()
    return tuple(_changed(c) for c in sorted(changes, key=lambda c: order.index(c.direction)))


def provenance(content: Content) -> Provenance:
    """The chain of digests and what is known about who made it, from what, with what."""
    chain = links(content)
    source, toolchain = content.source, content.identity
    facts = {
        "Model": content.model,
        "Candidate": content.candidate,
        "Commit": source.commit or "none: built outside git",
        "Working tree": "with uncommitted changes" if source.dirty else "clean",
        "Author": source.author or "not known",
        "Made": content.created_at.isoformat(timespec="seconds"),
        "Toolchain": f"{toolchain.name} {toolchain.version}, CANN {toolchain.cann}" if toolchain else "not known",
        "Owners": ", ".join(content.spec.owners) or "none named",
        **content.provenance,
    }
    return Provenance(
        common=tuple(link for link in chain if not link.target),
        targets=tuple((t.key, tuple(link for link in chain if link.target == t.key)) for t in content.evidence),
        facts=tuple(facts.items()),
        broken=tuple(
            f"{link.target + ' ' if link.target else ''}{link.stage} was made from another {text.prose(link.broken)}"
            for link in chain
            if link.broken
        ),
    )


def command(content: Content, key: str) -> str:
    """The `atc` command of one target, and what it takes from files."""
    options = content.options(key)
    lines = [shlex.join(spelling.command(options, "model.onnx", f"{key}.om"))]
    if options.keep_dtype:
        lines.append(f"# --keep_dtype=FILE, one node per line: {text.listing(options.keep_dtype, NODES)}")
    if options.modify_mixlist:
        lines.append(f"# --modify_mixlist=FILE: {options.modify_mixlist.model_dump_json(exclude_defaults=True)}")
    return "\n".join(lines)


def _conversion(content: Content, target: TargetEvidence) -> Conversion:
    refused = [v for v in content.about(target.key) if v.criterion == "conversion_errors" and v.judged and not v.passed]
    warnings = target.om.report.warnings if target.om else ()
    messages = [_message(d, "error") for d in target.refusals] + [_message(d, "warning") for d in warnings]
    if target.refusals or refused:
        outcome, kind = "refused", "fail"
        if not target.refusals:
            messages += [Message("", "error", v.why, "", "") for v in refused]
    elif target.om is None:
        outcome, kind = "did not run", "unjudged"
    else:
        count = len(warnings)
        outcome = f"compiled, {count} warning{'s' if count != 1 else ''}" if count else "compiled"
        kind = "pass"
    log = target.log or (target.om.report.log if target.om else "")
    return Conversion(
        target=target.key,
        outcome=outcome,
        kind=kind,
        messages=tuple(messages[:MESSAGES]),
        more=max(0, len(messages) - MESSAGES),
        log=log[-LOG:],
        command=command(content, target.key),
    )


def _message(diagnostic: Diagnostic, kind: str) -> Message:
    return Message(
        code=text.clean(diagnostic.code, 20),
        kind=kind,
        message=diagnostic.message,
        nodes=text.listing(diagnostic.nodes, NODES),
        advice=" ".join(part for part in (diagnostic.cause, diagnostic.solution) if part),
    )


def _changed(change: VerdictChange) -> ChangedVerdict:
    return ChangedVerdict(
        change.criterion,
        change.target,
        value(change.before, change.unit, change.after),
        value(change.after, change.unit, change.before),
        change.direction,
    )
