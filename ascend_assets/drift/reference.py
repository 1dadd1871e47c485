"""What production is compared with: the evaluation data of the release that is live, and that release's answers to it.

Here belongs finding and computing it. Not here: comparing (`look.py`).
"""

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ascend_assets import evaluation, images
from ascend_assets.drift.records import DriftRecord
from ascend_assets.evaluation import EvaluationData
from ascend_assets.production.layout import answer, environment
from ascend_assets.spec import ModelSpec
from ascend_assets.stage import Tools
from resources import npz
from resources.digests import canonical_json, sha256_bytes
from resources.registry.releases import Release
from resources.store.blobs import Artefact, StoreError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BATCH = 32
"""Samples at a time where the model leaves the batch open."""


class NoReference(Exception):
    """There is nothing to compare production with. The message says why."""


class NoAnswers(Exception):
    """The release's answers are of no kind that production's could be compared with. The message says why."""


@dataclass(frozen=True, eq=False)
class Reference:
    """A release's evaluation data. `identity`: sha256 over the release and the data."""

    release: Release
    identity: str
    data: EvaluationData


def find(tools: Tools, spec: ModelSpec) -> Reference:
    """The reference for a model's production.

    Raises `NoReference`; and `LedgerBroken`, `RegistryError`, `StoreError` where nobody can say what is live.
    """
    place = environment(spec)
    entry = tools.ledger.live(place, spec.name)
    if entry is None:
        raise NoReference(f"nothing is live in {place}: there is no release to compare with")
    release = tools.registry.get(spec.name, entry.version, digest=entry.release_digest)
    if release.evaluation is None:
        raise NoReference(f"release {release.version} has no evaluation data: give the model some and release it again")
    names = [tensor.name for tensor in release.signature.inputs]
    try:
        data = evaluation.load(tools.blobs.path(release.evaluation), spec.inputs, images.of_model(spec, names))
    except evaluation.BadEvaluationData as error:
        raise NoReference(f"release {release.version}: its evaluation data cannot be used: {error}") from error
    identity = sha256_bytes(canonical_json({"release": release.digest, "evaluation": release.evaluation.sha256}))
    return Reference(release, identity, data)


def answers(
    tools: Tools, spec: ModelSpec, reference: Reference, before: DriftRecord | None
) -> "tuple[NDArray[Any], Artefact]":
    """The release's answers (samples,) to its evaluation data, by FP32 ONNX, and where they are stored.

    int64 classes where the metric is about classes, else float64. They are computed once for a release: a record from
    before names them. Raises `NoAnswers`, `StoreError`.
    """
    kept = _kept(tools, spec, reference, before)
    if kept is not None:
        return kept
    found = _computed(tools, spec, reference)
    return found, tools.blobs.put_bytes(_encoded(found), "answers.npy")


def _kept(
    tools: Tools, spec: ModelSpec, reference: Reference, before: DriftRecord | None
) -> "tuple[NDArray[Any], Artefact] | None":
    """What an earlier look computed, if it is still there and of the right kind."""
    if before is None or before.answers is None or before.reference != reference.identity:
        return None
    try:
        found = npz.read_array(tools.blobs.path(before.answers))
    except (StoreError, npz.BadNpz):
        # It was collected as garbage, or damaged: computing it again mends both.
        return None
    right = found.shape == (reference.data.samples,) and found.dtype == _dtype(spec)
    return (found, before.answers) if right else None


def _computed(tools: Tools, spec: ModelSpec, reference: Reference) -> "NDArray[Any]":
    import numpy as np

    from resources.onnx_files import sessions

    first = reference.release.signature.inputs[0].shape or ()
    batch = first[0] if first and first[0] > 0 else _BATCH
    try:
        session = sessions.reference(tools.blobs.path(reference.release.onnx))
        parts = [
            _answers(spec, session.run(part.inputs)[session.outputs[0]][: part.valid], part.valid)
            for part in evaluation.batches(reference.data, batch)
        ]
    except ValueError as error:
        raise NoAnswers(f"release {reference.release.version} cannot be run in FP32: {error}") from error
    return np.concatenate(parts)


def _answers(spec: ModelSpec, output: "NDArray[Any]", samples: int) -> "NDArray[Any]":
    """One answer for each sample: the best class, or the value."""
    import numpy as np

    if output.ndim == 0 or len(output) != samples:
        raise NoAnswers(f"the first output has shape {output.shape}: its first axis must be the samples")
    flat = output.reshape(samples, -1)
    if answer(spec) == "class":
        if output.ndim < 2 or flat.shape[1] != output.shape[1]:  # noqa: PLR2004 - samples and classes
            raise NoAnswers(f"the first output has shape {output.shape}: only scores of classes have one answer each")
        return np.asarray(flat.argmax(axis=1), dtype=np.int64)
    if flat.shape[1] != 1:
        raise NoAnswers(f"the first output has shape {output.shape}: more than one value for each sample")
    return np.asarray(flat[:, 0], dtype=np.float64)


def _dtype(spec: ModelSpec) -> str:
    return "int64" if answer(spec) == "class" else "float64"


def _encoded(array: "NDArray[Any]") -> bytes:
    import numpy as np

    sink = io.BytesIO()
    np.save(sink, array, allow_pickle=False)
    return sink.getvalue()
