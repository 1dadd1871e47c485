"""Names of candidates: where one came from and when.

Here belong the one regex, the type, and how a name is made. Not here: what a candidate is built from (`git.py`), or
where it stands (the ledger).

The four kinds: `20261120-1403-git-1a2b3c4d5e6f` (a commit), `...-hub-v1.3.0` (a revision of a model hub), `...-ct-0007`
(the seventh continuous training) and `...-dirty-1a2b3c4d5e6f` (files that are in no commit, by their own digest). What
was repaired of one that failed is called as that one, with `-repaired` behind.
"""

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import total_ordering
from typing import Annotated, Literal, Self, get_args

from pydantic import AfterValidator

Kind = Literal["ct", "dirty", "git", "hub"]

_ABBREVIATED = 12
_FORMAT = "%Y%m%d-%H%M"
_REPAIRED = "-repaired"
_REFERENCES: dict[str, str] = {
    "ct": r"[0-9]{4,9}",
    "dirty": r"[0-9a-f]{12}",
    "git": r"[0-9a-f]{12}",
    # None that ends as a repaired candidate's name does: of two readings of one name one would be wrong.
    "hub": rf"[0-9A-Za-z](?:[0-9A-Za-z._-]{{0,62}}[0-9A-Za-z])?(?<!{_REPAIRED})",
}
_NAME = re.compile(
    r"(?P<at>[0-9]{8}-[0-9]{4})-(?:"
    + "|".join(f"(?P<{k}>{k}-{ref})" for k, ref in _REFERENCES.items())
    + rf")(?P<repaired>{_REPAIRED})?"
)


class InvalidCandidate(ValueError):
    """A text that is no candidate's name."""


@total_ordering
@dataclass(frozen=True)
class Candidate:
    """A candidate's name. Candidates sort by time, as their texts do.

    `at` has UTC and whole minutes. `reference` is the commit's or the sources' first 12 hex digits, the hub's revision
    or the training's number. `is_repaired`: made by a repair of the one with the other name. Raises `InvalidCandidate`
    if the parts make no name.
    """

    at: datetime
    kind: Kind
    reference: str
    is_repaired: bool = False

    def __post_init__(self) -> None:
        if self.at.tzinfo is None:
            raise InvalidCandidate(f"{self.at.isoformat()} has no time zone: give a moment with one")
        object.__setattr__(self, "at", self.at.astimezone(UTC).replace(second=0, microsecond=0))
        match = _NAME.fullmatch(str(self))
        if not match or (match["repaired"] is not None) != self.is_repaired:
            raise InvalidCandidate(_refusal(str(self)))

    def __str__(self) -> str:
        return f"{self.at.year:04}{self.at:%m%d-%H%M}-{self.kind}-{self.reference}{_REPAIRED * self.is_repaired}"

    def __lt__(self, other: "Candidate") -> bool:
        return str(self) < str(other)

    def repaired(self) -> Self:
        """The name of what a repair makes of it. Raises `InvalidCandidate` where it is one's already."""
        if self.is_repaired:
            raise InvalidCandidate(f"{self} is repaired already: what a repair made is not repaired again")
        return replace(self, is_repaired=True)

    @property
    def is_dirty(self) -> bool:
        """Whether it was built from files that are in no commit; such a candidate never leaves dev."""
        return self.kind == "dirty"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a name. Raises `InvalidCandidate`."""
        match = _NAME.fullmatch(text)
        if not match:
            raise InvalidCandidate(_refusal(text))
        kind = next(k for k in get_args(Kind) if match[k])
        try:
            at = datetime.strptime(match["at"], _FORMAT).replace(tzinfo=UTC)
        except ValueError as error:
            raise InvalidCandidate(f"{text!r} begins with {match['at']}, which is no date and time") from error
        return cls(at, kind, match[kind].removeprefix(f"{kind}-"), is_repaired=match["repaired"] is not None)

    @classmethod
    def from_commit(cls, commit: str, at: datetime) -> Self:
        """Name a candidate after a full commit id."""
        return cls(at, "git", commit[:_ABBREVIATED])

    @classmethod
    def from_sources(cls, sha256: str, at: datetime) -> Self:
        """Name a candidate after the digest of files that are in no commit."""
        return cls(at, "dirty", sha256[:_ABBREVIATED])

    @classmethod
    def from_hub(cls, revision: str, at: datetime) -> Self:
        """Name a candidate after a hub's revision."""
        return cls(at, "hub", revision)

    @classmethod
    def from_training(cls, number: int, at: datetime) -> Self:
        """Name a candidate after the number of a continuous training."""
        return cls(at, "ct", f"{number:04}")


def _checked(text: str) -> str:
    return str(Candidate.parse(text))


CandidateName = Annotated[str, AfterValidator(_checked)]
"""A field that holds a candidate's name."""


def _refusal(text: str) -> str:
    return (
        f"{text[:100]!r} is no candidate's name; names look like 20261120-1403-git-1a2b3c4d5e6f, "
        "20261120-1403-hub-v1.3.0, 20261120-1403-ct-0007 or 20261120-1403-dirty-1a2b3c4d5e6f, with -repaired behind "
        "where a repair made it"
    )
