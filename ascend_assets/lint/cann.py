"""Whether the toolchain's CANN version lies in the range that the model declares.

Here belongs CANN's way of writing versions (8.1.RC1, 8.0.RC3.alpha003), read as Python's, in whose order a release
candidate comes before its release and an alpha of it before the candidate. Not here: which CANN is installed.
"""

import re
from collections.abc import Iterable

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from ascend_assets.records import Finding, LintCount

NAME = "cann_version"

_STAGED = re.compile(r"\.?RC(\d+)\.(alpha|beta)(\d+)", re.IGNORECASE)
_BETA = 100_000
"""Offset that puts every beta of a release candidate after every alpha of it."""


class CannVersionError(ValueError):
    """A CANN version or range that no rule here can read. The message quotes it."""


def within(version: str, allowed: str) -> bool:
    """Whether a CANN version lies in a range such as `>=8.0.RC1,<9`. Raises `CannVersionError`."""
    try:
        found = Version(_as_python(version))
    except InvalidVersion as error:
        raise CannVersionError(f"CANN version {version!r} is not one that can be compared") from error
    try:
        bounds = SpecifierSet(_as_python(allowed))
    except InvalidSpecifier as error:
        raise CannVersionError(f"requirements.cann {allowed!r} is no range: write for example >=8.0.RC1,<9") from error
    # CANN ships release candidates as its releases; without this none of them would lie in any range.
    return bounds.contains(found, prereleases=True)


def newest(versions: Iterable[str], allowed: str) -> str | None:
    """The newest of some CANN versions that lies in a range; None where none does. Raises `CannVersionError`."""
    fitting = [version for version in versions if within(version, allowed)]
    return max(fitting, key=lambda version: Version(_as_python(version)), default=None)


def count(version: str, allowed: str) -> LintCount:
    """1 if the toolchain's CANN lies outside the declared range, else 0; not judged if either cannot be read."""
    try:
        fits = within(version, allowed)
    except CannVersionError as error:
        return LintCount(criterion=NAME, judged=False, value=None, note=str(error))
    note = f"CANN {version}, the model declares {allowed}"
    if fits:
        return LintCount(criterion=NAME, judged=True, value=0, note=note)
    message = f"{note}; a release candidate comes before its release (8.1.RC1 < 8.1)"
    finding = Finding(code="cann_version", where="requirements.cann", message=message)
    return LintCount(criterion=NAME, judged=True, value=1, findings=(finding,))


def _as_python(text: str) -> str:
    def staged(match: re.Match[str]) -> str:
        candidate, stage, number = match.groups()
        return f"rc{candidate}.dev{int(number) + (_BETA if stage.lower() == 'beta' else 0)}"

    return _STAGED.sub(staged, text.strip())
