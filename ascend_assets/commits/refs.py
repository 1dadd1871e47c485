"""Which branches and tags are followed, and which commits of theirs are new.

Here belong the choice by patterns, its bound, and what counts as handled. Not here: asking git for commits
(`resources/git_history.py`).
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from ascend_assets.commits.cursor import MAX_GONE, Cursor
from ascend_assets.gates.wording import counted
from resources.git_remote import Tip

MAX_FOLLOWED = 1000
"""Branches and tags of one repository. Each has its place in the cursor, which Dagster stores with every tick."""
UNKNOWN_HISTORY = 20
"""Commits that are taken of a branch where nobody knows what is handled of it."""


@dataclass(frozen=True)
class Followed:
    """The chosen tips by short name. `beyond`: how many match and are too many."""

    tips: Mapping[str, Tip]
    beyond: int


def is_tag(ref: str) -> bool:
    """Whether a short name is a tag's."""
    return ref.startswith("tags/")


def chosen(
    tips: Mapping[str, Tip], branches: Collection[str], tags: Collection[str], before: Collection[str]
) -> Followed:
    """What the patterns match. Of too many those stay that were followed `before`, and then the first by name."""
    patterns = {"heads": branches, "tags": tags}
    matching = [ref for ref in tips if _matches(ref, patterns)]
    ranked = sorted(matching, key=lambda ref: (ref not in before, ref))
    kept = sorted(ranked[:MAX_FOLLOWED])
    return Followed({ref: tips[ref] for ref in kept}, len(matching) - len(kept))


def based(cursor: Cursor, tips: Mapping[str, Tip], patterns: tuple[str, ...]) -> tuple[Cursor, str]:
    """The cursor with a base line for what was not followed so far, and what is told of it.

    At the first look that is everything; where the patterns have changed it is what they match now and did not before,
    for nobody wants the past of old branches built. With the same patterns, a branch that was not there is a new one.
    """
    if cursor.refs is not None and patterns == cursor.patterns:
        return cursor, ""
    before = cursor.refs or {}
    new = {ref: tip.commit for ref, tip in tips.items() if ref not in before}
    based_on = cursor.model_copy(update={"refs": {**before, **new}, "patterns": patterns})
    if cursor.refs is None or new:
        return based_on, f"followed from here on: {counted(len(new), 'branch or tag', 'branches and tags')} more"
    return based_on, ""


def moved(cursor: Cursor, tips: Mapping[str, Tip]) -> tuple[str, ...]:
    """Branches and tags whose tip is not the last handled commit, beginning where the last tick stopped."""
    refs = cursor.refs or {}
    found = sorted(ref for ref, tip in tips.items() if refs.get(ref) != tip.commit)
    return (*(ref for ref in found if ref >= cursor.following), *(ref for ref in found if ref < cursor.following))


def forgotten(cursor: Cursor, tips: Mapping[str, Tip]) -> Cursor:
    """The cursor without branches that are deleted; what was handled of the last ones is still known for a while."""
    refs = cursor.refs or {}
    left = {ref: commit for ref, commit in refs.items() if ref in tips}
    lost = [refs[ref] for ref in sorted(refs.keys() - left.keys())]
    gone = tuple(dict.fromkeys((*cursor.gone, *lost)))[-MAX_GONE:]
    begun = {ref: one for ref, one in cursor.begun.items() if ref in left or ref in tips}
    stuck = {ref: one for ref, one in cursor.stuck.items() if ref in tips}
    undeployed = tuple(one for one in cursor.undeployed if one.ref in tips)
    update = {"refs": left, "gone": gone, "begun": begun, "stuck": stuck, "undeployed": undeployed}
    return cursor.model_copy(update=update)


@dataclass(frozen=True)
class Range:
    """Where a branch's new commits begin. `handled`: not to be reached; `limit`: the newest so many, 0 for all."""

    handled: tuple[str, ...]
    limit: int
    told: str = ""


def new_commits(ref: str, old: str | None, handled: Iterable[str], known: Collection[str]) -> Range:
    """What is new on a branch. `old`: its last handled commit, `handled`: every branch's, `known`: commits here.

    With a known old tip: what cannot be reached from it, so that a forced push gives the rewritten commits alone. A new
    branch begins where it left what is handled. Where the old tip is not known any more, or nothing is, at most
    `UNKNOWN_HISTORY` commits, which is told.
    """
    if old is not None and old in known:
        return Range((old,), 0)
    others = tuple(sorted(set(handled) & set(known)))
    if old is None and others:
        return Range(others, 0)
    if old is None:
        return Range(
            (), 1, f"{ref} is new and nothing here is known of what came before: only its last commit is taken"
        )
    return Range(
        others,
        UNKNOWN_HISTORY,
        f"{ref}: its last handled commit {old[:12]} is gone; at most {UNKNOWN_HISTORY} are taken",
    )


def _matches(ref: str, patterns: Mapping[str, Collection[str]]) -> bool:
    kind, _, name = ref.partition("/")
    return any(fnmatchcase(name, pattern) for pattern in patterns.get(kind, ()))
