"""Making a challenger: train the model on production's labelled samples as well, and set it against the champion.

Here belong the steps and their order. Not here: the split (`data.py`), running the two (`evaluating.py`), deciding
(`compare.py`), or the candidate that may come of it (`assets/trained_source.py`).
"""

from dataclasses import dataclass
from pathlib import Path

from ascend_assets import evaluation, images
from ascend_assets.assets import freezing, onnx
from ascend_assets.assets.onnx import Exported
from ascend_assets.evaluation import EvaluationData, EvaluationError
from ascend_assets.production.layout import environment
from ascend_assets.production.records import ProductionRecord
from ascend_assets.spec import ModelSpec
from ascend_assets.spec_production import Retraining
from ascend_assets.stage import Tools
from ascend_assets.training import champion, data, evaluating
from ascend_assets.training.champion import Found
from ascend_assets.training.compare import Paired, interval
from ascend_assets.training.data import Labelled, Split
from ascend_assets.training.records import ChallengerRecord, Folder, Rows
from resources.store.blobs import Artefact

TRAINED, JUDGED, EVALUATION = "trained.npz", "judged.npz", "evaluation.npz"


class NoChallenger(Exception):
    """There is nothing to train on, or nothing that it could be judged by. The message says what to do."""


@dataclass(frozen=True)
class Attempt:
    """What is tried: the number of this training of the model, and why it began."""

    number: int
    why: str


@dataclass(frozen=True)
class _Files:
    """The model's files, unpacked in `folder`, and where they are from."""

    folder: Path
    said: Folder


@dataclass(frozen=True)
class _Outcome:
    """How the challenger did, and the champion beside it."""

    accuracy: float
    production: Paired | None
    original: Paired | None


def make(
    tools: Tools, key: str, attempt: Attempt, *, spec: ModelSpec, production: ProductionRecord
) -> ChallengerRecord:
    """Train a challenger by the model's own files and compare it with the champion on the same samples.

    The files are those of the commit that is checked out, or as they lie there while some are not committed. Raises
    `NoChallenger`, `TrainingDataError` (`NotEnoughLabelled`), `CannotCompare`, `ExportError`, `OtherDefinition`.
    """
    retraining, at, found = _retraining(spec), tools.now(), champion.find(tools, spec)
    with tools.scratch() as scratch:
        labelled = _labelled(tools, spec, retraining, production, found)
        split = data.split(labelled, retraining.held_out, _judged_before(tools, spec, found))
        files = _freeze(tools, spec, scratch)
        trained = _keep(tools, scratch / TRAINED, split.trained_on)
        exported = onnx.export(spec, files.folder, scratch / "exported", on_line=tools.say, data=scratch / TRAINED)
        original, notes = _original(spec, exported)
        outcome = _outcome(tools, spec, exported, found, split.held_out, original)
        evaluated = None if notes else data.evaluated(original, split.held_out, _least(spec))
        return ChallengerRecord(
            key=key,
            made_from={"production": production.data_version},
            model=spec.name,
            number=attempt.number,
            at=at,
            why=attempt.why,
            folder=files.said,
            rows=_rows(labelled, split, production),
            trained=trained,
            judged=_keep(tools, scratch / JUDGED, split.held_out),
            file=tools.keep(exported.onnx, f"{spec.name}.onnx"),
            evaluation=_keep_evaluation(tools, scratch, exported, evaluated),
            accuracy=outcome.accuracy,
            champion=found.champion if found else None,
            production=outcome.production,
            original=outcome.original,
            interval=interval(outcome.production) if outcome.production else None,
            notes=notes,
        )


def _retraining(spec: ModelSpec) -> Retraining:
    if spec.retraining is None or spec.production is None:
        raise NoChallenger(f"{spec.name}: defs.yaml has no `retraining`: add it, with `production`")
    return spec.retraining


def _labelled(
    tools: Tools, spec: ModelSpec, retraining: Retraining, production: ProductionRecord, found: Found | None
) -> Labelled:
    if production.environment != environment(spec):
        raise NoChallenger(
            f"production's samples are of {production.environment}, and defs.yaml asks for {environment(spec)}: "
            f"gather them again, job {spec.name}_production"
        )
    data.require_enough(production.labelled if production.samples else 0, retraining.minimum_labelled)
    if production.samples is None:
        raise NoChallenger(f"production has no samples of {spec.name}: gather them, job {spec.name}_production")
    labelled = data.read(tools.blobs.path(production.samples), spec.inputs, _classes(found))
    data.require_enough(len(labelled), retraining.minimum_labelled)
    return labelled


def _classes(found: Found | None) -> int | None:
    """How many classes the champion tells apart, where its manifest says it."""
    outputs = found.release.signature.outputs if found else ()
    shape = outputs[0].shape if outputs else None
    return shape[1] if shape is not None and len(shape) > 1 and shape[1] > 0 else None


def _judged_before(tools: Tools, spec: ModelSpec, found: Found | None) -> EvaluationData | None:
    """The champion's evaluation data, none of which may be trained on; None where there is none that fits."""
    if found is None or found.release.evaluation is None:
        return None
    path = tools.blobs.path(found.release.evaluation)
    try:
        return evaluation.load(path, spec.inputs, images.of_model(spec, [one.name for one in spec.inputs]))
    except (EvaluationError, images.BadImages) as error:
        tools.say(f"the champion's evaluation data is of other inputs, and so not compared with: {error}")
        return None


def _freeze(tools: Tools, spec: ModelSpec, scratch: Path) -> _Files:
    archive = scratch / "source.tar"
    origin = freezing.freeze(tools.repository, spec.name, archive)
    freezing.require_same_definition(spec, archive, scratch / spec.name)
    stored = tools.keep(archive, f"{spec.name}.tar")
    said = Folder(commit=origin.commit, author=origin.author, dirty=origin.dirty, archive=stored)
    return _Files(scratch / spec.name, said)


def _keep(tools: Tools, path: Path, samples: EvaluationData) -> Artefact:
    path.write_bytes(data.npz_bytes(samples))
    return tools.keep(path, path.name)


def _keep_evaluation(tools: Tools, scratch: Path, exported: Exported, samples: EvaluationData | None) -> Artefact:
    """The evaluation data of the candidate that may come of it: the export's own file where nothing was added."""
    if samples is not None:
        return _keep(tools, scratch / EVALUATION, samples)
    if exported.evaluation is None:
        raise NoChallenger("the model's source left no evaluation data: retraining needs some")
    return tools.keep(exported.evaluation, EVALUATION)


def _original(spec: ModelSpec, exported: Exported) -> tuple[EvaluationData, tuple[str, ...]]:
    """The model's own evaluation data as the challenger's source left it, and why production's is not added to it."""
    if exported.evaluation is None:
        raise NoChallenger("the model's source left no evaluation data: retraining needs some")
    wanted = images.of_model(spec, [one.name for one in exported.signature.inputs])
    notes = (
        ("targets take images (AIPP), which production's samples are not: the evaluation data stays as it was",)
        if wanted
        else ()
    )
    return evaluation.load(exported.evaluation, spec.inputs, wanted), notes


def _least(spec: ModelSpec) -> int:
    """Fewer samples than this are nothing that drift could be judged by."""
    return spec.production.drift.minimum_samples if spec.production else 0


def _outcome(
    tools: Tools,
    spec: ModelSpec,
    exported: Exported,
    found: Found | None,
    held_out: EvaluationData,
    original: EvaluationData,
) -> _Outcome:
    first = spec.inputs[0].shape[0] if spec.inputs[0].shape else 1
    batch = first if isinstance(first, int) else evaluating.BATCH
    new, old = (evaluating.right(exported.onnx, samples, batch=batch) for samples in (held_out, original))
    accuracy = float(new.mean())
    if found is None:
        return _Outcome(accuracy, None, None)
    path = tools.blobs.path(found.release.onnx)
    before = [evaluating.right(path, samples, batch=batch) for samples in (held_out, original)]
    return _Outcome(accuracy, evaluating.paired(new, before[0]), evaluating.paired(old, before[1]))


def _rows(labelled: Labelled, split: Split, production: ProductionRecord) -> Rows:
    return Rows(
        labelled=len(labelled),
        held_out=split.held_out.samples,
        trained_on=split.trained_on.samples,
        repeated=split.repeated,
        refused=labelled.refused,
        window=production.window,
    )
