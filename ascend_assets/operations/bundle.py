"""bundle: several models' releases, and plain files, as one thing that is promoted and rolled back as one.

Here belong choosing its version and publishing its manifest. Not here: the manifest (`resources/registry/bundles.py`),
or whether it may be deployed (`promote.py` asks for every member what it asks of a model).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from ascend_assets.stage import Tools
from resources.digests import sha256_file
from resources.registry import released as registered
from resources.registry import versions
from resources.registry.bundles import Bundle, Bundles, Member
from resources.registry.documents import check_name
from resources.registry.released import Released
from resources.registry.releases import Registry, Release
from resources.registry.versions import FIRST, Change, Version
from resources.regular_files import open_regular
from resources.store.blobs import Artefact
from resources.store.objects import is_segment

MAX_FILE_BYTES = 4 * 1024**3


class BundleRefused(Exception):
    """A bundle that is not made. The message says why and what to do."""


@dataclass(frozen=True)
class Made:
    """A bundle. `change`: what it changed for those who use the one before, None for a first one.

    `new` is False where the newest bundle holds these very releases and files: then that one is returned.
    """

    bundle: Bundle
    change: Change | None
    new: bool


def create(  # noqa: PLR0913 - one keyword per option of the command
    tools: Tools,
    *,
    name: str,
    members: Sequence[tuple[str, str]],
    files: Sequence[Path] = (),
    changelog: str = "",
    actor: str,
    models: Collection[str] = (),
    dry_run: bool = False,
) -> Made:
    """Publish a bundle of releases, given as `(model, version)`, under the version that its change asks for.

    `files` are kept under their names. `models`: names that models have though they have no release yet. With `dry_run`
    nothing is written. Raises `BundleRefused`, `InvalidName`, `NotReleased`, `MissingArtefacts`, `CorruptRelease`,
    `AlreadyReleased` where somebody else published that version meanwhile.
    """
    store = tools.registry.store
    if check_name(name) in models or Registry(store).versions(name):
        raise BundleRefused(f"{name} is a model's name: a bundle has a ledger of its own, give it another name")
    releases = _releases(tools, members)
    kept = _files(files)
    latest = Bundles(store).latest(name)
    before = registered.find(store, name, latest.version) if latest else None
    found = None if before is None else change(before, releases, {key: file.sha256 for key, (file, _) in kept.items()})
    if latest is not None and found is None:
        return Made(latest, None, new=False)
    bundle = _bundle(tools, name, _version(latest, found), releases, kept, changelog, actor)
    registered.check(store, Released(bundle.model_copy(update={"files": {}}), releases))
    if not dry_run:
        _publish(tools, bundle, kept)
    return Made(bundle, found, new=True)


def change(before: Released, members: Sequence[Release], files: Mapping[str, str]) -> Change | None:
    """The greatest change from a bundle to the one that `members` and `files` (name -> sha256) would make.

    Major if a model came or went, or a member's change is; minor if a file did; patch if a member is only another
    manifest of the same artefacts. None where everything is the same. Raises `TypeError` for what is no bundle.
    """
    if not isinstance(before.manifest, Bundle):
        raise TypeError(f"{before.name} {before.version} is no bundle")
    then = {release.model: release for release in before.releases}
    now = {release.model: release for release in members}
    if then.keys() != now.keys():
        return Change.MAJOR
    found = {_member_change(then[model], now[model]) for model in now}
    if {key: file.sha256 for key, file in before.manifest.files.items()} != dict(files):
        found.add(Change.MINOR)
    return next((kind for kind in (Change.MAJOR, Change.MINOR, Change.PATCH) if kind in found), None)


def _member_change(before: Release, now: Release) -> Change | None:
    if before.digest == now.digest:
        return None
    return versions.change(before.contents, now.contents) or Change.PATCH


def _version(latest: Bundle | None, kind: Change | None) -> Version:
    return FIRST if latest is None or kind is None else Version.parse(latest.version).next(kind)


def _releases(tools: Tools, members: Sequence[tuple[str, str]]) -> tuple[Release, ...]:
    names = [model for model, _ in members]
    twice = sorted({model for model in names if names.count(model) > 1})
    if twice:
        raise BundleRefused(f"{', '.join(twice)} is named more than once: a bundle has one release of a model")
    if not members:
        raise BundleRefused("a bundle holds at least one release: name it as MODEL/VERSION")
    inner = [model for model in names if Bundles(tools.registry.store).versions(model)]
    if inner:
        raise BundleRefused(f"{', '.join(inner)} is a bundle: name the models that it holds")
    return tuple(tools.registry.get(model, version) for model, version in sorted(members))


def _files(paths: Sequence[Path]) -> dict[str, tuple[Artefact, Path]]:
    """Name -> what it is and where it lies. Raises `BundleRefused`, `OSError`."""
    found: dict[str, tuple[Artefact, Path]] = {}
    for path in paths:
        if not is_segment(path.name):
            raise BundleRefused(f"{path.name[:80]!r} is no name for a file here: letters, digits, '_', '.' and '-'")
        if path.name in found:
            raise BundleRefused(f"two files are named {path.name}: rename one")
        file, size = open_regular(path)
        file.close()
        if size > MAX_FILE_BYTES:
            raise BundleRefused(f"{path} has {size:,} bytes; at most {MAX_FILE_BYTES:,}")
        found[path.name] = (Artefact(sha256=sha256_file(path), size=size, name=path.name), path)
    return found


def _bundle(
    tools: Tools,
    name: str,
    version: Version,
    releases: tuple[Release, ...],
    files: Mapping[str, tuple[Artefact, Path]],
    changelog: str,
    actor: str,
) -> Bundle:
    try:
        return Bundle(
            model=name,
            version=str(version),
            members=tuple(Member(model=r.model, version=r.version, release_digest=r.digest) for r in releases),
            files={key: artefact for key, (artefact, _) in files.items()},
            changelog=changelog,
            created_at=tools.now(),
            created_by=actor,
        )
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        where = ".".join(map(str, problem["loc"])) or "bundle"
        raise BundleRefused(f"{where}: {problem['msg'].removeprefix('Value error, ')}") from error


def _publish(tools: Tools, bundle: Bundle, files: Mapping[str, tuple[Artefact, Path]]) -> None:
    for key, (artefact, path) in files.items():
        if tools.blobs.put_file(path, name=key) != artefact:
            raise BundleRefused(f"{path} changed while it was read: wait until nobody writes it, then try again")
    Bundles(tools.registry.store).publish(bundle)
