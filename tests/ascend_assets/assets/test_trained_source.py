"""A challenger becomes a candidate only if it is better: whatever its record claims, and whoever asks."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from learner import Learner
from learner_fixture import opened

from ascend_assets.assets import source
from ascend_assets.assets.freezing import OtherDefinition
from ascend_assets.assets.trained_source import NotBetter
from ascend_assets.codec import UnreadableRecord, write_record
from ascend_assets.records import SourceRecord
from ascend_assets.stage import Order
from ascend_assets.training import challenger
from ascend_assets.training.challenger import Attempt
from ascend_assets.training.compare import Paired
from ascend_assets.training.records import ChallengerRecord
from resources import tarball
from resources.store.objects import StoreError

EVEN = Paired(samples=100, both=90, only_challenger=0, only_champion=0)


@pytest.fixture(scope="module")
def learner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Learner]:
    with opened(tmp_path_factory.mktemp("learner")) as found:
        yield found


@pytest.fixture(scope="module")
def better(learner: Learner) -> ChallengerRecord:
    """A challenger that beats the champion, which is live in dev."""
    return challenged(learner)


def challenged(learner: Learner) -> ChallengerRecord:
    assert learner.sandbox.run().success
    learner.produce("new")
    tools, attempt = learner.sandbox.tools(), Attempt(7, "drift")
    return challenger.make(tools, "k", attempt, spec=learner.spec, production=learner.gathered())


def made(learner: Learner, record: ChallengerRecord | str, **order: str) -> SourceRecord:
    tools = learner.sandbox.tools()
    digest = record if isinstance(record, str) else write_record(tools.blobs, record)
    return source.make(tools, "k", Order(training=digest, **order), spec=learner.spec)


def test_a_better_one_is_frozen_with_its_files_and_its_number(
    learner: Learner, better: ChallengerRecord, tmp_path: Path
) -> None:
    found = made(learner, better)
    assert found.candidate == f"{better.at:%Y%m%d-%H%M}-ct-0007"
    assert found.training is not None
    assert (found.training.number, found.training.why, found.training.data) == (7, "drift", better.trained.sha256)
    blobs = learner.sandbox.store.blobs()
    folder = tarball.unpack(blobs.path(found.archive), tmp_path / "frozen")
    assert (folder / "trained" / "model.onnx").read_bytes() == blobs.read(better.file)
    assert (folder / "trained" / "evaluation.npz").read_bytes() == blobs.read(better.evaluation)
    assert (folder / "train.py").is_file()
    assert made(learner, better) == found, "the same challenger is the same candidate"


def test_it_is_frozen_as_it_was_trained_even_after_another_commit(learner: Learner, better: ChallengerRecord) -> None:
    (learner.sandbox.model / "notes.txt").write_text("later\n")
    learner.sandbox.commit("later")
    assert made(learner, better).commit == better.folder.commit != learner.sandbox.commit_id


def test_the_counts_are_judged_and_not_what_is_claimed(learner: Learner, better: ChallengerRecord) -> None:
    forged = better.model_copy(update={"production": EVEN, "accuracy": 1.0, "interval": (0.9, 1.0)})
    with pytest.raises(NotBetter, match="challenger 7 of tiny: not better on production's held-out samples"):
        made(learner, forged)


def test_one_that_has_forgotten_is_refused(learner: Learner, better: ChallengerRecord) -> None:
    worse = Paired(samples=100, both=50, only_challenger=0, only_champion=40)
    with pytest.raises(NotBetter, match="forgotten"):
        made(learner, better.model_copy(update={"original": worse}))


def test_one_that_was_not_compared_is_refused(learner: Learner, better: ChallengerRecord) -> None:
    with pytest.raises(NotBetter, match="not judged"):
        made(learner, better.model_copy(update={"production": None}))


def test_to_leave_the_champion_out_does_not_help(learner: Learner, better: ChallengerRecord) -> None:
    with pytest.raises(NotBetter, match=r"no champion, and the champion now is 1\.0\.0"):
        made(learner, better.model_copy(update={"champion": None, "production": None, "original": None}))


def test_a_champion_or_a_definition_that_came_since_ends_it(tmp_path: Path) -> None:
    with opened(tmp_path) as learner:
        record = challenged(learner)
        script = learner.sandbox.model / "train.py"
        script.write_text(script.read_text().replace("drawn(1, 400)", "drawn(5, 400)"))
        learner.sandbox.commit("other training data")
        assert learner.sandbox.run().success
        with pytest.raises(NotBetter, match=r"compared with 1\.0\.0 \(dev\), and the champion now is 1\.1\.0"):
            made(learner, record)
        again = challenged(learner)
        definition = learner.sandbox.model / "defs.yaml"
        definition.write_text(definition.read_text().replace("batch: 4", "batch: 2"))
        learner.sandbox.commit("another batch")
        with pytest.raises(OtherDefinition):
            made(learner, again)


def test_a_challenger_of_another_model_is_refused(learner: Learner, better: ChallengerRecord) -> None:
    with pytest.raises(NotBetter, match="no record of a challenger of tiny"):
        made(learner, better.model_copy(update={"model": "other"}))


def test_what_is_no_challenger_is_refused(learner: Learner) -> None:
    tools = learner.sandbox.tools()
    record = write_record(tools.blobs, learner_source(learner))
    with pytest.raises(NotBetter, match="no record of a challenger"):
        made(learner, record)
    with pytest.raises(UnreadableRecord):
        made(learner, tools.blobs.put_bytes(b'{"stage": "challenger"}', "x").sha256)
    with pytest.raises(StoreError):
        made(learner, "0" * 64)


@pytest.mark.parametrize("order", [{"commit": "HEAD"}, {"hub": "v1.0.0"}])
def test_it_is_made_of_its_own_files_alone(learner: Learner, better: ChallengerRecord, order: dict[str, str]) -> None:
    with pytest.raises(NotBetter, match="its own files"):
        made(learner, better, **order)


def test_a_model_that_is_no_longer_trained_again_has_no_challengers(learner: Learner, better: ChallengerRecord) -> None:
    spec = learner.spec.model_copy(update={"retraining": None})
    tools = learner.sandbox.tools()
    with pytest.raises(NotBetter, match="no `retraining`"):
        source.make(tools, "k", Order(training=write_record(tools.blobs, better)), spec=spec)


def learner_source(learner: Learner) -> SourceRecord:
    return source.make(learner.sandbox.tools(), "k", Order(), spec=learner.spec)
