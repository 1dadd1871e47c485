"""PyTorch to an ONNX file that ATC can take: `export(model, example_inputs, path, input_names=..., output_names=...)`.

Here belongs proving what an exporter wrote: one operator domain, an opset and operators that ATC knows, and outputs
equal to PyTorch's on the example inputs. An export is not done until its outputs match. Not here: how PyTorch's
exporters are driven (`torch_exporters.py`), what ATC takes (`atc_safe.py`), or running a model's entry
(`ascend_assets/assets/onnx.py`).

Needs the extra: `pip install 'ascend-assets[torch]'`. The TorchScript exporter needs torch alone; the dynamo exporter
needs onnxscript as well.
"""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ascend_assets.export import atc_safe
from ascend_assets.export.torch_exporters import (
    DEFAULT_OPSET,
    OPSETS,
    DynamicAxes,
    Exporter,
    ExporterFailed,
    Job,
    TorchExportError,
    WrongArguments,
    default_exporter,
    write,
)
from resources import onnx_files

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray
    from onnx import ModelProto

__all__ = ["ExporterFailed", "NotAtcSafe", "OutputsDiffer", "TorchExportError", "WrongArguments", "export"]

ABSOLUTE, RELATIVE = 1e-4, 1e-3
"""Two CPU libraries differ in FP32 by the order of sums, about 1e-6 per layer; a wrong operator by far more."""


class NotAtcSafe(TorchExportError):
    """The exporter made a graph that ATC would refuse. `reasons` has every one."""

    def __init__(self, reasons: tuple[str, ...]) -> None:
        self.reasons = reasons
        super().__init__("ATC cannot compile the exported graph:\n" + "\n".join(f"  - {reason}" for reason in reasons))


class OutputsDiffer(TorchExportError):
    """The exported graph computes something else than the model."""


def export(  # noqa: PLR0913 - the arguments of torch.onnx.export that matter here, by its names
    model: "torch.nn.Module",
    example_inputs: "torch.Tensor | Sequence[torch.Tensor]",
    path: Path | str,
    *,
    input_names: Sequence[str],
    output_names: Sequence[str],
    dynamic_axes: DynamicAxes | None = None,
    opset: int | None = None,
    exporter: Exporter | None = None,
) -> Path:
    """Write `model` to `path`, whole or not at all, and return the path.

    `example_inputs`: the tensors that `forward` takes, in its order; one name each, and one per output. `dynamic_axes`:
    by default the first axis of every input is open and called `batch`; `{}` fixes all shapes. `opset`: 13 to 18; by
    default 17 from TorchScript, 18 from dynamo. `exporter`: by default TorchScript's where this torch has it, because
    its graphs are plain operators of one domain; else dynamo's. The model is exported in evaluation mode and left in
    the mode that it was in. Outputs are compared with PyTorch's on the example inputs and, where a first axis is open,
    on one sample more, within 1e-4 + 1e-3 * |expected|.

    Raises `WrongArguments`, `ExporterFailed`, `NotAtcSafe` or `OutputsDiffer`, all of them `TorchExportError`.
    """
    chosen = exporter or default_exporter()
    inputs = _named(example_inputs, input_names, output_names)
    axes = {name: {0: "batch"} for name, t in inputs.items() if t.ndim} if dynamic_axes is None else dynamic_axes
    job = Job(model, inputs, tuple(output_names), axes, opset or DEFAULT_OPSET[chosen])
    _check(job)
    with _evaluating(model), tempfile.TemporaryDirectory(prefix="torch-export-") as folder:
        raw = Path(folder) / "model.onnx"
        write(job, raw, chosen)
        settled = _settled(job, raw, chosen)
        _compare(job, settled)
    _place(settled, Path(path))
    return Path(path)


def _named(
    example_inputs: "torch.Tensor | Sequence[torch.Tensor]", input_names: Sequence[str], output_names: Sequence[str]
) -> "dict[str, torch.Tensor]":
    import torch

    inputs = (example_inputs,) if isinstance(example_inputs, torch.Tensor) else tuple(example_inputs)
    if not inputs or not all(isinstance(tensor, torch.Tensor) for tensor in inputs):
        raise WrongArguments("example_inputs must be one tensor or a sequence of tensors, one per input")
    names = [*input_names, *output_names]
    if len(input_names) != len(inputs) or len(set(names)) != len(names) or not output_names:
        raise WrongArguments(
            f"input_names {list(input_names)} and output_names {list(output_names)} must be different names, one for "
            f"each of the {len(inputs)} example inputs and one for each output"
        )
    return dict(zip(input_names, inputs, strict=True))


def _check(job: Job) -> None:
    if job.opset not in OPSETS:
        raise WrongArguments(f"opset is {job.opset}; allowed: {OPSETS.start} to {OPSETS.stop - 1}")
    for name, axes in job.axes.items():
        if name not in job.inputs:
            raise WrongArguments(f"dynamic_axes: {name!r} is no input; allowed: {', '.join(job.inputs)}")
        rank = job.inputs[name].ndim
        wrong = [axis for axis in axes if not 0 <= axis < rank]
        if wrong:
            raise WrongArguments(f"dynamic_axes: {name!r} has no axis {wrong}; allowed: 0 to {rank - 1}")


@contextmanager
def _evaluating(model: "torch.nn.Module") -> Iterator[None]:
    """Evaluation mode without gradients; every module's own mode afterwards."""
    import torch

    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, mode in modes.items():
            module.training = mode


def _settled(job: Job, raw: Path, exporter: Exporter) -> "ModelProto":
    """What the exporter wrote, settled for ATC. Raises `ExporterFailed` or `NotAtcSafe`."""
    try:
        settled = atc_safe.settle(onnx_files.load(raw))
    except onnx_files.OnnxFileError as error:
        raise ExporterFailed(f"the {exporter} exporter left a file that cannot be used: {error}") from error
    reasons = atc_safe.problems(settled, tuple(job.inputs), job.output_names, opset=job.opset)
    if reasons:
        raise NotAtcSafe(reasons)
    return settled


def _compare(job: Job, model: "ModelProto") -> None:
    """Run the graph in ONNX Runtime beside PyTorch. Raises `OutputsDiffer`."""
    for inputs in (job.inputs, *((job.one_more(),) if job.batch is not None else ())):
        expected = job.outputs(inputs)
        found = _infer(model, {name: tensor.detach().cpu().numpy() for name, tensor in inputs.items()})
        for name, tensor in expected.items():
            _check_equal(name, found[name], tensor.detach().cpu().numpy())


def _infer(model: "ModelProto", inputs: "Mapping[str, NDArray[Any]]") -> "dict[str, NDArray[Any]]":
    import onnxruntime

    try:
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        names = [output.name for output in session.get_outputs()]
        return dict(zip(names, session.run(names, dict(inputs)), strict=True))
    except Exception as error:  # ONNX Runtime's exceptions have no base but Exception
        shapes = {name: array.shape for name, array in inputs.items()}
        raise OutputsDiffer(
            f"ONNX Runtime cannot run the exported graph on inputs of shapes {shapes}: {error}"
        ) from error


def _check_equal(name: str, found: "NDArray[Any]", expected: "NDArray[Any]") -> None:
    import numpy as np

    if found.shape != expected.shape or found.dtype != expected.dtype:
        raise OutputsDiffer(
            f"output {name!r} is {found.dtype} {found.shape}, PyTorch's is {expected.dtype} {expected.shape}: "
            "forward() decides something by the example's shape; change that, or fix the shape with dynamic_axes={}"
        )
    if not np.allclose(found, expected, rtol=RELATIVE, atol=ABSOLUTE, equal_nan=True):
        worst = np.abs(found.astype(np.float64) - expected.astype(np.float64)).max()
        raise OutputsDiffer(
            f"output {name!r} differs from PyTorch's by up to {worst:.3g}: forward() uses random numbers or branches "
            "on values; remove that, or try the other exporter"
        )


def _place(model: "ModelProto", target: Path) -> None:
    """Write beside the target and rename: a crash leaves the old file or the new one."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".torch-export-", dir=target.parent) as folder:
        written = Path(folder) / target.name
        written.write_bytes(model.SerializeToString(deterministic=True))
        written.replace(target)
