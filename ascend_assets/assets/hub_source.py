"""The part of source that comes from a model hub: a version's files, beside the model's own in one archive.

Here belong choosing the version, requiring that its configuration goes with the one before, and the archive of both.
Not here: the hub (`resources/hub`), which changes are incompatible (`ascend_assets/hub/`), or when (`sensors/`).
"""

import shutil
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ascend_assets import triggers_file
from ascend_assets.codec import read_record
from ascend_assets.hub import configuration
from ascend_assets.hub.configuration import Fields, IncompatibleConfiguration
from ascend_assets.hub.settings import HUB_FOLDER, connected, copies_folder, limits
from ascend_assets.records import HubFiles, SourceRecord
from ascend_assets.spec import HubSource, ModelSpec
from ascend_assets.stage import Tools
from resources import tarball
from resources.candidates import Candidate
from resources.hub import copies
from resources.hub.client import Hub
from resources.hub.copies import Copy
from resources.hub.errors import HubError
from resources.hub.versions import Version, formal
from resources.registry.releases import Release
from resources.tarball_extended import extended


@dataclass(frozen=True)
class Frozen:
    """A hub version's files in the archive, and the candidate that is named for it."""

    files: HubFiles
    candidate: str


def freeze(tools: Tools, spec: ModelSpec, source: HubSource, version: str, own: Path, archive: Path) -> Frozen:
    """Write `archive`: what `own`, the archive of the model's own files, holds, and the hub's files below `hub/`.

    `version`: empty for the greatest that is here, was released, or is `since`, and whose configuration is not refused.
    Raises `HubTrouble` (it may be over later); `HubRefused`, `configuration.ConfigurationError`, and `ArchiveError`
    where the model's own folder has such files itself (it will not).
    """
    hub, released = connected(triggers_file.in_force().hub), tools.registry.latest(spec.name)
    revisions = (version,) if version else _known(tools, source, released)
    copy = _first_compatible(tools, hub, spec, source, released, revisions)
    extended(own, {f"{HUB_FOLDER}/{path}": copy.folder / path for path in copy.files}, archive)
    return Frozen(
        files=HubFiles(model=copy.model, revision=copy.revision, files=dict(sorted(copy.files.items()))),
        candidate=str(Candidate.from_hub(copy.revision, copy.at)),
    )


def _known(tools: Tools, source: HubSource, released: Release | None) -> tuple[str, ...]:
    """Versions to choose from where none was asked for, greatest first.

    What was released is among them: a machine that has no copies yet must not go back to the first version.
    """
    here = copies.here(copies_folder(), source.modelscope, source.files)
    return tuple(v.text for v in reversed(formal([*here, source.since, *_revision(tools, source, released)])))


def _revision(tools: Tools, source: HubSource, released: Release | None) -> tuple[str, ...]:
    if released is None or "source" not in released.evidence:
        return ()
    record = read_record(tools.blobs, released.evidence["source"])
    hub = record.hub if isinstance(record, SourceRecord) else None
    return (hub.revision,) if hub is not None and hub.model == source.modelscope else ()


def _first_compatible(
    tools: Tools, hub: Hub, spec: ModelSpec, source: HubSource, released: Release | None, revisions: tuple[str, ...]
) -> Copy:
    """The copy of the first version whose configuration is compatible. Raises what the first was refused with."""
    refusals = []
    for revision in revisions:
        copy = _copy(tools, hub, source, revision, source.files)
        now = configuration.read(copy.folder, copy.files)
        before = _before(tools, hub, source, released, copy)
        try:
            configuration.require(before, now, source.accepts, spec.inputs, f"{source.modelscope} {revision}")
        except IncompatibleConfiguration as error:
            tools.say(str(error))
            refusals.append(error)
        else:
            return copy
    raise refusals[0]


def _copy(tools: Tools, hub: Hub, source: HubSource, revision: str, files: Iterable[str]) -> Copy:
    tools.say(f"{source.modelscope} {revision}")
    bounds = limits(triggers_file.in_force().hub)
    return copies.copy(hub, copies_folder(), source.modelscope, revision, files, limits=bounds, say=tools.say)


def _before(tools: Tools, hub: Hub, source: HubSource, released: Release | None, copy: Copy) -> dict[str, Fields]:
    """The configuration of the version before: that of the newest release, else that of `since`."""
    found = _of_release(tools, released)
    since, now = Version.parse(source.since), Version.parse(copy.revision)
    compared = configuration.compared(source.files)
    if found or not compared or since is None or now is None or not now.is_after(since):
        return found
    try:
        first = _copy(tools, hub, source, source.since, compared)
    except HubError as error:
        error.add_note(
            f"{source.modelscope} {copy.revision} has to be compared with {source.since} (source.since), with which "
            "the model began"
        )
        raise
    return configuration.read(first.folder, first.files)


def _of_release(tools: Tools, released: Release | None) -> dict[str, Fields]:
    """The configuration in the archive of a release; nothing where there is none, or not from a hub."""
    if released is None:
        return {}
    with tools.scratch() as scratch:
        return configuration.read(scratch, _compared_files(tools.blobs.path(released.source), scratch))


def _compared_files(archive: Path, into: Path) -> tuple[str, ...]:
    """Unpack those of a hub's files that are compared, and not the weights; their paths."""
    found = []
    try:
        with tarfile.open(archive, "r:", encoding="utf-8", errors="surrogateescape") as tar:
            for info in tar:
                name = info.name.removeprefix(f"{HUB_FOLDER}/")
                content = tar.extractfile(info) if name != info.name and configuration.compared([name]) else None
                if content is None:
                    continue
                tarball.check_path(name)
                (into / name).parent.mkdir(parents=True, exist_ok=True)
                with content, (into / name).open("wb") as file:
                    shutil.copyfileobj(content, file)
                found.append(name)
    except tarfile.TarError as error:
        raise tarball.BadArchive(f"{archive} is no archive of sources, or damaged: {error}") from error
    return tuple(found)
