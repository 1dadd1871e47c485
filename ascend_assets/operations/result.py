"""result: record how a canary or an A/B test of a release ended, in the ledger of the environment where it ran.

Here belong reading the report, making sure that it is about this release and what is live, and recording it, good or
bad. Not here: what makes it good (`ascend_assets/gates/rollout.py`).
"""

from dataclasses import dataclass

from pydantic import ValidationError

from ascend_assets.environments import Environment
from ascend_assets.gates import rollout
from ascend_assets.gates.rollout import RolloutReport
from ascend_assets.operations.appending import append
from ascend_assets.stage import Tools
from resources.registry import released as registered
from resources.registry.admissions import Requirement
from resources.registry.documents import BadDocument, decode
from resources.registry.ledger import CLOCK_TOLERANCE, Entry, Kind, Present
from resources.store.objects import StoreError, blob_key

MAX_REPORT_BYTES = 64 * 1024


class ResultRefused(Exception):
    """A report that cannot be recorded. The message says why, and what to do."""


@dataclass(frozen=True)
class Recorded:
    """A report in the ledger, and what it was judged to show: good if every requirement is met."""

    entry: Entry
    judged: tuple[Requirement, ...]

    def __bool__(self) -> bool:
        return all(self.judged)


def record(  # noqa: PLR0913 - one keyword per option of the command
    tools: Tools,
    *,
    name: str,
    environment: str,
    version: str,
    report: bytes,
    actor: str,
    reason: str,
    dry_run: bool = False,
) -> Recorded:
    """Record a report; one that stands there already is found again. With `dry_run` nothing is written.

    A bad result is recorded too: the newest one counts. `report`: JSON of a `RolloutReport`. Raises `ResultRefused`,
    `NotReleased`, `CorruptRelease`, `NoSuchEnvironment`, `LedgerMoved`, `LedgerBroken`, `ClockBehind`.
    """
    policy = tools.environments.get(environment)
    found = registered.find(tools.registry.store, name, version)
    present = tools.ledger.present(policy.name, name)
    read = parse(report)
    now = tools.now()
    _refuse(read, present, found.version)
    if read.ended > now + CLOCK_TOLERANCE:
        raise ResultRefused(f"the test ends at {read.ended.isoformat()}, which is not yet: record it when it has ended")
    judged = rollout.judge(read, policy)
    known = next((e for e in present.since if e.result == read.digest and e.release_digest == found.digest), None)
    if known is not None:
        return Recorded(known, judged)
    entry = present.follow(
        kind=Kind.RESULT,
        version=found.version,
        release_digest=found.digest,
        actor=actor,
        reason=reason,
        at=now,
        policy_digest=policy.digest,
        result=read.digest,
    )
    if not dry_run:
        append(tools, entry, policy, read)
    return Recorded(entry, judged)


def parse(report: bytes) -> RolloutReport:
    """Read a report that a person or a tool wrote. Raises `ResultRefused` with the field that is wrong."""
    if len(report) > MAX_REPORT_BYTES:
        raise ResultRefused(f"the report has {len(report):,} bytes; at most {MAX_REPORT_BYTES:,}: it holds six figures")
    try:
        return RolloutReport.model_validate_json(report)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        where = ".".join(map(str, problem["loc"])) or "report"
        raise ResultRefused(
            f"the report cannot be read: {where}: {problem['msg'].removeprefix('Value error, ')}"
        ) from error


def newest(
    tools: Tools, environment: Environment, present: Present, digest: str
) -> tuple[Entry, tuple[Requirement, ...]] | None:
    """The newest result of a release that still holds, judged again from its report; None where there is none."""
    for entry in reversed(present.since):
        if entry.kind is Kind.RESULT and entry.release_digest == digest and entry.result:
            return entry, _judged(tools, environment, present, entry.result, entry.version)
    return None


def _judged(
    tools: Tools, environment: Environment, present: Present, digest: str, version: str
) -> tuple[Requirement, ...]:
    try:
        read = decode(RolloutReport, tools.blobs.read(digest, limit=MAX_REPORT_BYTES), blob_key(digest))
        _refuse(read, present, version)
    except (StoreError, BadDocument, ResultRefused) as error:
        return (Requirement(name="report", met=False, why=str(error), remedy="record the report again"),)
    return rollout.judge(read, environment)


def _refuse(report: RolloutReport, present: Present, version: str) -> None:
    live = present.live.version if present.live else None
    told = report.baseline.version if report.baseline else None
    if report.candidate.version != version:
        raise ResultRefused(f"the report is about {report.candidate.version}, not {version}: name that version")
    if told != live:
        raise ResultRefused(
            f"the report compares with {told or 'nothing'}, but {live or 'nothing'} is live in {present.environment}: "
            "test against what is live"
        )
    if present.live and report.started < present.live.at:
        raise ResultRefused(
            f"the test began at {report.started.isoformat()}, before {live} became live at "
            f"{present.live.at.isoformat()}: test against what is live"
        )
