"""source of a repaired candidate: the files of the one that failed, and what a repair changes of it.

Here belong turning a repair into a candidate, and refusing one that does not hold. The file that was exported is frozen
as well where the model's own code made it: a repair is of exactly that file. Not here: finding a repair
(`ascend_assets/repair/`), or carrying it out (`onnx.py`, `om.py`).
"""

from pathlib import Path

from ascend_assets.assets import freezing, trained_source
from ascend_assets.assets.onnx import EVALUATION_FILE, MODEL_FILE, TRAINED_FOLDER, runs_code
from ascend_assets.codec import read_record
from ascend_assets.records import OnnxRecord, SourceRecord
from ascend_assets.repair.candidate_records import RepairRecord
from ascend_assets.repair.unattended import alone
from ascend_assets.spec import ModelSpec
from ascend_assets.stage import Order, Tools
from resources.candidates import Candidate
from resources.store.blobs import Artefact
from resources.tarball_extended import extended


class NotRepaired(Exception):
    """A repair that may not become a candidate. The message says why."""


def make(tools: Tools, key: str, order: Order, *, spec: ModelSpec) -> SourceRecord:
    """Freeze the repaired candidate whose repair's record is `order.repair`.

    Raises `NotRepaired`; `OtherDefinition` where the failed candidate had another definition than the loaded one;
    `NotBetter` for a challenger that is not better any more; `StoreError` and `UnreadableRecord` for what is not there.
    """
    record = read_record(tools.blobs, order.repair)
    if not isinstance(record, RepairRecord) or record.model != spec.name:
        raise NotRepaired(f"{order.repair[:12]} is no record of a repair of {spec.name}: give one of its asset")
    if order.commit or order.hub or order.training:
        raise NotRepaired("a repair is of one candidate: give neither a commit, a version of a hub nor a challenger")
    require_repaired(record)
    failed, onnx = read_record(tools.blobs, record.source), read_record(tools.blobs, record.onnx)
    if not isinstance(failed, SourceRecord) or not isinstance(onnx, OnnxRecord):
        raise NotRepaired(f"the records of {record.failed} are of other stages: build it again")
    if failed.training is not None:
        trained_source.require(tools, spec, failed.training.challenger)
    return failed.model_copy(
        update={
            "key": key,
            "made_from": {"repair": record.data_version},
            "candidate": order.candidate or str(Candidate.parse(failed.candidate).repaired()),
            "archive": _archive(tools, spec, failed, onnx),
            "repair": record.applied(),
        }
    )


def require_repaired(record: RepairRecord) -> None:
    """Raise `NotRepaired` for a repair that does not hold, or that needs a person whom nobody names."""
    if not record.repaired:
        raise NotRepaired(f"{record.failed} was not repaired: {record.ended}")
    unasked = sorted({remedy.kind for remedy in record.remedies if not alone(remedy)})
    if unasked and not record.accepted_by:
        raise NotRepaired(
            f"{record.failed}: {', '.join(unasked)} changes trained weights or rests on what nobody stated: a person "
            f"has to accept it, by the job {record.model}_repair with `accept: true`"
        )


def _archive(tools: Tools, spec: ModelSpec, failed: SourceRecord, onnx: OnnxRecord) -> Artefact:
    """The failed candidate's archive, with the exported file where running the model's code could give another."""
    with tools.scratch() as folder:
        archive = tools.blobs.path(failed.archive)
        freezing.require_same_definition(spec, archive, folder / spec.name)
        if failed.training is not None or not runs_code(spec):
            return failed.archive
        return tools.keep(extended(archive, _exported(tools, onnx), folder / "source.tar"), f"{spec.name}.tar")


def _exported(tools: Tools, onnx: OnnxRecord) -> dict[str, Path]:
    files = {MODEL_FILE: onnx.exported or onnx.file, EVALUATION_FILE: onnx.evaluation}
    return {f"{TRAINED_FOLDER}/{name}": tools.blobs.path(file) for name, file in files.items() if file is not None}
