"""precision: how far the device is from FP32, layer by layer and in the task metric.

Here belongs running both sides on the same inputs. Not here: how layers are compared (`resources/ascend`), or what is
close enough (`gates/precision.py`).
"""

from ascend_assets import evaluation, images
from ascend_assets.records import OmRecord, OnnxRecord, PrecisionRecord, TaskMetric
from ascend_assets.spec import ModelSpec, Target
from ascend_assets.stage import Order, Tools
from resources import onnx_files
from resources.onnx_files import roles
from resources.onnx_files.sessions import reference as fp32


def make(
    tools: Tools, key: str, _order: Order, *, onnx: OnnxRecord, om: OmRecord, spec: ModelSpec, target: Target
) -> PrecisionRecord:
    """Compare every layer on one batch, and the task metric on all evaluation data.

    Where the target has AIPP the device gets images, and the reference what they were made into.
    """
    names = [given.name for given in onnx.signature.inputs]
    data = None
    if onnx.evaluation:
        data = evaluation.load(tools.blobs.path(onnx.evaluation), spec.inputs, images.of_model(spec, names))
    model, compiled = tools.blobs.path(onnx.file), tools.blobs.path(om.file)
    own = images.of_target(target, spec.inputs, names)
    inputs = evaluation.samples_for_comparison(
        data and data.taken_by(target.key),
        images.taken(spec.inputs, own),
        images.taken_shapes(om.info.options, own),
        bounds=None if data else roles.bounds(onnx_files.parse(model)),
    )
    comparison = tools.toolchain.compare(compiled, target.soc_version, model, inputs, options=om.info.options)
    return PrecisionRecord(
        key=key,
        made_from={"onnx": onnx.data_version, "om": om.data_version},
        target=target.key,
        origin=comparison.origin,
        toolchain=tools.toolchain.describe(),
        comparison=comparison,
        task_metric=_task_metric(tools, onnx, om, spec, target, data),
        inputs="random" if data is None else "evaluation",
        samples=target.batch,
    )


def _task_metric(
    tools: Tools,
    onnx: OnnxRecord,
    om: OmRecord,
    spec: ModelSpec,
    target: Target,
    data: evaluation.EvaluationData | None,
) -> TaskMetric | None:
    if spec.evaluation is None or data is None:
        return None
    reference = fp32(tools.blobs.path(onnx.file))
    with tools.toolchain.session(tools.blobs.path(om.file), target.soc_version) as device:
        return evaluation.task_metric(
            reference.run, device, data, spec.evaluation.metric, batch=target.batch, taken=data.taken_by(target.key)
        )
