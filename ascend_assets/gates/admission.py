"""Gate on a move: may this release enter that environment now?

Here belong the requirements of a promotion, one per concern, each with what was found and what to do. Not here:
gathering the facts (`ascend_assets/operations/promote.py`), judging evidence (the other gates), or whether a signature
counts (`approvals.py`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from ascend_assets.environments import ROLLOUT_RESULT, Environment
from ascend_assets.gates.verdict import Verdict, holds
from ascend_assets.gates.wording import listing
from resources.registry.admissions import Requirement
from resources.registry.ledger import Entry, Present
from resources.registry.released import Released
from resources.registry.stays import Record

CLEAN_TREE = "clean_tree"


@dataclass(frozen=True)
class Judged:
    """One model's verdicts, found anew; or, where its evidence could not be judged, why."""

    verdicts: tuple[Verdict, ...]
    obstacle: str = ""


@dataclass(frozen=True)
class Facts:
    """What is known when a move is decided.

    `judged`: per model of the release. `before`: the environment that it comes from, and its time there; None for the
    first. `elsewhere`: requirements that other gates judged: signatures, artefacts. `result`: the newest recorded
    result of a test of this release, judged, and its entry; None where none was recorded.
    """

    released: Released
    present: Present
    judged: Mapping[str, Judged]
    before: tuple[Environment, Record] | None
    elsewhere: tuple[Requirement, ...]
    result: tuple[Entry, tuple[Requirement, ...]] | None
    now: datetime


def requirements(environment: Environment, facts: Facts) -> tuple[Requirement, ...]:
    """Everything that the environment demands of a release that is to become its present."""
    return (
        _not_live(environment, facts),
        *_judged(environment, facts),
        _hardware(environment, facts.released),
        _clean_tree(environment, facts),
        *_came_from(environment, facts),
        *_result(environment, facts),
        *facts.elsewhere,
    )


def refusing(
    verdicts: tuple[Verdict, ...], environment: Environment
) -> tuple[tuple[Verdict, ...], tuple[Verdict, ...]]:
    """The verdicts that keep a candidate out.

    First those that break a limit or were not judged; then those that keep it, on evidence that is none here.
    """
    out = tuple(v for v in verdicts if environment.name not in v.admits)
    foreign = tuple(v for v in out if v.judged and v.origin not in environment.origins and _kept(v, environment.name))
    return tuple(v for v in out if v not in foreign), foreign


def _kept(verdict: Verdict, environment: str) -> bool:
    limit = verdict.limits.get(environment)
    return limit is not None and verdict.value is not None and holds(verdict.value, verdict.sense, limit)


def _not_live(environment: Environment, facts: Facts) -> Requirement:
    live = facts.present.live
    if live is None:
        return Requirement(name="not_live", met=True, why=f"nothing is live in {environment.name}")
    same = live.release_digest == facts.released.digest
    why = f"{live.version} is live in {environment.name} since {_moment(live.at)}"
    return Requirement(name="not_live", met=not same, why=why, remedy="nothing is to be done" if same else "")


def _judged(environment: Environment, facts: Facts) -> Iterator[Requirement]:
    obstacles, broken, unjudged, foreign, missing = [], [], [], [], []
    for model, judged in facts.judged.items():
        of = f"{model}: " if facts.released.is_bundle else ""
        if judged.obstacle or not judged.verdicts:
            obstacles.append(f"{of}{judged.obstacle or 'there is no verdict'}")
            continue
        refused, emulated = refusing(judged.verdicts, environment)
        against = [v for v in refused if v.criterion != CLEAN_TREE]
        broken += [f"{of}{told(v, environment.name)}" for v in against if v.judged]
        unjudged += [f"{of}{told(v, environment.name)}" for v in against if not v.judged]
        foreign += [f"{of}{_name(v)}" for v in emulated]
        missing += [f"{of}{name}" for name in _not_judged(environment, judged.verdicts)]
    obstacles = obstacles if facts.judged else ["nothing was judged"]
    yield _verdicts(environment, obstacles, broken, unjudged)
    yield _evidence(environment, facts.released, obstacles, foreign)
    wanted = [name for name in environment.required_checks if name != ROLLOUT_RESULT]
    if wanted:
        yield Requirement(
            name="required_checks",
            met=not (missing or obstacles),
            why=f"not judged: {listing(missing or obstacles)}"
            if missing or obstacles
            else f"judged: {listing(wanted)}",
            remedy="build the candidate where they can be judged; a verdict on each says what is missing",
        )


def told(verdict: Verdict, environment: str) -> str:
    """Why a verdict keeps a candidate out of an environment: the value, the limit and what was found."""
    if not verdict.judged or verdict.value is None:
        return f"{_name(verdict)}: {verdict.why}"
    limit = verdict.limits.get(environment)
    bound = f"{environment} wants {verdict.sense} {limit:g}" if limit is not None else f"{environment} has no limit"
    unit = f" {verdict.unit}" if verdict.unit else ""
    return f"{_name(verdict)} is {verdict.value:g}{unit}, {bound}: {verdict.why}"


def _name(verdict: Verdict) -> str:
    return f"{verdict.criterion} ({verdict.target})" if verdict.target else verdict.criterion


def _verdicts(environment: Environment, obstacles: list[str], broken: list[str], unjudged: list[str]) -> Requirement:
    remedies = []
    if obstacles:
        remedies.append("release the candidate again with this version of ascend_assets")
    elif broken:
        remedies.append("mend the model and release it anew; no release ever changes")
    if unjudged and not obstacles:
        remedies.append("provide what could not be judged, then build and release the candidate again")
    against = obstacles or [*broken, *unjudged]
    why = listing(against) if against else f"every limit of {environment.name} holds"
    return Requirement(name="verdicts", met=not against, why=why, remedy="; ".join(remedies))


def _evidence(environment: Environment, released: Released, obstacles: list[str], foreign: list[str]) -> Requirement:
    wanted = " or ".join(environment.evidence)
    if obstacles:
        return Requirement(name="evidence", met=False, why="there is none that could be judged", remedy="see verdicts")
    if not foreign:
        return Requirement(name="evidence", met=True, why=f"all of it is {wanted}, or read off the files")
    commands = " and ".join(f"ascend run {r.model} --commit {r.commit[:12] or 'COMMIT'}" for r in released.releases)
    return Requirement(
        name="evidence",
        met=False,
        why=f"{environment.name} takes evidence that is {wanted}, but this is not: {listing(foreign, shown=3)}",
        remedy=f"on a machine with the NPU, with the toolchain cann, run the candidate again ({commands}) and promote "
        "the release that comes of it",
    )


def _not_judged(environment: Environment, verdicts: tuple[Verdict, ...]) -> Iterator[str]:
    for name in environment.required_checks:
        found = [v for v in verdicts if v.criterion == name]
        if name != ROLLOUT_RESULT and not (found and all(v.judged for v in found)):
            whys = [v.why for v in found if not v.judged]
            yield f"{name} ({listing(whys) or 'no gate speaks of it'})"


def _hardware(environment: Environment, released: Released) -> Requirement:
    socs = frozenset(environment.hardware.soc_versions)
    made = {r.model: frozenset(t.soc_version for t in r.targets.values()) for r in released.releases}
    unfit = [f"{model} is compiled for {', '.join(sorted(for_))}" for model, for_ in made.items() if not for_ & socs]
    if not socs or not unfit:
        found = ", ".join(sorted({soc for for_ in made.values() for soc in for_ & (socs or for_)}))
        return Requirement(name="hardware", met=True, why=f"compiled for {found}")
    return Requirement(
        name="hardware",
        met=False,
        why=f"{environment.name} has {', '.join(sorted(socs))}; {listing(unfit)}",
        remedy="add such a target to the model's defs.yaml and release it",
    )


def _clean_tree(environment: Environment, facts: Facts) -> Requirement:
    said = {r.model for r in facts.released.releases if r.dirty}
    judged = {
        model
        for model, found in facts.judged.items()
        for v in found.verdicts
        if v.criterion == CLEAN_TREE and environment.name not in v.admits
    }
    dirty = sorted(judged if environment.allows_dirty else said | judged)
    return Requirement(
        name=CLEAN_TREE,
        met=not dirty,
        why=f"{listing(dirty)}: built from files that no commit has"
        if dirty
        else "built from a commit, or that is not asked",
        remedy="commit, and release the candidate of that commit: ascend run MODEL --commit REV" if dirty else "",
    )


def _came_from(environment: Environment, facts: Facts) -> Iterator[Requirement]:
    if facts.before is None:
        return
    origin, record = facts.before
    released = facts.released
    name, version = released.name, released.version
    promote = f"ascend promote {name} --version {version} --to {origin.name}"
    if record.newest is None:
        why = f"{name} {version} was never live in {origin.name}"
        yield Requirement(name="came_from", met=False, why=why, remedy=f"deploy it there first: {promote}")
    elif record.failed:
        left = record.newest.ended_by
        why = f"it was left by a rollback in {origin.name}: {left.reason if left else ''}"
        yield Requirement(
            name="came_from", met=False, why=why, remedy=f"release a better one, or show again that it works: {promote}"
        )
    else:
        why = f"live in {origin.name} {'since' if record.is_live else 'from'} {_moment(record.newest.entry.at)}"
        yield Requirement(name="came_from", met=True, why=why)
    if environment.soak_hours:
        yield _soaked(environment, origin, facts)


def _soaked(environment: Environment, origin: Environment, facts: Facts) -> Requirement:
    record = facts.before[1] if facts.before else None
    needed = timedelta(hours=environment.soak_hours)
    lived = record.lived if record else timedelta()
    met = lived >= needed
    remedy = ""
    if not met and record and record.is_live:
        remedy = f"wait until {_moment(facts.now + needed - lived)}"
    elif not met:
        remedy = f"make it live in {origin.name} for {environment.soak_hours:g} h"
    hours = lived / timedelta(hours=1)
    why = f"live in {origin.name} for {hours:.1f} h; {environment.name} wants {environment.soak_hours:g} h"
    return Requirement(name="soak", met=met, why=why, remedy=remedy)


def _result(environment: Environment, facts: Facts) -> Iterator[Requirement]:
    if ROLLOUT_RESULT not in environment.required_checks:
        return
    released = facts.released
    command = f"ascend model result {released.name} --version {released.version} --env {environment.name} --report FILE"
    if facts.result is None:
        yield Requirement(
            name=ROLLOUT_RESULT,
            met=False,
            why=f"no canary or A/B test of {released.version} was recorded since {_since(facts.present)}",
            remedy=f"run one, then: {command} --reason WHY",
        )
        return
    entry, judged = facts.result
    unmet = [f"{r.name}: {r.why}" for r in judged if not r]
    said = listing(unmet) if unmet else f"the test that {entry.actor} recorded at {_moment(entry.at)} ended well"
    remedy = "; ".join(dict.fromkeys(r.remedy for r in judged if not r and r.remedy))
    yield Requirement(name=ROLLOUT_RESULT, met=bool(judged) and not unmet, why=said, remedy=remedy)


def _since(present: Present) -> str:
    if present.live is None:
        return "the beginning"
    return f"{present.live.version} became live at {_moment(present.live.at)}"


def _moment(at: datetime) -> str:
    return at.isoformat(timespec="minutes")
