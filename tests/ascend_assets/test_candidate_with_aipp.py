"""A candidate whose target has AIPP: the device gets images, the FP32 reference what they were made into."""

from typing import Any

from cann_machine import machine, records
from imaged import AIPP, arrays, write_imaged
from sandbox import Sandbox
from stand_ins.installing import StandIns

from ascend_assets.records import BenchmarkRecord, DossierRecord, OmRecord, PrecisionRecord

__all__ = ["machine"]


def write(sandbox: Sandbox, soc: str, **changes: Any) -> None:
    write_imaged(sandbox.model, soc, **changes)
    sandbox.commit("a model of images")


def precision(sandbox: Sandbox) -> PrecisionRecord:
    found = records(sandbox)["precision"]
    assert isinstance(found, PrecisionRecord)
    return found


def test_a_candidate_is_compared_on_images_and_released(sandbox: Sandbox, machine: StandIns) -> None:
    write(sandbox, machine.soc)
    assert sandbox.run().success
    found = records(sandbox)
    om, compared, benchmark, dossier = (found[name] for name in ("om", "precision", "benchmark", "dossier"))
    assert isinstance(om, OmRecord)
    assert om.info.options.aipp
    assert isinstance(compared, PrecisionRecord)
    assert compared.inputs == "evaluation"
    assert {layer.node for layer in compared.comparison.layers} >= {"conv", "relu", "gemm"}
    assert compared.comparison.first_bad_layer is None
    (output,) = compared.comparison.outputs
    assert output.relative_euclidean_distance < 1e-2
    assert compared.task_metric is not None
    assert compared.task_metric.reference == 1.0
    assert compared.task_metric.device > 0.9
    assert isinstance(benchmark, BenchmarkRecord)
    assert benchmark.profile.batch == 4
    assert isinstance(dossier, DossierRecord)
    drop = next(v for v in dossier.verdicts if v.criterion == "task_metric_drop")
    assert drop.origin == "measured"
    assert "release" in found


def test_without_evaluation_data_layers_are_compared_on_random_images(sandbox: Sandbox, machine: StandIns) -> None:
    write(sandbox, machine.soc, data={})
    sandbox.run()
    found = precision(sandbox)
    assert found.inputs == "random"
    assert found.task_metric is None
    assert found.comparison.outputs[0].relative_euclidean_distance < 1e-2


def test_images_that_were_prepared_otherwise_show_in_the_task_metric(sandbox: Sandbox, machine: StandIns) -> None:
    """Red for blue: every layer is right on what it gets, and the answers are not."""
    write(sandbox, machine.soc, aipp=[{**AIPP, "rbuv_swap_switch": False}])
    assert not sandbox.run().success
    found = precision(sandbox)
    assert found.comparison.first_bad_layer is None
    assert found.task_metric is not None
    assert found.task_metric.device < found.task_metric.reference


def test_without_images_the_candidate_fails_before_anything_is_compiled(sandbox: Sandbox, machine: StandIns) -> None:
    without = {name: array for name, array in arrays().items() if name != "x.image"}
    write(sandbox, machine.soc, data=without)
    result = sandbox.run()
    assert not result.success
    said = " ".join(str(event.step_failure_data.error) for event in result.all_events if event.is_step_failure)
    assert "has no images for target" in said
    assert "array 'x.image': uint8 of shape (samples, 12, 12, 3), RGB888_U8" in said
    assert not machine.calls("atc")


def test_the_emulator_refuses_aipp(sandbox: Sandbox) -> None:
    write(sandbox, "Ascend310P3")
    result = sandbox.run()
    assert not result.success
    (refused,) = [e for e in result.get_asset_check_evaluations() if e.check_name == "conversion_errors"]
    assert "insert_op_conf" in str(refused.description)
