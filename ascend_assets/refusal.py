"""The page of a candidate that a run refused, from what that run left behind.

Here belongs gathering it when nobody watched the run. Not here: noticing the failure (`sensors/refused.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dagster import DagsterInstance

from ascend_assets import checks, history
from ascend_assets.assets import dossier
from ascend_assets.codec import UnreadableRecord, read_record
from ascend_assets.dossier.content import TargetEvidence
from ascend_assets.dossier.render import render
from ascend_assets.dossier.summary import summary_markdown
from ascend_assets.gates.case import DEFAULTS, Case
from ascend_assets.gates.verdict import Verdict
from ascend_assets.records import Record, RefusalRecord, SourceRecord
from ascend_assets.repair.telling import Language, causes_markdown
from ascend_assets.spec import ModelSpec
from ascend_assets.stage import Stage, Tools
from ascend_assets.walk import stages
from resources.configurable import Warehouse
from resources.store.objects import StoreError


@dataclass(frozen=True)
class Refusal:
    """A refused candidate: its page on this machine, the same in short, what refused it, and why by language."""

    candidate: str
    page: Path
    summary: str
    refused: tuple[Verdict, ...]
    causes: Mapping[Language, str]


@dataclass(frozen=True)
class Left:
    """What a run left behind. `records`: by stage, or `<target>__<stage>`. `refusals`: by target."""

    records: dict[str, Record]
    verdicts: tuple[Verdict, ...]
    refusals: dict[str, RefusalRecord]

    @property
    def source(self) -> SourceRecord | None:
        """Its candidate's source."""
        found = self.records.get("source")
        return found if isinstance(found, SourceRecord) else None

    @property
    def refused(self) -> tuple[Verdict, ...]:
        """Verdicts that kept it out of the first environment."""
        return tuple(verdict for verdict in self.verdicts if not verdict)

    @property
    def targets(self) -> dict[str, TargetEvidence]:
        """Evidence of the targets whose compilation was refused, as the page takes it."""
        return {
            target: TargetEvidence(target, refusals=said.diagnostics, log=said.log)
            for target, said in self.refusals.items()
        }


def of_run(
    instance: DagsterInstance, spec: ModelSpec, tools: Tools, store: Warehouse, run_id: str, folder: Path
) -> Refusal | None:
    """What a run refused, its page written below `folder`; None for a run that fell for another reason."""
    left = left_by(instance, spec, tools, store, run_id)
    if left.source is None or not left.refused:
        return None
    content = dossier.content(tools, spec, left.verdicts, left.records, **left.targets)
    path = folder / spec.name / f"{left.source.candidate}.html"
    page = dossier.write_page(path, render(content).encode())
    found = [cause for each in content.causes.values() for cause in each]
    causes: dict[Language, str] = {language: causes_markdown(found, language) for language in ("en", "zh")}
    return Refusal(left.source.candidate, page, summary_markdown(content), left.refused, causes)


def left_by(instance: DagsterInstance, spec: ModelSpec, tools: Tools, store: Warehouse, run_id: str) -> Left:
    """Records and verdicts of a run.

    Verdicts are found anew from the run's records; only a refused compilation, which leaves none, is read from the
    event log. Raises `StoreError`, `UnreadableRecord`.
    """
    walk = stages(spec)
    records = {_name(stage): record for stage in walk if (record := _made(instance, tools, stage, run_id))}
    verdicts: list[Verdict] = []
    refusals: dict[str, RefusalRecord] = {}
    for stage in walk:
        record = records.get(_name(stage))
        if record is not None and stage.name in checks.ON_STAGE:
            verdicts += checks.judge(spec, record, store)
        elif stage.name in checks.IN_STEP:
            refused, said = _refused(instance, tools, stage, run_id)
            verdicts += refused
            refusals |= {stage.asset[1]: said} if said else {}
    return Left(records, tuple(verdicts), refusals)


def _name(stage: Stage) -> str:
    return "__".join(stage.asset[1:])


def _made(instance: DagsterInstance, tools: Tools, stage: Stage, run_id: str) -> Record | None:
    made = history.latest(instance, stage.asset, run_id)
    return read_record(tools.blobs, made.record) if made and made.run_id == run_id else None


def _refused(
    instance: DagsterInstance, tools: Tools, stage: Stage, run_id: str
) -> tuple[list[Verdict], RefusalRecord | None]:
    """A refused compilation: the step evaluates its check before it fails, and nothing else is left of it."""
    found = [(name, history.check(instance, stage.asset, name, run_id)) for name in checks.ON_STAGE[stage.name]]
    case = Case(DEFAULTS, "inspected", "", stage.asset[1])
    blocking = [(name, check) for name, check in found if check and check.blocks]
    verdicts = [case.judge(name, float("nan"), check.why) for name, check in blocking]
    said = next((_said(tools, check.refusal) for _, check in blocking if check.refusal), None)
    return verdicts, said


def _said(tools: Tools, digest: str) -> RefusalRecord | None:
    """What the compiler said; None where that was swept away: the verdict has its reasons all the same."""
    try:
        record = read_record(tools.blobs, digest)
    except (StoreError, UnreadableRecord) as error:
        tools.say(f"what the compiler said is not to be had: {error}")
        return None
    return record if isinstance(record, RefusalRecord) else None
