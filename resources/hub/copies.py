"""Copies of a hub's versions on this machine: a version's folder is there whole and verified, or not at all.

Here belong the folders, the lock between processes, and what is refused before the first byte. Not here: one file's
download (`download.py`). A folder is named by the files that it holds, so that a model that needs another file of the
same version gets a folder of its own:

    ROOT/<owner>/<name>/<version>/<first 16 hex digits of the files' names>/files/...     and version.json
    ROOT/<owner>/<name>/<version>/.partial/                                               what is not yet whole

What was copied once is what the version is: the hub may move a tag, a candidate's files do not change with it. The
folder may be removed at any time; it is copied again when it is needed.
"""

import difflib
import os
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from resources.digests import canonical_json, sha256_bytes, sha256_file
from resources.hub import download
from resources.hub.client import Hub, HubFile
from resources.hub.download import Limits
from resources.hub.errors import BadAnswer, MissingFiles, NoRoom, NotFormal, TooLarge
from resources.hub.versions import Version, formal
from resources.locks import locked
from resources.store.durable import put_whole, sync_folder
from resources.tarball import check_path

_PARTIAL = ".partial"
_MANIFEST = "version.json"
_SHOWN = 5
_MAX_MANIFEST = 1024 * 1024


class _Manifest(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    revision: str
    at: AwareDatetime
    files: Annotated[dict[str, str], Field(min_length=1)]


@dataclass(frozen=True)
class Copy:
    """A version's files below `folder`, verified when it was handed out. `at`: the version's own time, UTC."""

    folder: Path
    model: str
    revision: str
    at: datetime
    files: dict[str, str]


def held(root: Path, model: str, revision: str, wanted: Iterable[str]) -> Copy | None:
    """The copy that is there; None where there is none, or a damaged one."""
    names = frozenset(wanted)
    return _read(_place(root, model, revision) / _key(names), model, revision, names)


def here(root: Path, model: str, wanted: Iterable[str]) -> tuple[str, ...]:
    """Versions of which there is a copy, greatest last. None of them is verified yet: `copy` does, or mends it."""
    folder = root / model
    name = _key(frozenset(wanted))
    try:
        texts = [path.name for path in folder.iterdir() if (path / name / _MANIFEST).is_file()]
    except FileNotFoundError:
        return ()
    return tuple(version.text for version in formal(texts))


def copy(
    hub: Hub,
    root: Path,
    model: str,
    revision: str,
    wanted: Iterable[str],
    *,
    limits: Limits = download.DEFAULT,
    say: Callable[[str], None] = lambda _: None,
) -> Copy:
    """The copy of a formal version of a public model, made where it is not there yet; other processes wait for it.

    Raises `HubTrouble`, which may be over later, and `HubRefused`: `NotFormal`, `MissingFiles`, `TooLarge`, `NoDigest`.
    """
    if Version.parse(revision) is None:
        raise NotFormal(f"{revision[:80]!r} is no formal version: give one such as v1.3.0")
    names = frozenset(wanted)
    place = _place(root, model, revision)
    try:
        place.mkdir(parents=True, exist_ok=True)
        with locked(place / ".lock"):
            found = held(root, model, revision, names)
            if found is not None:
                return found
            at, files = _offered(hub, model, revision, names, limits)
            digests = {path: file.sha256 for path, file in files.items()}
            manifest = _Manifest(model=model, revision=revision, at=at, files=digests)
            return _make(hub, place, manifest, files, limits, say)
    except OSError as error:
        raise NoRoom(f"{place} cannot be written: {error.strerror or error}: make room, or mend the disk") from error


def _offered(
    hub: Hub, model: str, revision: str, names: frozenset[str], limits: Limits
) -> tuple[datetime, dict[str, HubFile]]:
    """When the version was made, and its files; all that can be refused before the first byte is refused here."""
    if not hub.is_public(model):
        raise NotFormal(f"{model} is not public on the hub: only what everybody may read is taken")
    tags = {tag.name: tag for tag in hub.tags(model)}
    if revision not in tags:
        known = ", ".join(version.text for version in formal(tags)[-_SHOWN:]) or "none"
        raise NotFormal(f"{model} has no public version {revision} on the hub; the newest are: {known}")
    files, offered = hub.files(model, revision, names)
    missing = sorted(names - set(files))
    if missing:
        raise MissingFiles(f"{model} {revision} has no {_like(missing, offered)}: correct source.files in defs.yaml")
    _bounded(model, revision, files, limits)
    times = [tags[revision].created_at, *(file.committed_at for file in files.values())]
    at = times[0] or max((time for time in times if time is not None), default=None)
    if at is None:
        raise BadAnswer(f"{model} {revision}: the hub says of no file when it was made, so that nothing can be named")
    return at, files


def _bounded(model: str, revision: str, files: dict[str, HubFile], limits: Limits) -> None:
    for file in files.values():
        if file.size > limits.file:
            raise TooLarge(
                f"{model} {revision}: {file.path} has {file.size / download.GIB:.1f} GiB; hub.max_file_gb in "
                f"triggers.yaml allows {limits.file / download.GIB:.1f}"
            )
    total = sum(file.size for file in files.values())
    if total > limits.total:
        raise TooLarge(
            f"{model} {revision}: its files have {total / download.GIB:.1f} GiB together; a candidate's files may have "
            f"{limits.total / download.GIB:.1f}: take fewer (source.files)"
        )


def _like(missing: list[str], offered: tuple[str, ...]) -> str:
    """The missing files, each with what the hub has that looks like it."""
    told = []
    for name in missing[:_SHOWN]:
        wanted = PurePosixPath(name).name.lower()
        alike = difflib.get_close_matches(name, offered, n=3, cutoff=0.6)
        same = [other for other in offered if PurePosixPath(other).name.lower() == wanted]
        found = list(dict.fromkeys([*same, *alike]))[:3]
        told.append(f"{name} (it has {', '.join(map(repr, found))})" if found else name)
    return " and no ".join(told)


def _make(
    hub: Hub,
    place: Path,
    manifest: _Manifest,
    files: dict[str, HubFile],
    limits: Limits,
    say: Callable[[str], None],
) -> Copy:
    names = frozenset(files)
    partial, target = place / _PARTIAL, place / _key(names)
    partial.mkdir(exist_ok=True)
    _room(partial, files)
    for file in files.values():
        half = partial / file.sha256
        if not _take_over(place, file, half):
            say(f"{file.path}: {file.size:,} bytes from the hub")
            download.fetch(hub, manifest.model, manifest.revision, file, half, limits, say)
    whole = partial / "whole"
    shutil.rmtree(whole, ignore_errors=True)
    for path, digest in manifest.files.items():
        named = whole / "files" / path
        named.parent.mkdir(parents=True, exist_ok=True)
        os.link(partial / digest, named)
        sync_folder(named.parent)
    put_whole(whole / _MANIFEST, canonical_json(manifest.model_dump(mode="json")))
    if target.exists():
        shutil.rmtree(target)  # damaged: `held` did not take it
    whole.rename(target)
    sync_folder(place)
    shutil.rmtree(partial, ignore_errors=True)
    found = _read(target, manifest.model, manifest.revision, names)
    if found is None:
        raise NoRoom(f"{target} is not what was written there: look at the disk")
    return found


def _room(folder: Path, files: dict[str, HubFile]) -> None:
    have = sum(path.stat().st_size for path in folder.iterdir() if path.is_file())
    needed = sum(file.size for file in files.values()) - have
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise NoRoom(f"{folder}: {needed / download.GIB:.1f} GiB are to come and {free / download.GIB:.1f} are free")


def _take_over(place: Path, file: HubFile, half: Path) -> bool:
    """Whether another copy of the version has the file; then it is linked and not downloaded again."""
    for other in place.glob(f"*/files/{_escaped(file.path)}"):
        if not half.exists() and other.is_file() and sha256_file(other) == file.sha256:
            os.link(other, half)
            return True
    return False


def _escaped(path: str) -> str:
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in path)


def _read(folder: Path, model: str, revision: str, names: frozenset[str]) -> Copy | None:
    """A copy, every file of it verified."""
    try:
        with (folder / _MANIFEST).open("rb") as file:
            found = _Manifest.model_validate_json(file.read(_MAX_MANIFEST))
        good = (found.model, found.revision, frozenset(found.files)) == (model, revision, names) and all(
            sha256_file(folder / "files" / path) == digest for path, digest in found.files.items()
        )
    except (OSError, ValidationError):
        return None
    return Copy(folder / "files", model, revision, found.at, found.files) if good else None


def _place(root: Path, model: str, revision: str) -> Path:
    """Where a version's copies are. Raises `tarball.UnsafePath`."""
    check_path(f"{model}/{revision}")
    return root / model / revision


def _key(names: frozenset[str]) -> str:
    return sha256_bytes("\0".join(sorted(names)).encode())[:16]
