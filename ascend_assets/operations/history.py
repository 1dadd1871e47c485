"""What was released, and what became of it: the releases of a model or bundle, and an environment's ledger.

Here belongs reading that for a person, newest first and no further back than needed. Nothing is judged: whether a
signature counts is said by `promote` (its dry run). Not here: what two releases differ in (`diff.py`).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Literal

from ascend_assets.stage import Tools
from resources.registry import released as registered
from resources.registry.bundles import Bundle, Bundles
from resources.registry.ledger import MOVES, SIGNED, Entry, Kind, LedgerBroken
from resources.registry.manifests import NotReleased
from resources.registry.releases import Registry, Release
from resources.registry.stays import stays

Word = Literal["live", "was live", "rolled back", "never live"]
Manifest = Release | Bundle

_CLOCKS = timedelta(days=1)
"""By how much the clocks of who released and who deployed may differ."""


@dataclass(frozen=True)
class State:
    """What an environment's ledger says of a release.

    `since`: when its last stay began, None if it never was live. `signed`, `rejected`: who signed for and against it
    since the present release became live, each by the last thing that was said. `tested`: whether a result was
    recorded since then.
    """

    environment: str
    word: Word
    since: datetime | None = None
    signed: tuple[str, ...] = ()
    rejected: tuple[str, ...] = ()
    tested: bool = False

    def __str__(self) -> str:
        said = (
            self.word if self.since else "",
            f"signed by {len(self.signed)}" if self.signed else "",
            f"rejected by {len(self.rejected)}" if self.rejected else "",
            "tested" if self.tested else "",
        )
        return ", ".join(word for word in said if word) or "-"


@dataclass(frozen=True)
class Listed:
    """A release or bundle, and its state in each environment that was asked about."""

    manifest: Manifest
    states: tuple[State, ...]

    @property
    def live(self) -> tuple[str, ...]:
        """The environments in which it is live."""
        return tuple(state.environment for state in self.states if state.word == "live")


@dataclass(frozen=True)
class Step:
    """An entry of a ledger. `holds`: it made what is live, or was recorded since, so that it still bears on it."""

    entry: Entry
    live: bool
    holds: bool

    @property
    def signer(self) -> str:
        """In whose name it was signed; empty for what is not signed."""
        return self.entry.approval.signer if self.entry.approval else ""


def listing(tools: Tools, name: str, environment: str = "", *, limit: int = 0) -> tuple[Listed, ...]:
    """Releases of a model or bundle, newest first; with an environment only what its ledger speaks of.

    `limit`: at most so many, 0 for all. Raises `NoSuchEnvironment`, `CorruptRelease`, `LedgerBroken`.
    """
    wanted = [tools.environments.get(environment).name] if environment else list(tools.environments.names)
    found = manifests(tools, name)
    if limit and not environment:
        found = tuple(islice(found, limit))
    everything = tuple(found)
    states = {place: _states(tools, place, name, everything) for place in wanted}
    listed = [Listed(m, tuple(states[place][m.digest] for place in wanted)) for m in everything]
    if environment:
        listed = [one for one in listed if str(one.states[0]) != "-"]
    return tuple(listed[:limit] if limit else listed)


def manifests(tools: Tools, name: str) -> Iterable[Manifest]:
    """Every release or bundle of a name, newest first, read as far as it is asked for. Raises `CorruptRelease`."""
    store = tools.registry.store
    bundles, registry = Bundles(store), Registry(store)
    found = bundles.versions(name)
    if found:
        return (bundles.get(name, str(version)) for version in reversed(found))
    return (registry.get(name, str(version)) for version in reversed(registry.versions(name)))


def history(tools: Tools, name: str, environment: str, *, limit: int = 0) -> tuple[Step, ...]:
    """An environment's ledger of a model or bundle, newest first.

    `limit`: at most so many entries, 0 for all. The chain is verified as far as it is read. Raises
    `NoSuchEnvironment`, `LedgerBroken`; `NotReleased` for a name that has neither a ledger nor a release.
    """
    steps = _steps(tools.ledger.backwards(tools.environments.get(environment).name, name))
    found = tuple(islice(steps, limit) if limit else steps)
    if not found and not registered.versions(tools.registry.store, name):
        raise NotReleased(f"{name} has no release yet")
    return found


def _steps(newest_first: Iterator[Entry]) -> Iterator[Step]:
    seen_live = False
    for entry in newest_first:
        moves = entry.kind in MOVES
        yield Step(entry, live=moves and not seen_live, holds=not seen_live)
        seen_live = seen_live or moves


def _states(tools: Tools, environment: str, name: str, about: tuple[Manifest, ...]) -> Mapping[str, State]:
    """Manifest digest -> state. The ledger is read back to the last stay of every release that was ever live there."""
    present = tools.ledger.present(environment, name)
    missing = {manifest.digest: manifest for manifest in about}
    oldest = min((manifest.created_at for manifest in about), default=None)
    found: dict[str, tuple[Word, datetime]] = {}
    for stay in stays(tools.ledger.backwards(environment, name)):
        # No ledger speaks of a release before there is one.
        if oldest is None or oldest - stay.entry.at >= _CLOCKS:
            break
        manifest = missing.pop(stay.entry.release_digest, None)
        if manifest is not None:
            word: Word = "live" if stay.ended_by is None else "rolled back" if stay.failed else "was live"
            found[manifest.digest] = (word, stay.entry.at)
            _same_version(stay.entry, manifest)
        if not missing:
            break
    return {
        manifest.digest: _state(environment, manifest.digest, found.get(manifest.digest), present.since)
        for manifest in about
    }


def _same_version(entry: Entry, manifest: Manifest) -> None:
    if entry.version != manifest.version:
        where = f"environments/{entry.environment}/{entry.model}: entry {entry.sequence}"
        raise LedgerBroken(where, f"names {entry.version}, but the manifest of its digest is {manifest.version}")


def _state(environment: str, digest: str, stay: tuple[Word, datetime] | None, since: tuple[Entry, ...]) -> State:
    said: dict[str, Kind] = {}
    for entry in since:
        if entry.kind in SIGNED and entry.approval and entry.release_digest == digest:
            said[entry.approval.signer] = entry.kind
    word, began = stay or ("never live", None)
    return State(
        environment=environment,
        word=word,
        since=began,
        signed=tuple(sorted(signer for signer, kind in said.items() if kind is Kind.APPROVE)),
        rejected=tuple(sorted(signer for signer, kind in said.items() if kind is Kind.REJECT)),
        tested=any(entry.kind is Kind.RESULT and entry.release_digest == digest for entry in since),
    )
