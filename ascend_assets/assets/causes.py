"""What a candidate is made of beside a commit: a version of a model hub, or a continuous training.

Here belongs telling it to whoever decides on the candidate. Not here: making one (`hub_source.py`,
`trained_source.py`), or how the page looks (`ascend_assets/dossier/`).
"""

from ascend_assets.codec import read_record
from ascend_assets.records import SourceRecord, Training
from ascend_assets.spec import ModelSpec
from ascend_assets.stage import Tools
from ascend_assets.training.limits import tolerance
from ascend_assets.training.records import ChallengerRecord


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
    return facts


def line(source: SourceRecord) -> tuple[str, ...]:
    """The same as a line of a changelog."""
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
