"""What the registry holds, as markdown that Dagster's UI shows: requirements, entries, releases, differences.

Here belongs laying it out, with every text from outside escaped and bounded. Not here: reading any of it
(`operations/`), or the dossier's own tables (`dossier/summary.py`).
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from ascend_assets.dossier.summary import escaped
from ascend_assets.dossier.text import clean
from ascend_assets.operations.diff import Diff
from ascend_assets.operations.differences import Changed, VerdictChange
from ascend_assets.operations.finding import Finding
from ascend_assets.operations.history import Listed, Step
from resources.registry.admissions import Requirement
from resources.registry.audit import Audit
from resources.store.blobs import Artefact

_CELL = 600
"""Characters of a cell: a person signs and rejects with reasons, and a list of them is read at a glance."""
_ROWS = 500


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A markdown table; rows beyond the first 500 are counted."""
    every = [list(row) for row in rows]
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    lines += [f"| {' | '.join(map(cell, row))} |" for row in every[:_ROWS]]
    if len(every) > _ROWS:
        lines += ["", f"and {len(every) - _ROWS} more"]
    return "\n".join(lines) + "\n"


def cell(value: object) -> str:
    """One cell: on one line, bounded, nothing in it is markup."""
    return escaped(clean(" ".join(str(value).split()), _CELL)) or "-"


def requirements(found: Iterable[Requirement]) -> str:
    """Each requirement: met or not, what was found, what to do. What is not met comes first."""
    rows = (("✓" if r else "✗", r.name, r.why, r.remedy) for r in sorted(found, key=bool))
    return table(("", "requirement", "found", "what to do"), rows)


def steps(found: Iterable[Step]) -> str:
    """A ledger's entries."""
    return table(
        ("entry", "kind", "version", "who", "signed as", "when", "why"),
        (
            (
                f"{s.entry.sequence}{' (live)' if s.live else ''}",
                s.entry.kind,
                s.entry.version,
                s.entry.actor,
                s.signer,
                moment(s.entry.at),
                s.entry.reason,
            )
            for s in found
        ),
    )


def releases(found: Sequence[Listed]) -> str:
    """Releases, and each one's state per environment."""
    places = [state.environment for state in found[0].states] if found else []
    return table(
        ("version", *places, "released", "by"),
        (
            (one.manifest.version, *one.states, moment(one.manifest.created_at), one.manifest.created_by)
            for one in found
        ),
    )


def difference(found: Diff) -> str:
    """What changed, in the order in which a person asks."""
    change = f"{found.change} change" if found.change else "the same artefacts"
    undone = ", **which takes back what the releases between brought**" if found.undone else ""
    parts = [f"{cell(found.name)} {found.before.version} → {found.after.version}: {change}{undone}\n"]
    parts += _changes("Members", found.members)
    parts += _changes("Inputs and outputs", found.signature)
    files = [(f.what, _size(f.before), _size(f.after), "changed" if f.changed else "same") for f in found.files]
    parts += _part("Files", ("file", "bytes before", "bytes after", ""), files)
    parts += _changes("Toolchain", found.toolchain)
    parts += _changes("Built from", found.built_from)
    parts += _part(
        f"Verdicts ({found.same_verdicts} are the same)",
        ("criterion", "target", "before", "after", ""),
        map(_verdict, found.verdicts),
    )
    parts += _part("Authors", ("author",), ((author,) for author in found.authors))
    parts += _part("Changelog", ("version", "what"), ((log.version, log.text) for log in found.changelog))
    return "\n".join([*parts, *(difference(inner) for inner in found.inside)])


def audits(found: Iterable[Audit]) -> str:
    """Ledgers: whole, or the first wrong entry of each."""
    return table(
        ("", "ledger", "entries", "first wrong entry", "notes"),
        (
            (
                "✗" if a.fault else "✓",
                f"{a.environment}/{a.model}",
                a.entries,
                f"{a.fault.key}: {a.fault.why}" if a.fault else "",
                "; ".join(a.notes),
            )
            for a in found
        ),
    )


def findings(found: Iterable[Finding]) -> str:
    """What an examination of the machine found."""
    return table(("", "what", "found", "what to do"), (("✓" if f else "✗", f.name, f.said, f.remedy) for f in found))


def moment(at: datetime) -> str:
    """A moment, to the minute."""
    return at.isoformat(sep=" ", timespec="minutes").removesuffix("+00:00")


def _changes(title: str, found: Iterable[Changed]) -> list[str]:
    return _part(title, ("what", "before", "after"), ((c.what, c.before, c.after) for c in found))


def _part(title: str, head: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    listed = list(rows)
    return [f"**{title}**\n", table(head, listed)] if listed else []


def _verdict(change: VerdictChange) -> tuple[str, ...]:
    values = [
        "" if side is None or side.value is None else f"{side.value:g} {side.unit}"
        for side in (change.before, change.after)
    ]
    return (change.criterion, change.target, *values, change.direction)


def _size(file: Artefact | None) -> str:
    return "" if file is None else f"{file.size:,}"
