"""diff: what changed from one release to another, for somebody who has to decide which of them to run.

Here belong finding the two and what was released between them, and the same for bundles. Not here: comparing two
manifests (`differences.py`), or how it is shown.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from ascend_assets.operations import bundle as bundles
from ascend_assets.operations import differences
from ascend_assets.operations.differences import Changed, File, VerdictChange
from ascend_assets.stage import Tools
from resources.registry import released as registered
from resources.registry import versions
from resources.registry.bundles import Bundle
from resources.registry.manifests import CorruptRelease
from resources.registry.released import Released
from resources.registry.releases import Registry, Release
from resources.registry.versions import Change, Version


@dataclass(frozen=True)
class Side:
    """One of the two."""

    version: str
    digest: str
    created_at: datetime
    created_by: str


@dataclass(frozen=True)
class Log:
    """What a release that lies between said of itself."""

    version: str
    text: str


@dataclass(frozen=True)
class Diff:
    """From `before` to `after`, in the order in which a person reads it.

    `change`: what it means for those who use the model; None where every artefact is the same. `changelog`, `authors`:
    of all releases between. `undone`: `after` is the older one, so that they speak of what is taken back. `members` and
    `inside`: of a bundle, which releases it holds instead, and what each of those changed.
    """

    name: str
    before: Side
    after: Side
    change: Change | None
    undone: bool
    members: tuple[Changed, ...] = ()
    signature: tuple[Changed, ...] = ()
    files: tuple[File, ...] = ()
    toolchain: tuple[Changed, ...] = ()
    built_from: tuple[Changed, ...] = ()
    verdicts: tuple[VerdictChange, ...] = ()
    same_verdicts: int = 0
    authors: tuple[str, ...] = ()
    changelog: tuple[Log, ...] = ()
    inside: tuple["Diff", ...] = ()


def diff(tools: Tools, name: str, before: str, after: str) -> Diff:
    """Differences of two versions of a model or bundle. Raises `NotReleased`, `CorruptRelease`, `InvalidVersion`."""
    store = tools.registry.store
    then, now = (registered.find(store, name, version) for version in (before, after))
    return _bundles(tools, then, now) if then.is_bundle else _models(tools, then.releases[0], now.releases[0])


def _models(tools: Tools, before: Release, after: Release) -> Diff:
    changes, same = differences.verdicts(before, after)
    between = _between(tools, before, after)
    return Diff(
        name=after.model,
        before=_side(before),
        after=_side(after),
        change=versions.change(before.contents, after.contents),
        undone=_undone(before, after),
        signature=differences.signature(before, after),
        files=differences.files(before, after),
        toolchain=differences.toolchain(before, after),
        built_from=differences.built_from(before, after),
        verdicts=changes,
        same_verdicts=same,
        authors=_authors(between),
        changelog=_logs(between),
    )


def _bundles(tools: Tools, before: Released, after: Released) -> Diff:
    then, now = before.manifest, after.manifest
    if not isinstance(then, Bundle) or not isinstance(now, Bundle):
        raise CorruptRelease(f"{after.name} {before.version} and {after.version}: one is a bundle, one is not")
    held, holds = ({release.model: release for release in side.releases} for side in (before, after))
    inside = tuple(_models(tools, held[m], holds[m]) for m in holds if m in held and held[m].digest != holds[m].digest)
    return Diff(
        name=after.name,
        before=_side(then),
        after=_side(now),
        change=bundles.change(before, after.releases, {key: file.sha256 for key, file in now.files.items()}),
        undone=_undone(then, now),
        members=tuple(
            differences.mapping(
                {model: release.version for model, release in held.items()},
                {model: release.version for model, release in holds.items()},
            )
        ),
        files=tuple(File(key, then.files.get(key), now.files.get(key)) for key in sorted({*then.files, *now.files})),
        authors=tuple(sorted({author for one in inside for author in one.authors})),
        changelog=(Log(now.version, now.changelog),) if now.changelog else (),
        inside=inside,
    )


def _side(manifest: Release | Bundle) -> Side:
    return Side(manifest.version, manifest.digest, manifest.created_at, manifest.created_by)


def _undone(before: Release | Bundle, after: Release | Bundle) -> bool:
    return Version.parse(after.version) < Version.parse(before.version)


def _between(tools: Tools, before: Release, after: Release) -> tuple[Release, ...]:
    """Releases after the older of the two, up to the newer, newest first: each names authors since the one before."""
    older, newer = sorted((Version.parse(before.version), Version.parse(after.version)))
    registry = Registry(tools.registry.store)
    wanted = [version for version in registry.versions(after.model) if older < version <= newer]
    return tuple(registry.get(after.model, str(version)) for version in reversed(wanted))


def _authors(releases: Iterable[Release]) -> tuple[str, ...]:
    return tuple(sorted({author for release in releases for author in release.authors}))


def _logs(releases: Iterable[Release]) -> tuple[Log, ...]:
    return tuple(Log(release.version, release.changelog) for release in releases if release.changelog)
