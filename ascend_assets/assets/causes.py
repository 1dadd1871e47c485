"""What a candidate is made of beside a commit, and why one was refused, for whoever decides on it.

Here belongs gathering it: a version of a model hub, a continuous training, a repair, and what diagnosis says. Not here:
making such a candidate (`hub_source.py`, `trained_source.py`, `repaired_source.py`), finding causes
(`ascend_assets/diagnosis/`), or how the page looks (`ascend_assets/dossier/`).
"""

from collections.abc import Mapping

from ascend_assets.codec import read_record
from ascend_assets.diagnosis.cause import Cause
from ascend_assets.diagnosis.diagnose import diagnose
from ascend_assets.dossier.content import TargetEvidence
from ascend_assets.gates.verdict import Verdict
from ascend_assets.records import Record, SourceRecord, Training
from ascend_assets.repair.candidate_case import cases
from ascend_assets.repair.candidate_records import RepairRecord
from ascend_assets.spec import ModelSpec
from ascend_assets.stage import Tools
from ascend_assets.training.limits import tolerance
from ascend_assets.training.records import ChallengerRecord
from resources.onnx_files import OnnxFileError
from resources.store.objects import StoreError


def told(tools: Tools, spec: ModelSpec, source: SourceRecord) -> dict[str, str]:
    """Label -> text; nothing for a commit's candidate. Raises `StoreError` and `UnreadableRecord`."""
    facts: dict[str, str] = {}
    if source.hub is not None:
        facts["Model hub"] = f"{source.hub.model} {source.hub.revision}"
        facts["Files of the hub"] = ", ".join(f"{path} {digest[:12]}" for path, digest in source.hub.files.items())
    if source.training is not None:
        facts["Continuous training"] = f"number {source.training.number}, because of {source.training.why}"
        facts["Against the champion"] = _judged(tools, spec, source.training)
        facts["Training data"] = source.training.data
    if source.repair is not None:
        facts["Repair"] = f"of {source.repair.failed}, by {source.repair.record}"
        if source.repair.accepted_by:
            facts["Repair accepted by"] = source.repair.accepted_by
    return facts


def repair(tools: Tools, source: SourceRecord) -> RepairRecord | None:
    """The repair that a candidate was made by; None for any other. Raises `StoreError` and `UnreadableRecord`."""
    if source.repair is None:
        return None
    record = read_record(tools.blobs, source.repair.record)
    return record if isinstance(record, RepairRecord) else None


def of_refusal(
    tools: Tools,
    spec: ModelSpec,
    records: Mapping[str, Record],
    verdicts: tuple[Verdict, ...],
    refused: Mapping[str, TargetEvidence],
) -> dict[str, tuple[Cause, ...]]:
    """Target -> why it was refused; nothing for a candidate that passes, or whose file is not to be had."""
    if all(verdicts):
        return {}
    try:
        found = cases(tools.blobs, spec, records, verdicts, refused)
    except (StoreError, OnnxFileError) as error:
        tools.say(f"no causes can be found: {error}")
        return {}
    return {target: diagnose(case) for target, case in found.items()}


def line(source: SourceRecord) -> tuple[str, ...]:
    """The same as lines of a changelog."""
    return (*_begun(source), *_repaired(source))


def _repaired(source: SourceRecord) -> tuple[str, ...]:
    if source.repair is None:
        return ()
    remedies = (*source.repair.graph, *(remedy for each in source.repair.options.values() for remedy in each))
    return (f"repaired by {', '.join(dict.fromkeys(remedy.kind for remedy in remedies))}",)


def _begun(source: SourceRecord) -> tuple[str, ...]:
    if source.hub is not None:
        return (f"{source.hub.model} {source.hub.revision} of the model hub",)
    if source.training is not None:
        return (f"continuous training {source.training.number}, because of {source.training.why}",)
    return ()


def _judged(tools: Tools, spec: ModelSpec, training: Training) -> str:
    record = read_record(tools.blobs, training.challenger)
    if not isinstance(record, ChallengerRecord) or spec.retraining is None:
        return "not known: its record is of another kind"
    return record.judge(spec.retraining, tolerance(spec)).why
