"""Versions of CANN, its compiler, its driver and its builds, and which of two is the later one.

Here belongs the order alone. Not here: which file a version is read from (`installation.py`), or what may run with what
(`om_identity.py`).
"""

import re
from dataclasses import dataclass, field
from typing import Literal

MAX_LENGTH = 64
"""Characters; what is longer is no version."""

Kind = Literal["external", "internal", "inner"]

_SEPARATOR = r"[.\-_+]?"
_EXTERNAL = re.compile(rf"(?:v(?=\d))?\d{{1,9}}(?:{_SEPARATOR}(?:\d{{1,9}}|[a-z]{{1,16}}(?:{_SEPARATOR}\d{{1,9}})?))*+")
_PART = re.compile(rf"(?P<tag>[a-z]+)(?:{_SEPARATOR}(?P<count>\d+))?|(?P<number>\d+)")
_INNER = re.compile(r"v(\d{1,9})r(\d{1,9})c(\d{1,9})(?:spc(\d{1,9}))?(?:b(\d{1,9}))?")
_STAGES = ("alpha", "beta", "rc")
"""What comes before a release, in order; any other tag (T560, dev) comes before these."""
_INTERNAL_PARTS = 5
"""A patch of a release may have four: `7.0.1.1`."""

_Part = tuple[int, int, str, int]
_BUILD, _BEFORE, _END, _AFTER = -1, 0, 1, 2


@dataclass(frozen=True, order=True)
class Version:
    """A version that compares.

    Order, part by part: a tag (`RC1`, `beta.1`) comes before the end of the version, and that before a number. So
    `8.0.RC2.alpha002` < `8.0.RC2` < `8.0.RC3` < `8.0.0.beta1` < `8.0.0` < `8.1.RC1`, which is the order in which
    CANN was released. The order is total; it says something for two versions of one `kind`.

    `kind`: `external`, as releases are named (`8.1.RC1`); `internal`, the compiler's of CANN before 8.5
    (`7.7.0.1.238`); `inner`, a build (`V100R001C21SPC001B238`), whose order is before every other.
    """

    parts: tuple[_Part, ...]
    text: str = field(compare=False)
    kind: Kind = field(compare=False)

    @classmethod
    def parse(cls, text: str) -> "Version":
        """Read a version in any of its spellings, upper or lower case. Raises `ValueError`."""
        stripped = text.strip()
        lower = stripped.lower() if len(stripped) <= MAX_LENGTH and stripped.isascii() else ""
        if built := _INNER.fullmatch(lower):
            numbers = tuple((_AFTER, 0, "", int(part or 0)) for part in built.groups())
            return cls(((_BUILD, 0, "", 0), *numbers), stripped, "inner")
        if not _EXTERNAL.fullmatch(lower):
            raise ValueError(f"{text[:MAX_LENGTH]!r} is no version, such as 8.1.RC1, 7.7.0.1.238 or V100R001C21B238")
        parts = tuple(map(_part, _PART.finditer(lower.removeprefix("v"))))
        numeric = all(part[0] == _AFTER for part in parts)
        kind: Kind = "internal" if numeric and len(parts) >= _INTERNAL_PARTS else "external"
        return cls((*parts, (_END, 0, "", 0)), stripped, kind)

    @property
    def release(self) -> tuple[int, int]:
        """The first two numbers, zero where there is none: (8, 1) of `8.1.RC1`."""
        numbers = [part[3] for part in self.parts if part[0] == _AFTER][:2]
        first, second = (*numbers, 0, 0)[:2]
        return first, second

    def __str__(self) -> str:
        return self.text


def _part(found: re.Match[str]) -> _Part:
    tag = found["tag"]
    if tag is None:
        return (_AFTER, 0, "", int(found["number"]))
    rank = _STAGES.index(tag) + 1 if tag in _STAGES else 0
    return (_BEFORE, rank, tag, int(found["count"] or 0))
