"""Making a challenger: what it is trained on, what it is judged by, and what it says where that cannot be."""

import numpy as np
import pytest
from learner import TRAIN_PY, Learner, samples

from ascend_assets.assets.onnx import EntryFailed
from ascend_assets.evaluation import EvaluationData
from ascend_assets.production.records import ProductionRecord
from ascend_assets.training import challenger, evaluating
from ascend_assets.training.challenger import Attempt, NoChallenger
from ascend_assets.training.data import NotEnoughLabelled
from ascend_assets.training.evaluating import CannotCompare
from ascend_assets.training.records import ChallengerRecord
from resources import npz


def make(learner: Learner, production: ProductionRecord | None = None) -> ChallengerRecord:
    tools = learner.sandbox.tools()
    return challenger.make(
        tools, "k", Attempt(1, "hand"), spec=learner.spec, production=production or learner.gathered()
    )


def test_what_is_trained_on_is_an_artefact_and_holds_nothing_that_is_judged(learner: Learner) -> None:
    learner.produce("new")
    record = make(learner)
    blobs = learner.sandbox.store.blobs()
    trained, judged = npz.read(blobs.path(record.trained)), npz.read(blobs.path(record.judged))
    assert set(trained) == {"x", "labels"}
    assert (len(trained["x"]), len(judged["x"])) == (record.rows.trained_on, record.rows.held_out)
    assert record.rows.labelled == 600
    assert not {row.tobytes() for row in trained["x"]} & {row.tobytes() for row in judged["x"]}
    assert make(learner).trained == record.trained, "the same samples are the same data"


def test_the_challengers_evaluation_data_is_of_the_new_world(learner: Learner) -> None:
    learner.produce("new")
    record = make(learner)
    blobs = learner.sandbox.store.blobs()
    judged, evaluated = npz.read(blobs.path(record.judged)), npz.read(blobs.path(record.evaluation))
    assert {row.tobytes() for row in evaluated["x"]} <= {row.tobytes() for row in judged["x"]}
    assert len(evaluated["x"]) >= 100


def test_without_a_release_there_is_no_champion_and_the_gates_decide(learner: Learner) -> None:
    learner.produce("new")
    record = make(learner)
    assert (record.champion, record.production, record.original, record.interval) == (None, None, None, None)
    assert learner.spec.retraining is not None
    judged = record.judge(learner.spec.retraining, 0.02)
    assert judged
    assert "the gates alone decide" in judged.why


def test_counts_are_those_of_the_files(learner: Learner) -> None:
    assert learner.sandbox.run().success
    learner.produce("new")
    record = make(learner)
    assert record.production is not None
    blobs = learner.sandbox.store.blobs()
    judged = npz.read(blobs.path(record.judged))
    data = EvaluationData({"x": judged["x"]}, judged["labels"])
    new = evaluating.right(blobs.path(record.file), data)
    assert record.production.challenger == pytest.approx(new.mean()) == pytest.approx(record.accuracy)
    assert record.production.samples == record.rows.held_out
    assert record.interval is not None
    assert record.interval[0] <= record.production.difference <= record.interval[1]


@pytest.mark.parametrize("count", [0, 199])
def test_too_few_labels_are_refused_before_anything_is_trained(learner: Learner, count: int) -> None:
    if count:
        learner.produce("new", count)
    with pytest.raises(NotEnoughLabelled, match=f"{count} labelled samples.*asks for 200"):
        make(learner)


def test_samples_of_another_environment_are_refused(learner: Learner) -> None:
    learner.produce("new")
    elsewhere = learner.gathered().model_copy(update={"environment": "prod"})
    with pytest.raises(NoChallenger, match=r"samples are of prod, and defs\.yaml asks for dev"):
        make(learner, elsewhere)


def test_labels_that_are_no_class_are_not_trained_on(learner: Learner) -> None:
    assert learner.sandbox.run().success
    _, labels = samples("new", 600, 11)
    labels[:40] = 2**40
    learner.produce("new", labels=labels)
    record = make(learner)
    assert (record.rows.refused, record.rows.labelled) == (40, 560)


@pytest.mark.parametrize(
    ("spoilt", "said"),
    [
        ("raise SystemExit(3)", "exit code 3"),
        ("pass", "left no model.onnx"),
    ],
)
def test_a_training_that_fails_says_how(learner: Learner, spoilt: str, said: str) -> None:
    learner.produce("new")
    (learner.sandbox.model / "train.py").write_text(spoilt + "\n")
    learner.sandbox.commit("spoilt")
    with pytest.raises(EntryFailed, match=said) as caught:
        make(learner)
    assert "--data" in str(caught.value)


def test_a_challenger_that_answers_nothing_is_wrong_everywhere(learner: Learner) -> None:
    """NaN is no answer: such a challenger has won nothing."""
    assert learner.sandbox.run().success
    learner.produce("new")
    text = TRAIN_PY.replace("    ones =", "    x = x * np.nan if arguments.data else x\n    ones =")
    text = text.replace("np.linalg.lstsq(np.hstack([x, ones]),", "np.linalg.lstsq(np.nan_to_num(np.hstack([x, ones])),")
    text = text.replace(
        ".astype(np.float32)\n    graph", ".astype(np.float32) * (np.nan if arguments.data else 1)\n    graph"
    )
    (learner.sandbox.model / "train.py").write_text(text.replace("* (np.nan", "* np.float32(np.nan"))
    learner.sandbox.commit("no numbers")
    record = make(learner)
    assert record.production is not None
    assert record.production.challenger == 0.0
    assert learner.spec.retraining is not None
    assert not record.judge(learner.spec.retraining, 0.02)


def test_a_model_of_other_inputs_cannot_be_compared(learner: Learner) -> None:
    learner.produce("new")
    record = make(learner)
    data = EvaluationData({"y": np.zeros((3, 8), np.float32)}, np.zeros(3, np.int64))
    with pytest.raises(CannotCompare, match="missing x"):
        evaluating.right(learner.sandbox.store.blobs().path(record.file), data)


def test_a_file_that_is_no_model_cannot_be_compared(learner: Learner) -> None:
    path = learner.sandbox.root / "no.onnx"
    path.write_bytes(b"nothing")
    with pytest.raises(CannotCompare):
        evaluating.right(path, EvaluationData({"x": np.zeros((3, 8), np.float32)}, np.zeros(3, np.int64)))
