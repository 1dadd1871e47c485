"""The page of a candidate that a run refused, from what that run left behind.

Here belongs gathering it when nobody watched the run. Not here: noticing the failure (`sensors/refused.py`).
"""

from dataclasses import dataclass
from pathlib import Path

from dagster import DagsterInstance

from ascend_assets import checks, history
from ascend_assets.assets import dossier
from ascend_assets.codec import read_record
from ascend_assets.dossier.render import render
from ascend_assets.dossier.summary import summary_markdown
from ascend_assets.gates.case import DEFAULTS, Case
from ascend_assets.gates.verdict import Verdict
from ascend_assets.records import Record, SourceRecord
from ascend_assets.spec import ModelSpec
from ascend_assets.stage import Stage, Tools
from ascend_assets.walk import stages
from resources.configurable import Warehouse


@dataclass(frozen=True)
class Refusal:
    """A refused candidate: its page on this machine, the same in short, and what refused it."""

    candidate: str
    page: Path
    summary: str
    refused: tuple[Verdict, ...]


def of_run(
    instance: DagsterInstance, spec: ModelSpec, tools: Tools, store: Warehouse, run_id: str, folder: Path
) -> Refusal | None:
    """What a run refused, its page written below `folder`; None for a run that fell for another reason.

    Verdicts are found anew from the run's records; only a refused compilation, which leaves none, is read from the
    event log.
    """
    walk = stages(spec)
    records = {
        "__".join(stage.asset[1:]): record for stage in walk if (record := _made(instance, tools, stage, run_id))
    }
    source = records.get("source")
    if not isinstance(source, SourceRecord):
        return None
    verdicts = tuple(
        verdict for stage in walk for verdict in _verdicts(instance, spec, store, stage, records.get(_name(stage)))
    )
    refused = tuple(verdict for verdict in verdicts if not verdict)
    if not refused:
        return None
    content = dossier.content(tools, spec, verdicts, records)
    path = folder / spec.name / f"{source.candidate}.html"
    page = dossier.write_page(path, render(content).encode())
    return Refusal(source.candidate, page, summary_markdown(content), refused)


def _name(stage: Stage) -> str:
    return "__".join(stage.asset[1:])


def _made(instance: DagsterInstance, tools: Tools, stage: Stage, run_id: str) -> Record | None:
    made = history.latest(instance, stage.asset, run_id)
    return read_record(tools.blobs, made.record) if made and made.run_id == run_id else None


def _verdicts(
    instance: DagsterInstance, spec: ModelSpec, store: Warehouse, stage: Stage, record: Record | None
) -> tuple[Verdict, ...]:
    if stage.name not in checks.ON_STAGE:
        return ()
    if record is not None:
        return checks.judge(spec, record, store)
    if stage.name not in checks.IN_STEP:
        return ()
    # The step evaluates its check before it fails; nothing else is left of a compilation that was refused.
    found = ((name, history.check(instance, stage.asset, name)) for name in checks.ON_STAGE[stage.name])
    case = Case(DEFAULTS, "inspected", "", stage.asset[1])
    return tuple(case.judge(name, float("nan"), check.why) for name, check in found if check and check.blocks)
