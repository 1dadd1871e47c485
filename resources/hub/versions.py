"""Versions of a hub's models: which are formal, and which of two is greater.

Here belongs reading a version's text. Not here: which version is due (`ascend_assets/hub/releases.py`), or the
versions of our own releases (`registry/versions.py`).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

_FORMAL = re.compile(r"v?(\d{1,6})(?:\.(\d{1,6}))?(?:\.(\d{1,6}))?(?:\.(\d{1,6}))?", re.ASCII)


@dataclass(frozen=True)
class Version:
    """A formal version: `v1.2.3` or `1.2`, one to four numbers. `1.2` and `v1.2.0` are the same version.

    Everything else is none: branches (`master`), pre-releases (`v1.2.0-rc1`), drafts, and the time stamps
    (`20260829162320`) that the hub gives to image models.
    """

    text: str
    numbers: tuple[int, ...]

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read a version; None for what is not formal."""
        match = _FORMAL.fullmatch(text)
        if match is None:
            return None
        return cls(text, tuple(int(number or 0) for number in match.groups()))

    def __str__(self) -> str:
        return self.text

    def is_after(self, other: "Version") -> bool:
        """Whether it is strictly greater, number by number: v1.10 is after v1.9."""
        return self.numbers > other.numbers


def formal(texts: Iterable[str]) -> tuple[Version, ...]:
    """The formal versions among names of tags, smallest first; of two spellings of one version the shorter."""
    found: dict[tuple[int, ...], Version] = {}
    for text in sorted(texts, key=lambda text: (len(text), text)):
        version = Version.parse(text)
        if version is not None:
            found.setdefault(version.numbers, version)
    return tuple(found[numbers] for numbers in sorted(found))
