"""PyTorch's two exporters behind one call: `write(job, path, exporter)`.

Here belong what each of them must be told, and how their failures are named. Not here: whether what they wrote is right
(`torch_export.py`).
"""

import importlib.util
import inspect
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import torch

Exporter = Literal["torchscript", "dynamo"]
DynamicAxes = Mapping[str, Mapping[int, str]]
"""Input name -> axis -> name of the dimension, which `defs.yaml` then declares."""

OPSETS = range(13, 19)
DEFAULT_OPSET: dict[Exporter, int] = {"torchscript": 17, "dynamo": 18}
"""The dynamo exporter works in 18 and converts down, which fails for some operators (ReduceMean, say)."""


class TorchExportError(Exception):
    """Base of why there is no file. The message says what to do."""


class WrongArguments(TorchExportError, ValueError):
    """Names, axes or an opset that do not fit the model."""


class ExporterFailed(TorchExportError):
    """PyTorch's exporter is not installed, or gave up on the model."""


@dataclass(frozen=True)
class Job:
    """What is exported: a model in evaluation mode, its inputs by name, names of its outputs, and the open axes."""

    model: "torch.nn.Module"
    inputs: "Mapping[str, torch.Tensor]"
    output_names: tuple[str, ...]
    axes: DynamicAxes
    opset: int

    @property
    def batch(self) -> str | None:
        """The name of the open first axis, None where every input's first axis is fixed."""
        return next((axes[0] for axes in self.axes.values() if 0 in axes), None)

    def one_more(self) -> "dict[str, torch.Tensor]":
        """The inputs with one sample more along every open first axis: the first sample again."""
        import torch

        return {
            name: torch.cat([tensor, tensor[:1]]) if 0 in self.axes.get(name, {}) else tensor
            for name, tensor in self.inputs.items()
        }

    def outputs(self, inputs: "Mapping[str, torch.Tensor]") -> "dict[str, torch.Tensor]":
        """What PyTorch computes, by output name. Raises `WrongArguments` where the names do not fit."""
        outputs = tuple(_tensors(self.model(*inputs.values())))
        if len(outputs) != len(self.output_names):
            raise WrongArguments(
                f"output_names has {len(self.output_names)} names, but forward() returns {len(outputs)} tensors"
            )
        return dict(zip(self.output_names, outputs, strict=True))


def default_exporter() -> Exporter:
    """TorchScript's exporter where this torch still has it, else dynamo's."""
    return "torchscript" if importlib.util.find_spec("torch.onnx.symbolic_opset17") else "dynamo"


def write(job: Job, path: Path, exporter: Exporter) -> None:
    """Let the exporter write the file. Raises `WrongArguments` or `ExporterFailed`."""
    try:
        with warnings.catch_warnings():
            # The tracer's remarks and deprecations of what was chosen on purpose; comparing outputs settles both.
            warnings.simplefilter("ignore")
            _WRITERS[exporter](job, path)
    except TorchExportError:
        raise
    except ImportError as error:
        raise ExporterFailed(
            f"the {exporter} exporter needs the package {error.name!r}: pip install 'ascend-assets[torch]'"
        ) from error
    except Exception as error:  # exporters raise whatever their insides raise, down to RuntimeError
        other = "dynamo" if exporter == "torchscript" else "torchscript"
        raise ExporterFailed(
            f"the {exporter} exporter gave up on the model: {_cause(error)}; try exporter={other!r}, or another opset "
            f"than {job.opset}"
        ) from error


def _cause(error: BaseException) -> str:
    """The first line of what went wrong first; the dynamo exporter wraps it in pages of advice."""
    while error.__cause__ is not None:
        error = error.__cause__
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0]}"


def _torchscript(job: Job, path: Path) -> None:
    import torch

    axes = {name: dict(open_axes) for name, open_axes in job.axes.items()}
    if job.batch is not None:
        once, more = job.outputs(job.inputs), job.outputs(job.one_more())
        axes |= {name: {0: job.batch} for name in once if once[name].shape[:1] != more[name].shape[:1]}
    torch.onnx.export(
        job.model,
        tuple(job.inputs.values()),
        str(path),
        input_names=list(job.inputs),
        output_names=list(job.output_names),
        dynamic_axes=axes,
        opset_version=job.opset,
        dynamo=False,
    )


def _dynamo(job: Job, path: Path) -> None:
    import torch

    torch.onnx.export(
        job.model,
        # torch.export takes a size of 1 for a constant: one sample more keeps the batch open.
        tuple(job.one_more().values()),
        str(path),
        input_names=list(job.inputs),
        output_names=list(job.output_names),
        dynamic_shapes=_dynamic_shapes(job),
        opset_version=job.opset,
        dynamo=True,
        external_data=False,
        verbose=False,
    )


def _dynamic_shapes(job: Job) -> dict[str, object]:
    """The open axes by parameter of `forward`, as torch.export wants them: for `*inputs` one tuple of them."""
    import torch

    symbols = {name: torch.export.Dim(name) for open_axes in job.axes.values() for name in open_axes.values()}
    shapes = [{axis: symbols[symbol] for axis, symbol in job.axes.get(name, {}).items()} for name in job.inputs]
    signature = inspect.signature(job.model.forward)
    bound: dict[str, object] = dict(signature.bind(*shapes).arguments)
    return bound


_WRITERS = {"torchscript": _torchscript, "dynamo": _dynamo}


def _tensors(value: object) -> "Iterator[torch.Tensor]":
    """The tensors of what `forward` returned, in the order in which exporters name them."""
    import torch

    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _tensors(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _tensors(item)
    elif value is not None:
        raise WrongArguments(f"forward() returns a {type(value).__name__}: return tensors, or tuples or dicts of them")
