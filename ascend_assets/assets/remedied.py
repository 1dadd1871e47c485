"""Remedies on the exported graph: those of the model's own file, then those of the candidate's repair.

Here belong carrying them out, and making sure that the graph still computes the same in FP32. Not here: the edits
(`resources/onnx_files/edits`), or which remedies there are (`ascend_assets/remedies`).
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ascend_assets import evaluation, images
from ascend_assets.remedies.apply import apply_graph
from ascend_assets.remedies.kinds import AnyRemedy
from ascend_assets.spec import ModelSpec
from resources import onnx_files
from resources.onnx_files import roles
from resources.onnx_files.edits import EditError

if TYPE_CHECKING:
    import onnx
    from numpy.typing import NDArray

_LONGEST = 500


class RemedyNotApplied(Exception):
    """A remedy that cannot be carried out on the exported graph, or that changes what it computes."""


def apply(spec: ModelSpec, exported: Path, remedies: Sequence[AnyRemedy], data: Path | None, output: Path) -> Path:
    """Write the exported graph with all remedies to `output`. `data`: evaluation samples; without, random inputs.

    After each run of remedies that touch no trained weight the graph is held against the one before in FP32; remedies
    of weights are for a person, who has accepted what they change. Raises `RemedyNotApplied`, `EvaluationError`.
    """
    import onnx

    from resources.onnx_files import equivalence

    model = onnx_files.load(exported)
    inputs = _samples(spec, model, data)
    for of_weights, each in _runs(remedies):
        try:
            after = apply_graph(model, each)
        except EditError as error:
            raise RemedyNotApplied(f"{_named(each)}: {str(error)[:_LONGEST]}: {_advice(spec, each)}") from error
        if not of_weights:
            found = equivalence.compare(model, after, inputs)
            if not found.equal:
                raise RemedyNotApplied(
                    f"{_named(each)}: the graph does not compute the same in FP32 afterwards: {found.why[:_LONGEST]}: "
                    f"{_advice(spec, each)}"
                )
        model = after
    try:
        onnx.save_model(model, output)
    except ValueError as error:  # a file of protobuf ends at 2 GiB
        raise RemedyNotApplied(f"{_named(remedies)}: the graph cannot be written: {str(error)[:_LONGEST]}") from error
    return output


def _samples(spec: ModelSpec, model: "onnx.ModelProto", data: Path | None) -> "dict[str, NDArray[Any]]":
    """One batch of the model's own inputs, as the first target is compiled for. Raises `EvaluationError`."""
    options = spec.targets[0].options(spec.inputs)
    taken = images.of_model(spec, [given.name for given in onnx_files.signature(model).inputs])
    loaded = evaluation.load(data, spec.inputs, taken) if data else None
    bounds = None if loaded else roles.bounds(model)
    return evaluation.samples_for_comparison(loaded, spec.inputs, images.batch_shapes(options), bounds=bounds)


def _runs(remedies: Sequence[AnyRemedy]) -> Iterator[tuple[bool, tuple[AnyRemedy, ...]]]:
    """Remedies in their order: as many at once as follow each other and are judged alike."""
    for of_weights, each in groupby(remedies, key=lambda remedy: remedy.needs_person):
        yield of_weights, tuple(each)


def _named(remedies: Iterable[AnyRemedy]) -> str:
    return ", ".join(dict.fromkeys(remedy.kind for remedy in remedies))


def _advice(spec: ModelSpec, remedies: Sequence[AnyRemedy]) -> str:
    if set(remedies) & set(spec.remedies):
        return "correct `remedies` in defs.yaml: they were written for another export"
    return "the repair was found on another file: build a new candidate"
