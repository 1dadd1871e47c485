"""source of a continuous training: the files that a challenger was trained by, and what came of the training.

Here belongs turning a challenger into a candidate, and refusing one that is not better. What its record says is judged
again from its counts and against the champion of this moment: nobody makes a candidate of a worse model by hand. Not
here: training (`training/challenger.py`), or a commit's files (`source.py`).
"""

from pathlib import Path

from ascend_assets.assets import freezing
from ascend_assets.assets.onnx import EVALUATION_FILE, MODEL_FILE, TRAINED_FOLDER
from ascend_assets.codec import read_record
from ascend_assets.records import SourceRecord, Training
from ascend_assets.spec import ModelSpec
from ascend_assets.stage import Order, Tools
from ascend_assets.training import champion
from ascend_assets.training.limits import tolerance
from ascend_assets.training.records import ChallengerRecord
from resources.candidates import Candidate
from resources.tarball_extended import extended


class NotBetter(Exception):
    """A challenger that may not become a candidate. The message says why."""


def make(tools: Tools, key: str, order: Order, *, spec: ModelSpec) -> SourceRecord:
    """Freeze the challenger whose record is `order.training`: the folder it was trained by, and `trained/`.

    Raises `NotBetter`; `OtherDefinition` where the folder describes another graph than the loaded one; `StoreError` and
    `UnreadableRecord` for a record that is not there.
    """
    if order.commit or order.hub:
        raise NotBetter("a challenger is made of its own files: give neither a commit nor a version of a hub with it")
    record = require(tools, spec, order.training)
    with tools.scratch() as folder:
        frozen = tools.blobs.path(record.folder.archive)
        freezing.require_same_definition(spec, frozen, folder / spec.name)
        archive = extended(frozen, _trained(tools, record), folder / "source.tar")
        stored = tools.keep(archive, f"{spec.name}.tar")
    return SourceRecord(
        key=key,
        made_from={"challenger": record.data_version},
        model=spec.name,
        candidate=order.candidate or str(Candidate.from_training(record.number, record.at)),
        commit=record.folder.commit,
        author=record.folder.author,
        dirty=record.folder.dirty,
        archive=stored,
        training=Training(number=record.number, why=record.why, data=record.trained.sha256, challenger=order.training),
    )


def require(tools: Tools, spec: ModelSpec, challenger: str) -> ChallengerRecord:
    """The challenger of that digest, if it is better than the champion of this moment. Raises as `make`."""
    record = read_record(tools.blobs, challenger)
    if not isinstance(record, ChallengerRecord) or record.model != spec.name:
        raise NotBetter(f"{challenger[:12]} is no record of a challenger of {spec.name}: give one of its asset")
    _require_better(tools, spec, record)
    return record


def _require_better(tools: Tools, spec: ModelSpec, record: ChallengerRecord) -> None:
    if spec.retraining is None:
        raise NotBetter(f"{spec.name} has no `retraining` in its defs.yaml: challengers do not become candidates")
    judged = record.judge(spec.retraining, tolerance(spec))
    if not judged:
        raise NotBetter(f"challenger {record.number} of {spec.name}: {judged.why}")
    objection = champion.objection(record.champion, champion.find(tools, spec))
    if objection:
        raise NotBetter(f"challenger {record.number} of {spec.name}: {objection}")


def _trained(tools: Tools, record: ChallengerRecord) -> dict[str, Path]:
    return {
        f"{TRAINED_FOLDER}/{EVALUATION_FILE}": tools.blobs.path(record.evaluation),
        f"{TRAINED_FOLDER}/{MODEL_FILE}": tools.blobs.path(record.file),
    }
