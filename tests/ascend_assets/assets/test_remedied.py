"""Remedies on the exported graph, a model's own and a repair's: carried out, held against the original, recorded."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from project_fixtures import sandbox
from repairable import masked_model, write_masked
from sandbox import Sandbox
from tiny import DEFS_YAML

from ascend_assets import history, models
from ascend_assets.assets import remedied
from ascend_assets.assets.remedied import RemedyNotApplied
from ascend_assets.codec import read_record
from ascend_assets.records import OnnxRecord, SourceRecord
from ascend_assets.remedies import kinds
from ascend_assets.spec import ModelSpec

__all__ = ["sandbox"]

CLAMP = kinds.ClampConstants(tensors=("mask",), bound=10000.0)
REMEDIES = "  remedies:\n    - {kind: clamp_constants, tensors: [mask], bound: 10000.0}\n"
TRAINS = '''\
"""Weights that are a little different each time."""

import argparse
import shutil
import time
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

HERE = Path(__file__).parent


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--output", type=Path, required=True)
    output = parser.parse_args().output
    model = onnx.load(HERE / "seed.onnx")
    (second,) = (tensor for tensor in model.graph.initializer if tensor.name == "second")
    noise = np.float32(1 + 1e-6 * (time.time_ns() % 1000))
    second.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(second) * noise, "second"))
    onnx.save(model, output / "model.onnx")
    shutil.copy(HERE / "samples.npz", output / "evaluation.npz")


main()
'''


@pytest.fixture
def spec(tmp_path: Path) -> ModelSpec:
    write_masked(tmp_path / "tiny")
    return models.load(tmp_path / "tiny")


def exported(sandbox: Sandbox) -> OnnxRecord:
    made = history.latest(sandbox.instance, ("tiny", "onnx"))
    assert made is not None
    record = read_record(sandbox.store.blobs(), made.record)
    assert isinstance(record, OnnxRecord)
    return record


def constant(path: Path, name: str) -> np.ndarray:
    (found,) = (t for t in onnx.load(path).graph.initializer if t.name == name)
    return numpy_helper.to_array(found)


def test_each_remedy_is_carried_out_in_its_order(spec: ModelSpec, tmp_path: Path) -> None:
    source, output = tmp_path / "tiny" / "model.onnx", tmp_path / "out.onnx"
    before = source.read_bytes()
    remedied.apply(spec, source, (CLAMP, kinds.ConvertOpset(to=14)), tmp_path / "tiny" / "evaluation.npz", output)
    assert constant(output, "mask").min() == -10000
    assert onnx.load(output).opset_import[0].version == 14
    assert source.read_bytes() == before


def test_what_changes_the_model_is_refused_by_name(spec: ModelSpec, tmp_path: Path) -> None:
    """A bound so low that the mask masks no more."""
    low = kinds.ClampConstants(tensors=("mask",), bound=0.5)
    with pytest.raises(RemedyNotApplied, match="clamp_constants: the graph does not compute the same in FP32"):
        remedied.apply(spec, tmp_path / "tiny" / "model.onnx", (low,), None, tmp_path / "out.onnx")
    assert not (tmp_path / "out.onnx").exists()


def test_what_cannot_be_carried_out_is_refused_with_the_place_to_correct(spec: ModelSpec, tmp_path: Path) -> None:
    gone = kinds.ClampConstants(tensors=("gone",), bound=1.0)
    written = spec.model_copy(update={"remedies": (gone,)})
    with pytest.raises(RemedyNotApplied, match=r"correct `remedies` in defs\.yaml"):
        remedied.apply(written, tmp_path / "tiny" / "model.onnx", (gone,), None, tmp_path / "out.onnx")
    with pytest.raises(RemedyNotApplied, match="found on another file"):
        remedied.apply(spec, tmp_path / "tiny" / "model.onnx", (gone,), None, tmp_path / "out.onnx")


def test_a_merged_remedy_of_weights_may_change_the_model(spec: ModelSpec, tmp_path: Path) -> None:
    """Who wrote it into the file answers for it: that is what a person's decision is."""
    clamped = kinds.ClampWeights(tensors=("first",), bound=0.25)
    remedied.apply(spec, tmp_path / "tiny" / "model.onnx", (clamped,), None, tmp_path / "out.onnx")
    assert abs(constant(tmp_path / "out.onnx", "first")).max() == 0.25


def test_a_models_own_remedies_make_it_pass_and_stand_in_its_record(sandbox: Sandbox) -> None:
    write_masked(sandbox.model, definition=DEFS_YAML + REMEDIES)
    sandbox.commit()
    assert sandbox.run().success
    record = exported(sandbox)
    assert record.remedies == (CLAMP,)
    assert record.repair is None
    assert record.exported is not None
    assert record.exported.sha256 != record.file.sha256
    assert sandbox.run().success
    assert exported(sandbox) == record, "the same remedies again give the same bytes"


def test_other_remedies_are_another_file(sandbox: Sandbox) -> None:
    write_masked(sandbox.model, definition=DEFS_YAML + REMEDIES)
    sandbox.commit()
    sandbox.run()
    first = exported(sandbox)
    write_masked(sandbox.model, definition=DEFS_YAML + REMEDIES.replace("10000", "20000"))
    sandbox.commit()
    assert sandbox.run().success
    assert exported(sandbox).file.sha256 != first.file.sha256


def test_a_remedy_that_does_not_fit_stops_the_candidate_before_anything_is_compiled(sandbox: Sandbox) -> None:
    write_masked(sandbox.model, definition=DEFS_YAML + REMEDIES.replace("mask", "gone"))
    sandbox.commit()
    result = sandbox.run()
    assert not result.success
    failure = next(event for event in result.all_events if event.is_step_failure)
    assert failure.step_key == "tiny__onnx"
    assert "correct `remedies` in defs.yaml" in str(failure.step_failure_data.error_display_string)


def test_what_a_models_own_code_made_is_repaired_and_never_made_again(sandbox: Sandbox) -> None:
    """Each run of this code gives other weights: a repair is of exactly the file that was refused."""
    folder = sandbox.model
    for old in folder.iterdir():
        old.unlink()
    definition = DEFS_YAML.replace("{onnx: model.onnx}", "{python: train.py, timeout_minutes: 2}").replace(
        ", data: evaluation.npz", ""
    )
    definition += "  requirements: {python: requirements.txt}\n"
    write_masked(folder, definition=definition)
    (folder / "model.onnx").rename(folder / "seed.onnx")
    (folder / "evaluation.npz").rename(folder / "samples.npz")
    (folder / "train.py").write_text(TRAINS)
    (folder / "requirements.txt").write_text("numpy==2.4.6\nonnx==1.23.2\n")
    sandbox.commit()
    assert not sandbox.run().success
    failed = exported(sandbox)
    job = sandbox.definitions().resolve_job_def("tiny_repair")
    assert job.execute_in_process(instance=sandbox.instance, raise_on_error=False).success
    repaired = exported(sandbox)
    assert repaired.exported == failed.file
    assert repaired.evaluation == failed.evaluation
    source = history.latest(sandbox.instance, ("tiny", "source"))
    assert source is not None
    record = read_record(sandbox.store.blobs(), source.record)
    assert isinstance(record, SourceRecord)
    assert record.repair is not None


def test_records_that_were_stored_before_keep_their_bytes() -> None:
    signature: dict[str, list[str]] = {"inputs": [], "outputs": []}
    file = {"sha256": "a" * 64, "size": 1, "name": "model.onnx"}
    stored = {"stage": "onnx", "key": "", "made_from": {}, "file": file, "signature": signature, "evaluation": None}
    record = OnnxRecord.model_validate(stored)
    assert record.model_dump(mode="json") == stored
    assert record.data_version == "a" * 64


def test_the_sample_is_what_it_says() -> None:
    onnx.checker.check_model(masked_model(), full_check=True)
