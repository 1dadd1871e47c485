"""The evidence of a candidate that was refused, as diagnosis takes it: one case per target, nothing run again.

Here belongs reading records. Not here: gathering them (`refusal.py`), or what they mean (`diagnosis/`).
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ascend_assets.diagnosis.case import Case
from ascend_assets.dossier.content import TargetEvidence
from ascend_assets.gates.verdict import Verdict
from ascend_assets.records import BenchmarkRecord, OmRecord, OnnxRecord, PrecisionRecord, Record
from ascend_assets.repair.applied import options_for
from ascend_assets.spec import ModelSpec, Target
from resources.store.blobs import Blobs

if TYPE_CHECKING:
    from onnx import ModelProto


def cases(
    blobs: Blobs,
    spec: ModelSpec,
    records: Mapping[str, Record],
    verdicts: tuple[Verdict, ...],
    refused: Mapping[str, TargetEvidence],
) -> dict[str, Case]:
    """Target -> what is known of it, for each target that something refused.

    `records`: by stage, or `<target>__<stage>`; `refused`: target -> what its compiler said, where it refused. What
    refuses the model as a whole (an operator without a parser, say) stands in every target's case. Raises
    `StoreError`, `OnnxFileError`.
    """
    onnx = records.get("onnx")
    exported = onnx if isinstance(onnx, OnnxRecord) else None
    about = {
        target.key: tuple(verdict for verdict in verdicts if verdict.target in {"", target.key})
        for target in spec.targets
    }
    wanted = [target for target in spec.targets if not all(about[target.key])]
    model = _model(blobs, exported) if wanted else None
    return {
        target.key: _case(spec, target, exported, model, records, about[target.key], refused.get(target.key))
        for target in wanted
    }


def _case(
    spec: ModelSpec,
    target: Target,
    onnx: OnnxRecord | None,
    model: "ModelProto | None",
    records: Mapping[str, Record],
    verdicts: tuple[Verdict, ...],
    refusal: TargetEvidence | None,
) -> Case:
    from ascend_assets.diagnosis import gather

    om = records.get(f"{target.key}__om")
    precision, benchmark = records.get(f"{target.key}__precision"), records.get(f"{target.key}__benchmark")
    said = om.report if isinstance(om, OmRecord) else None
    return gather.case(
        model,
        om.info.options if isinstance(om, OmRecord) else options_for(spec, target, onnx.repair if onnx else None),
        diagnostics=refusal.refusals if refusal else said.warnings if said else (),
        log=refusal.log if refusal else said.log if said else "",
        verdicts=verdicts,
        comparison=precision.comparison if isinstance(precision, PrecisionRecord) else None,
        profile=benchmark.profile if isinstance(benchmark, BenchmarkRecord) else None,
    )


def _model(blobs: Blobs, onnx: OnnxRecord | None) -> "ModelProto | None":
    from resources import onnx_files

    return onnx_files.load(blobs.path(onnx.file)) if onnx else None
