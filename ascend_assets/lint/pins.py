"""Whether a requirements file pins every requirement to one version.

Here belongs reading the file that a model's `defs.yaml` names. Not here: installing anything, or vulnerabilities
(`cve.py`). The grammar is pip's requirements file format, of which the parts that say where else to look are refused.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

from ascend_assets.records import Finding, LintCount
from ascend_assets.spec import HubSource, ModelSpec, PythonSource

NAME = "pinned_dependencies"
MOST_BYTES = 1024 * 1024

_HASH = re.compile(r"\s--hash=(\S+)")
_SHA256 = re.compile(r"sha256:[0-9a-f]{64}")
_URL_HASH = re.compile(r"#(.*&)?sha256=[0-9a-f]{64}(&|$)")
_ALLOWED_OPTIONS = frozenset({"--require-hashes", "--only-binary", "--no-binary", "--prefer-binary"})


class _NotPinnedError(ValueError):
    """A line that leaves a version open; the message says which and what to write."""


@dataclass(frozen=True)
class Pins:
    """What a requirements file says. `pinned`: `name==version`; `hashed`: how many of them have a sha256."""

    pinned: tuple[str, ...] = ()
    hashed: int = 0
    findings: tuple[Finding, ...] = field(default=())


def count(folder: Path, spec: ModelSpec) -> LintCount:
    """Requirements that are not pinned. A Python entry without a requirements file counts as one."""
    declared = spec.requirements.python
    if declared is None:
        entry = spec.source.python if isinstance(spec.source, PythonSource | HubSource) else None
        if entry is not None:
            message = "no requirements file: name one in defs.yaml (requirements.python), each line pinned with =="
            finding = Finding(code="no_requirements", where=entry, message=message)
            return LintCount(criterion=NAME, judged=True, value=1, findings=(finding,))
        return LintCount(criterion=NAME, judged=True, value=0, note="no code of the model's own is run")
    pins = read(folder, declared)
    note = f"{len(pins.pinned)} pinned in {declared}, {pins.hashed} of them with a hash"
    return LintCount(criterion=NAME, judged=True, value=len(pins.findings), findings=pins.findings, note=note)


def read(folder: Path, name: str) -> Pins:
    """Read the requirements file `name` of a model's folder. What cannot be read is a finding."""
    path = folder / name
    try:
        if not path.resolve().is_relative_to(folder.resolve()) or path.stat().st_size > MOST_BYTES:
            return _broken(name, f"outside the model's folder or larger than {MOST_BYTES} bytes")
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        return _broken(name, f"cannot be read: {error}")
    pinned: list[str] = []
    findings: list[Finding] = []
    hashed = 0
    for number, line in _lines(text):
        try:
            pin = _pin(line)
        except _NotPinnedError as fault:
            findings.append(Finding(code="not_pinned", where=f"{name}:{number}", message=str(fault)))
            continue
        if pin is not None:
            pinned.append(pin[0])
            hashed += pin[1]
    return Pins(tuple(pinned), hashed, tuple(findings))


def _broken(name: str, message: str) -> Pins:
    return Pins(findings=(Finding(code="no_requirements", where=name, message=message),))


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Logical lines with the number of their first physical one: continuations joined, comments and blanks left out."""
    joined, first = "", 0
    for number, physical in enumerate(text.splitlines(), start=1):
        first = first or number
        if physical.endswith("\\") and not physical.lstrip().startswith("#"):
            joined += physical[:-1] + " "
            continue
        line = re.sub(r"(^|\s)#.*$", "", joined + physical).strip()
        if line:
            yield first, line
        joined, first = "", 0
    if joined.strip():
        yield first, joined.strip()


def _pin(line: str) -> tuple[str, bool] | None:
    """A logical line as (pin, whether it has a sha256); None for an option that pins nothing.

    Raises `_NotPinnedError`.
    """
    if line.startswith("-"):
        option = re.split(r"[\s=]", line, maxsplit=1)[0]
        if option in _ALLOWED_OPTIONS:
            return None
        raise _NotPinnedError(f"{option}: name every requirement in this one file, pinned with ==")
    hashed = any(_SHA256.fullmatch(digest) for digest in _HASH.findall(line))
    text = _HASH.sub("", line)
    try:
        requirement = Requirement(text)
    except InvalidRequirement as error:
        raise _NotPinnedError(f"{text[:100]!r} is no requirement ({str(error).splitlines()[0]})") from error
    if requirement.url is not None:
        if not hashed and not _URL_HASH.search(requirement.url):
            raise _NotPinnedError(f"{requirement.name} is taken from an address: pin its content with #sha256=...")
        return f"{requirement.name} @ {requirement.url}", True
    exact = [s for s in requirement.specifier if s.operator in {"==", "==="} and not s.version.endswith(".*")]
    if len(exact) != 1:
        wanted = f"write {requirement.name}==VERSION"
        raise _NotPinnedError(f"{requirement.name}{requirement.specifier} is not pinned: {wanted}")
    return f"{requirement.name}=={exact[0].version}", hashed
