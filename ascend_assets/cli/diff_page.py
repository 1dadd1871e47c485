"""The page of `ascend model diff`: read from the top, what matters most to a user of the model comes first.

Here belongs the layout, and the same as JSON. Not here: finding differences (`ascend_assets/operations/diff.py`).
"""

from dataclasses import asdict
from typing import Any

from ascend_assets.cli.console import number, say, table
from ascend_assets.operations.diff import Diff, Side
from ascend_assets.operations.differences import Changed, File, Judged, VerdictChange
from resources.registry.versions import Change
from resources.store.blobs import Artefact

_MEANING = {
    Change.MAJOR: "major: callers must change",
    Change.MINOR: "minor: answers change",
    Change.PATCH: "patch: the same model, compiled or packaged otherwise",
    None: "none: every file is the same",
}
_DIGEST = 12
_IMPORTANT = ("worse", "gone", "new", "other", "better")
_NONE = "-"


def show_diff(found: Diff) -> None:
    """Print it."""
    say(f"{found.name} {found.before.version} -> {found.after.version}   {_MEANING[found.change]}")
    for label, side in (("before", found.before), ("after", found.after)):
        say(f"  {label:7} {side.version}  {_released(side)}  manifest {side.digest[:_DIGEST]}")
    if found.undone:
        say("  This goes back: authors and changelog are those of what is taken back.")
    _changes("members", found.members)
    _changes("signature", found.signature, nothing="" if found.inside or found.members else "the same")
    _files(found.files)
    _changes("toolchain", found.toolchain)
    _changes("built from", found.built_from)
    _verdicts(found)
    if found.authors:
        _head("authors")
        for author in found.authors:
            say(f"  {author}")
    if found.changelog:
        _head("changelog")
        for log in found.changelog:
            for line in log.text.splitlines():
                say(f"  {log.version}  {line}")
    for inner in found.inside:
        say()
        show_diff(inner)


def as_json(found: Diff) -> dict[str, Any]:
    """The same as a JSON object."""
    plain = asdict(found)
    for side, about in (("before", found.before), ("after", found.after)):
        plain[side]["created_at"] = about.created_at.isoformat()
    plain["files"] = [_file_as_json(file) for file in found.files]
    plain["verdicts"] = [_verdict_as_json(verdict) for verdict in found.verdicts]
    plain["inside"] = [as_json(inner) for inner in found.inside]
    return plain


def _released(side: Side) -> str:
    return f"{side.created_at:%Y-%m-%d %H:%M} by {side.created_by}"


def _head(title: str) -> None:
    say()
    say(title)


def _changes(title: str, changes: tuple[Changed, ...], *, nothing: str = "") -> None:
    if not changes:
        if nothing:
            _head(f"{title}: {nothing}")
        return
    _head(title)
    for change in changes:
        say(f"  {change.what:22} {_short(change.before) or _NONE} -> {_short(change.after) or _NONE}")


def _short(text: str) -> str:
    """A digest or a commit as people read it."""
    return text[:_DIGEST] if len(text) in {40, 64} and set(text) <= set("0123456789abcdef") else text


def _files(files: tuple[File, ...]) -> None:
    if not files:
        return
    _head("files")
    table(("", "", "before", "bytes", "after", "bytes", ""), [_file(file) for file in files])


def _file(file: File) -> tuple[str, ...]:
    word = "changed" if file.changed else "same"
    return (f"  {file.what}", word, *_artefact(file.before), *_artefact(file.after), _growth(file))


def _artefact(artefact: Artefact | None) -> tuple[str, str]:
    return (artefact.sha256[:_DIGEST], f"{artefact.size:,}") if artefact else (_NONE, _NONE)


def _growth(file: File) -> str:
    if file.before is None or file.after is None or not file.before.size:
        return ""
    share = file.after.size / file.before.size - 1
    return f"{share:+.1%}" if file.before.size != file.after.size else ""


def _verdicts(found: Diff) -> None:
    if not found.verdicts:
        if found.same_verdicts:
            _head(f"verdicts: all {found.same_verdicts} the same")
        return
    _head(f"verdicts: {len(found.verdicts)} changed, {found.same_verdicts} the same")
    ordered = sorted(found.verdicts, key=lambda each: (not _loses(each), _IMPORTANT.index(each.direction)))
    table(
        ("", "criterion", "target", "before", "after", "limits", "admits"),
        [_verdict(verdict) for verdict in ordered],
    )


def _loses(verdict: VerdictChange) -> bool:
    """Whether an environment is no longer admitted: that stands above any figure."""
    return verdict.before is not None and not {*verdict.before.admits} <= {*(verdict.after or verdict.before).admits}


def _verdict(verdict: VerdictChange) -> tuple[str, ...]:
    before, after = verdict.before, verdict.after
    return (
        f"  {verdict.direction}",
        verdict.criterion,
        verdict.target or _NONE,
        *_figures(before.value if before else None, after.value if after else None),
        _moved(_limits(before), _limits(after)),
        _moved(_admits(before), _admits(after)),
    )


def _figures(before: float | None, after: float | None) -> tuple[str, str]:
    """Two values in four digits, or in as many as it takes to tell them apart."""
    digits = (6, 9, 12, 17) if before is not None and after is not None and before != after else ()
    shown = number(before), number(after)
    for many in digits:
        if shown[0] == shown[1]:
            shown = f"{before:.{many}g}", f"{after:.{many}g}"
    return shown


def _moved(before: str, after: str) -> str:
    return after if before in (after, _NONE) else f"{before} -> {after}"


def _limits(judged: Judged | None) -> str:
    """The limits in the order of the environments, once where all are the same."""
    if judged is None or not judged.limits:
        return _NONE
    if len(set(judged.limits.values())) == 1:
        return f"{judged.sense} {next(iter(judged.limits.values())):g}"
    return ", ".join(f"{environment} {judged.sense} {limit:g}" for environment, limit in judged.limits.items())


def _admits(judged: Judged | None) -> str:
    return _NONE if judged is None else ", ".join(judged.admits) or "nowhere"


def _file_as_json(file: File) -> dict[str, Any]:
    before, after = (artefact.model_dump(mode="json") if artefact else None for artefact in (file.before, file.after))
    return {"what": file.what, "changed": file.changed, "before": before, "after": after}


def _verdict_as_json(verdict: VerdictChange) -> dict[str, Any]:
    before, after = (judged.model_dump(mode="json") if judged else None for judged in (verdict.before, verdict.after))
    keys = {"criterion": verdict.criterion, "target": verdict.target, "direction": verdict.direction}
    return {**keys, "before": before, "after": after}
