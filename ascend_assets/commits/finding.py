"""The new commits of branches that moved, read one by one within a tick's time, with the models that each concerns.

Here belongs going through them, and patience with what cannot be read. Not here: what is new (`refs.py`), which models
a commit concerns (`affected.py`), or what is due (`plan.py`).
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from ascend_assets.commits import refs
from ascend_assets.commits.affected import Concerned, Sources
from ascend_assets.commits.cursor import MAX_TRIES, Cursor
from ascend_assets.commits.plan import Pending
from resources import git_history, git_remote
from resources.git_command import GitError
from resources.git_history import Commit
from resources.git_remote import Tip

MAX_COMMITS = 100
"""Commits that one tick looks at."""
SECONDS = 1.5
"""No further commit is looked at after so long; the first one always is, so that every tick gets on."""
_SHOWN = 10


@dataclass
class Finding:
    """New commits of the branches that moved. `handled`: commits up to which branches were handled before.

    `cursor` gets what could not be read, `told` what a person should know. `reached`: branches that are
    handled without any run, and up to where.
    """

    cursor: Cursor
    sources: Sources
    tips: Mapping[str, Tip]
    handled: tuple[str, ...]
    told: list[str] = field(default_factory=list)
    reached: dict[str, str] = field(default_factory=dict)
    looked: int = 0
    begin: float = field(default_factory=time.monotonic)

    def pending(self, repository: str) -> dict[str, list[Pending]]:
        """Commits to decide on, by branch, each oldest first."""
        moved = refs.moved(self.cursor, self.tips)
        here = git_history.known(self.sources.repo, (*self.handled, *(self.tips[ref].commit for ref in moved)))
        found: dict[str, list[Pending]] = {}
        absent = [ref for ref in moved if self.tips[ref].commit not in here]
        following = ""
        for ref in moved:
            if self._over():
                following = ref
                break
            if ref not in absent:
                found[ref] = self._of(ref, here)
        if absent:
            self._absent(repository, absent)
        self.cursor = self.cursor.model_copy(update={"following": following})
        return found

    def _of(self, ref: str, here: frozenset[str]) -> list[Pending]:
        """A branch's new commits, up to one that cannot be read or to where the tick's time ends."""
        tip = self.tips[ref].commit
        if refs.is_tag(ref):
            commits: tuple[Commit, ...] = (Commit(tip, ""),)
        else:
            old = (self.cursor.refs or {}).get(ref)
            span = refs.new_commits(ref, old, self.handled, here)
            limit = span.limit or git_history.MAX_COMMITS
            try:
                commits = git_history.first_parents(self.sources.repo, tip, span.handled, limit=limit)
            except GitError as error:
                if self._give_up(ref, tip, str(error)):
                    self.reached[ref] = tip
                return []
            if span.told and commits:
                self.told.append(span.told)
        if not commits:
            self.looked += 1
            self.reached[ref] = tip
        return self._read(ref, commits)

    def _read(self, ref: str, commits: Sequence[Commit]) -> list[Pending]:
        found: list[Pending] = []
        for commit in commits:
            if self._over():
                break
            self.looked += 1
            concerned: tuple[Concerned, ...] = ()
            if not self.cursor.is_passed_over(commit.id):
                try:
                    concerned = self.sources.concerned(commit, every=self._takes_all(ref, commit))
                except GitError as error:
                    if not self._give_up(ref, commit.id, str(error)):
                        break
            stuck = self.cursor.stuck.get(ref)
            if stuck is not None and stuck.commit == commit.id:
                self.cursor = self.cursor.relieved(ref)
            found.append(Pending(ref, commit.id, tuple(one for one in concerned if self._can_be_built(commit, one))))
        return found

    def _takes_all(self, ref: str, commit: Commit) -> bool:
        """A tag is a wish for all models; and nobody knows what changed since a commit that cannot be read."""
        return refs.is_tag(ref) or self.cursor.is_passed_over(commit.parent)

    def _can_be_built(self, commit: Commit, one: Concerned) -> bool:
        """What a commit says of a model does not get better by waiting: it is passed over at once, and told."""
        if one.why:
            why = f"{one.model} at {commit.id[:12]} cannot be built: {one.why}"
            self.cursor = self.cursor.passed_over(commit.id, one.model, one.why, _now())
            self.told.append(why)
        return not one.why

    def _give_up(self, ref: str, commit: str, why: str) -> bool:
        """Whether a commit that cannot be read has been tried often enough, and is passed over now."""
        self.cursor = self.cursor.tried(ref, commit, why)
        tries = self.cursor.stuck[ref].tries
        if tries < MAX_TRIES:
            self.told.append(f"{ref}: commit {commit[:12]} cannot be read, try {tries} of {MAX_TRIES}: {why}")
            return False
        self.cursor = self.cursor.passed_over(commit, "", why, _now())
        self.cursor = self.cursor.relieved(ref)
        self.told.append(f"{ref}: commit {commit[:12]} cannot be read and is passed over: {why}")
        return True

    def _absent(self, repository: str, absent: Sequence[str]) -> None:
        mirrored = git_remote.mirrored(self.sources.repo, repository)
        for ref in absent:
            if mirrored.get(ref) == self.tips[ref].oid:
                self.reached[ref] = self.tips[ref].commit  # a tag of a file or a tree
                self.told.append(f"{ref} is of no commit")
        late = [ref for ref in absent if ref not in self.reached]
        if late:
            self.told.append(f"not here yet: {shortened(late)}")

    def _over(self) -> bool:
        late = time.monotonic() - self.begin > SECONDS and self.looked > 0
        return late or self.looked >= MAX_COMMITS


def shortened(names: Sequence[str]) -> str:
    """The first names of a list, and how many there are beyond them."""
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
