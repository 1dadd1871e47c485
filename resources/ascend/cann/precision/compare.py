"""Every layer on the device against FP32, with CANN's own tools.

Here belongs the order of a comparison: the FP32 reference of every node, one run on the device with a dump, the layers,
and a trial without fusion where something is beyond the limits. Everything lies in one private folder, which takes as
much room as all intermediate results four times, and goes with it. Not here: any tool's grammar, or the layers
(`measured_layers.py`).
"""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from resources import onnx_files
from resources.ascend.cann.errors import BadOutput
from resources.ascend.cann.om import om_file, om_identity
from resources.ascend.cann.precision import aipp_inputs, dump, fusion_trial, golden
from resources.ascend.cann.precision.fusion_trial import Recompile
from resources.ascend.cann.precision.golden import Reference
from resources.ascend.cann.precision.measured_layers import Dumped, Found, find_layers, read_dump
from resources.ascend.cann.running import inference
from resources.ascend.metrics import output_metrics
from resources.ascend.toolchain import BadLayer, Comparison, FusionTrial, OutputComparison, ToolchainError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from resources.ascend.cann.npus.devices import Device
    from resources.ascend.cann.om.om_file import OmFile
    from resources.ascend.cann.site import Site
    from resources.ascend.options import CompileOptions

    Tensors = Mapping[str, NDArray[Any]]


def compare(
    site: "Site",
    device: "Device",
    om: "OmFile",
    options: "CompileOptions",
    onnx: Path,
    inputs: "Tensors",
    recompile: Recompile,
) -> Comparison:
    """Compare every layer on one set of inputs; `onnx` is what the `.om` was compiled from.

    `first_bad_layer` is the first that breaks msit's limits (cosine similarity 0.99, relative Euclidean distance 0.05)
    or overflows, and does so on the inputs that it had on the device too. Raises `ValueError` for a wrong input and for
    what has no FP32 reference, `OnnxFileError`, `ToolFailed`, `BadOutput`, and what `inference.infer` raises.
    """
    _require_aipp(om, options)
    with tempfile.TemporaryDirectory(prefix="ascend-compare-") as name:
        task = _Task(site, device, options, onnx, inputs, Path(name).resolve())
        # Wrong inputs are refused before the device is touched; behind AIPP only the device has them.
        reference = None if options.aipp else task.reference(inputs)
        dumped = _folder(task.work / "dump")
        made = task.run(om, dumped)
        held = read_dump(site, dumped, task.work)
        reference = reference or task.behind_aipp(held)
        outputs = _compared(reference, made, om.path)
        found = find_layers(site, om, reference, held, task.work)
        trial = task.trial(outputs, found, recompile, reference)
    return Comparison(
        origin="measured",
        layers=found.layers,
        outputs=outputs,
        first_bad_layer=in_words(found.bad, outputs),
        not_compared=found.not_compared,
        fusion=trial,
    )


def _require_aipp(om: "OmFile", options: "CompileOptions") -> None:
    if not options.aipp and "insert_op_conf" in om_identity.parsed(om).files:
        raise ValueError(
            f"{om.path} has AIPP, of which the file keeps a digest alone: give the options it was made with"
        )


def _folder(path: Path) -> Path:
    path.mkdir()
    return path


@dataclass(frozen=True)
class _Task:
    """One comparison: what runs where, on which inputs. `work` is private."""

    site: "Site"
    device: "Device"
    options: "CompileOptions"
    onnx: Path
    inputs: "Tensors"
    work: Path

    def reference(self, inputs: "Tensors") -> Reference:
        """Every node in FP32, on the ONNX model's own inputs."""
        self.site.say("computing the FP32 reference")
        model = onnx_files.load(self.onnx)
        shapes = {name: array.shape for name, array in inputs.items()}
        fixed = onnx_files.with_shapes(model, shapes, None, in_place=True)
        return golden.write(fixed, inputs, _folder(self.work / "golden"))

    def behind_aipp(self, held: Dumped) -> Reference:
        """Every node in FP32, on what AIPP made of the images."""
        signature = onnx_files.signature(onnx_files.load(self.onnx))
        found = aipp_inputs.prepared(self.options, signature, self.inputs, held.tensors)
        for name in found.computed:
            self.site.say(f"the device kept nothing that AIPP made of input {name!r}: it is computed here")
        return self.reference(found.inputs)

    def run(self, om: "OmFile", dumped: Path | None = None) -> "dict[str, NDArray[Any]]":
        """An `.om`'s outputs on the device; `dumped`: where every operator's tensors go."""
        acl_json = None
        if dumped is not None:
            acl_json = self.work / "acl.json"
            acl_json.write_text(dump.ModelDump(models=(om.name,), folder=dumped).acl_json())
        self.site.say("running on the device" + (" with a dump of every operator" if dumped else ""))
        return inference.infer(self.site, self.device, om, self.options, self.inputs, acl_json=acl_json)

    def trial(
        self, outputs: tuple[OutputComparison, ...], found: Found, recompile: Recompile, reference: Reference
    ) -> FusionTrial | None:
        """The trial without fusion, where it can tell something; None too where it fails, which is said."""
        if not fusion_trial.wanted(outputs, bad_layer=found.bad is not None):
            return None
        self.site.say("compiling without fusion, to tell its errors from the arithmetic's")
        try:
            return fusion_trial.trial(
                self.options,
                outputs,
                lambda options, om: recompile(self.onnx, options, om),
                lambda om: _compared(reference, self.run(om_file.read(om)), om),
                self.work,
            )
        except ToolchainError as error:
            # The comparison itself stands; what the trial would add is whether fusion has a part in it.
            self.site.say(f"no trial without fusion: {error}")
            return None


def _compared(reference: Reference, made: "Tensors", om: Path) -> tuple[OutputComparison, ...]:
    """Every output by msaccucmp's metrics."""
    if not made:
        raise BadOutput(f"{om}: the device handed back no output")
    return tuple(output_metrics(name, made[name], _truth(reference, name, om)) for name in made)


def _truth(reference: Reference, name: str, om: Path) -> "NDArray[Any]":
    """The reference of an output, which ATC may call `tensor`, `node:place` or `node:place:tensor`."""
    node, _, rest = name.partition(":")
    place, _, tensor = rest.partition(":")
    candidates = [name, tensor]
    if place.isdigit():
        at = next((i for i, known in enumerate(reference.ge_names) if known == node), None)
        outputs = reference.graph.nodes[at].outputs if at is not None else ()
        candidates += outputs[int(place[:6]) :][:1]
    for candidate in filter(None, candidates):
        truth = reference.tensor(candidate)
        if truth is not None:
            return truth
    raise BadOutput(f"{om}: its output {name!r} is no tensor of the ONNX file: was it compiled from another one?")


def in_words(bad: BadLayer | None, outputs: tuple[OutputComparison, ...]) -> BadLayer | None:
    """The culprit, with a word about outputs that it does not spoil."""
    if bad is None or any(map(fusion_trial.bad_output, outputs)):
        return bad
    return bad.model_copy(update={"cause": f"{bad.cause}; the model's outputs stay within limits on these inputs"})
