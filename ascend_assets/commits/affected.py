"""Which models a commit concerns, by the definitions that are loaded and, for models that are not, by the commit's own.

Here belong reading the `defs.yaml` files of a commit and comparing changed paths with what models watch. Not here:
what becomes of it (`plan.py`).
"""

import re
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from ascend_assets import models
from ascend_assets.spec import NAME, ModelSpec
from ascend_assets.yaml_file import MAX_YAML_BYTES
from resources import git_history
from resources.git_history import Commit, File, TooMuch


@dataclass(frozen=True)
class Concerned:
    """A model that a commit concerns.

    `same`: whether the commit's definition is the loaded one, so that the loaded assets can build it. `why`: why it
    cannot be built at all; empty where it can.
    """

    model: str
    same: bool
    why: str = ""


@dataclass(frozen=True)
class Sources:
    """Where models lie: the repository, the folder of models from its top, and the definitions that are loaded."""

    repo: Path
    defs: str
    loaded: Mapping[str, ModelSpec]

    def concerned(self, commit: Commit, *, every: bool = False) -> tuple[Concerned, ...]:
        """The models that a commit concerns, by name; with `every` all that it has, whatever it changed.

        Raises `GitError` where the commit cannot be read.
        """
        here = [name for name in git_history.folders(self.repo, commit.id, self.defs) if re.fullmatch(NAME, name)]
        there = git_history.files(self.repo, commit.id, (self._path(name) for name in here))
        present = [name for name in here if self._path(name) in there]
        unloaded = {name: self._read(name, there) for name in present if name not in self.loaded}
        if every:
            names: Iterable[str] = present
        else:
            watches = {
                **{name: spec.watch for name, spec in self.loaded.items() if name in present},
                **{name: read.watch if isinstance(read, ModelSpec) else () for name, read in unloaded.items()},
            }
            places = {self.defs, *(place for watch in watches.values() for place in watch)}
            names = touched(git_history.changed(self.repo, commit, sorted(places)), self.defs, watches)
        return tuple(self._judged(name, unloaded.get(name) or self._read(name, there)) for name in sorted(names))

    def one(self, commit: str, model: str) -> Concerned | None:
        """One model at a commit; None where the commit does not have it. Raises `GitError`."""
        there = git_history.files(self.repo, commit, [self._path(model)])
        return self._judged(model, self._read(model, there)) if there else None

    def _judged(self, name: str, read: ModelSpec | str) -> Concerned:
        if isinstance(read, str):
            return Concerned(name, same=False, why=read)
        return Concerned(name, same=read == self.loaded.get(name))

    def _path(self, name: str) -> str:
        return f"{self.defs}/{name}/{models.FILE_NAME}"

    def _read(self, name: str, there: Mapping[str, File]) -> ModelSpec | str:
        file = there[self._path(name)]
        if not file.mode.startswith("100"):
            return f"{models.FILE_NAME} is a link: commit the file itself"
        try:
            return _parsed(name, git_history.content(self.repo, file.oid, limit=MAX_YAML_BYTES))
        except TooMuch:
            return f"{models.FILE_NAME} is larger than {MAX_YAML_BYTES // 1024} KiB: it holds settings, not data"


def touched(paths: Sequence[str], defs: str, watches: Mapping[str, Sequence[str]]) -> frozenset[str]:
    """Models whose files, or what they watch, are among `paths`. `watches`: what each model that there is watches."""
    inside = f"{defs}/"
    folders = {path.removeprefix(inside).partition("/")[0] for path in paths if path.startswith(inside)}
    watched = {place.rstrip("/") for places in watches.values() for place in places}
    hit = {place for place in watched if any(path == place or path.startswith(f"{place}/") for path in paths)}
    return frozenset(
        name for name, places in watches.items() if name in folders or any(p.rstrip("/") in hit for p in places)
    )


@lru_cache(maxsize=512)
def _parsed(name: str, text: bytes) -> ModelSpec | str:
    """A definition, or what is wrong with it."""
    with tempfile.TemporaryDirectory(prefix="ascend-") as scratch:
        folder = Path(scratch) / name
        folder.mkdir()
        (folder / models.FILE_NAME).write_bytes(text)
        try:
            return models.load(folder)
        except models.BadModel as error:
            first, *others = error.problems
            more = f" (and {len(others)} more)" if others else ""
            return f"{models.FILE_NAME}:{first.line}: {first.field or 'file'}: {first.message}{more}"
