"""Versions of releases: what a number says, and which one comes next.

Here belong parsing, order and the rule that turns a change into a number. Not here: what a release holds
(`releases.py`).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Protocol, Self

from pydantic import AfterValidator

_PART = r"(0|[1-9][0-9]{0,8})"
_VERSION = re.compile(rf"{_PART}\.{_PART}\.{_PART}")


class InvalidVersion(ValueError):
    """A text that is no version."""


class Change(StrEnum):
    """What a release changed for those who use the model."""

    MAJOR = "major"
    """Another signature: callers must change."""
    MINOR = "minor"
    """Another ONNX (weights or graph): answers change."""
    PATCH = "patch"
    """The same ONNX, compiled or packaged otherwise."""


@dataclass(frozen=True, order=True)
class Version:
    """Three numbers, ordered as numbers: 1.10.0 comes after 1.9.0."""

    major: int
    minor: int
    patch: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `1.10.0`: three numbers, no leading zeros, nothing else. Raises `InvalidVersion`."""
        match = _VERSION.fullmatch(text)
        if not match:
            raise InvalidVersion(f"{text[:60]!r} is no version: give three numbers, such as 1.4.0")
        return cls(*(int(part) for part in match.groups()))

    def next(self, change: Change) -> "Version":
        """The version after a change of this kind."""
        if change is Change.MAJOR:
            return Version(self.major + 1, 0, 0)
        if change is Change.MINOR:
            return Version(self.major, self.minor + 1, 0)
        return Version(self.major, self.minor, self.patch + 1)


FIRST = Version(1, 0, 0)


def _checked(text: str) -> str:
    return str(Version.parse(text))


VersionText = Annotated[str, AfterValidator(_checked)]
"""A field that holds a version."""


@dataclass(frozen=True)
class Contents:
    """What a release is made of, as far as its version depends on it.

    `signature`: inputs and outputs, compared as a whole. `onnx`: sha256. `oms`: target -> sha256 of its compiled model.
    """

    signature: Any
    onnx: str
    oms: Mapping[str, str]


class Versioned(Protocol):
    """A release, seen from here."""

    @property
    def version(self) -> str:
        """Its number."""
        ...

    @property
    def contents(self) -> Contents:
        """What it is made of."""
        ...


def change(before: Contents, now: Contents) -> Change | None:
    """The greatest change between two contents, or None where every artefact is the same."""
    if before.signature != now.signature:
        return Change.MAJOR
    if before.onnx != now.onnx:
        return Change.MINOR
    if dict(before.oms) != dict(now.oms):
        return Change.PATCH
    return None


def next_version(previous: Versioned | None, now: Contents) -> Version | None:
    """The version that a release of `now` gets after `previous`; None where there is nothing new to release."""
    if previous is None:
        return FIRST
    kind = change(previous.contents, now)
    return Version.parse(previous.version).next(kind) if kind else None
