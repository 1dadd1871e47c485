"""The precision gate: the worst output decides, and the sentence says where the fault lies."""

import math
from typing import Any

import pytest
from evidence_samples import chain, comparison, layer, output, precision, spec, toolchain
from hypothesis import given
from hypothesis import strategies as st

from ascend_assets.gates import precision as gate
from ascend_assets.gates.verdict import Verdict
from ascend_assets.records import PrecisionRecord, TaskMetric
from resources.ascend.toolchain import BadLayer, Comparison, FusionTrial, NotCompared, SmallConstant

CHAIN = chain(spec())
ONNX, TARGETS = CHAIN[1], CHAIN[3]
OM = TARGETS["Ascend310P3"][0]


def record(**fields: Any) -> PrecisionRecord:
    return precision(ONNX, OM, **fields)


def judge(found: PrecisionRecord, **fields: Any) -> dict[str, Verdict]:
    return {v.criterion: v for v in gate.judge(found, spec(**fields))}


def compared(**fields: Any) -> dict[str, Verdict]:
    return judge(record(comparison=comparison(**fields)))


def top1(reference: float, device: float) -> TaskMetric:
    return TaskMetric(name="top1", higher_is_better=True, reference=reference, device=device, samples=1000)


def error(reference: float, device: float) -> TaskMetric:
    metric = "mean_absolute_error"
    return TaskMetric(name=metric, higher_is_better=False, reference=reference, device=device, samples=1000)


def test_a_precise_target_passes_in_dev() -> None:
    verdicts = judge(record())
    assert tuple(verdicts) == gate.CRITERIA_NAMES
    for verdict in verdicts.values():
        assert verdict.passed, verdict
        assert verdict.admits == ("dev",)
        assert verdict.subject == OM.file.sha256
        assert verdict.target == "Ascend310P3"


def test_measured_evidence_goes_on_to_prod() -> None:
    measured = record(origin="measured", comparison=comparison("measured"), toolchain=toolchain("measured"))
    assert all(v.admits == ("dev", "staging", "prod") for v in judge(measured).values())


def test_emulated_in_any_part_of_the_record_keeps_it_in_dev() -> None:
    disguised = record(origin="measured", comparison=comparison("emulated"), toolchain=toolchain("measured"))
    assert all(v.origin == "emulated" and v.admits == ("dev",) for v in judge(disguised).values())


@pytest.mark.parametrize(
    ("field", "bad"),
    [
        ("cosine_similarity", 0.98),
        ("relative_euclidean_distance", 0.06),
        ("kullback_leibler_divergence", 0.006),
        ("root_mean_square_error", 1.1),
        ("mean_relative_error", 1.1),
    ],
)
def test_the_worst_output_decides_and_is_named(field: str, bad: float) -> None:
    outputs = (output(name="boxes"), output(name="scores", **{field: bad}), output(name="masks"))
    found = compared(outputs=outputs)[field]
    assert not found.passed
    assert found.value == bad
    assert "on output 'scores', the worst of 3" in found.why


@pytest.mark.parametrize("field", gate.OUTPUT_METRICS)
def test_nan_in_one_output_fails_and_is_found(field: str) -> None:
    found = compared(outputs=(output(name="fine"), output(name="broken", **{field: math.nan})))[field]
    assert found.value is not None
    assert math.isnan(found.value)
    assert found.admits == ()
    assert "'broken'" in found.why


def test_a_failing_sentence_names_the_first_bad_layer_and_its_cause() -> None:
    bad = BadLayer(node="/norm/Pow", op="Pow", cause="squares below 6e-8 become 0")
    why = compared(outputs=(output(cosine_similarity=0.5),), first_bad_layer=bad)["cosine_similarity"].why
    assert "First bad layer: /norm/Pow (Pow), squares below 6e-8 become 0" in why


def test_a_failing_sentence_says_if_no_layer_is_the_culprit() -> None:
    assert "errors add up" in compared(outputs=(output(cosine_similarity=0.5),))["cosine_similarity"].why


def test_numbers_lost_in_fp32_already_are_not_blamed_on_rounding() -> None:
    lost = layer(node="first", cosine_similarity=math.nan, relative_euclidean_distance=math.nan)
    found = compared(layers=(lost,), outputs=(output(cosine_similarity=math.nan),), first_bad_layer=None)
    assert "no numbers from first" in found["cosine_similarity"].why
    assert "errors add up" not in found["cosine_similarity"].why


def test_a_passing_sentence_blames_nobody() -> None:
    bad = BadLayer(node="/norm/Pow", op="Pow", cause="squares below 6e-8 become 0")
    assert "First bad layer" not in compared(first_bad_layer=bad)["cosine_similarity"].why


def test_mean_relative_error_near_zero_says_what_to_do() -> None:
    why = compared(outputs=(output(mean_relative_error=40.0),))["mean_relative_error"].why
    assert "elements near 0 make the figure" in why
    assert "gates.mean_relative_error" in why


def test_mean_relative_error_is_not_excused_when_other_figures_fail_too() -> None:
    both = output(mean_relative_error=40.0, cosine_similarity=0.7)
    assert "elements near 0" not in compared(outputs=(both,))["mean_relative_error"].why


def test_a_model_can_give_its_own_limit() -> None:
    found = judge(
        record(comparison=comparison(outputs=(output(mean_relative_error=40.0),))), gates={"mean_relative_error": 50}
    )
    assert found["mean_relative_error"].passed


def test_random_inputs_are_told() -> None:
    verdicts = judge(record(inputs="random"))
    assert "on random inputs, 8 samples" in verdicts["cosine_similarity"].why
    assert "need not reach the ranges" in verdicts["overflow_layers"].why
    assert not any("random" in verdict.why for verdict in judge(record()).values())


def test_elements_that_are_not_finite_are_summed_over_outputs() -> None:
    found = compared(outputs=(output(name="a", non_finite=2), output(name="b"), output(name="c", non_finite=3)))
    verdict = found["non_finite_outputs"]
    assert verdict.value == 5
    assert not verdict.passed
    assert "2 elements of 'a'; 3 elements of 'c'" in verdict.why


def test_one_overflowing_layer_is_refused_by_name() -> None:
    found = compared(layers=(layer(0), layer(1, node="/mask/Mul", op="Mul", overflow=7)))["overflow_layers"]
    assert found.value == 1
    assert not found.passed
    assert "overflow in 1 of 2 layers" in found.why
    assert "/mask/Mul (Mul): 7 elements" in found.why


def underflow(**fields: Any) -> Verdict:
    return compared(layers=(layer(0), layer(1, **fields)))["underflow_layers"]


def test_underflow_that_destroys_the_layers_own_result_counts() -> None:
    found = underflow(node="/norm/Pow", op="Pow", underflow=100, local_error=0.9)
    assert found.value == 1
    assert "/norm/Pow (Pow): 100 elements, own error 0.9" in found.why


def test_tiny_values_beside_large_ones_are_no_fault() -> None:
    found = underflow(op="Softmax", underflow=990, local_error=0.0004)
    assert found.passed
    assert "tiny values round in 1 layer without harm" in found.why


def test_an_inaccurate_layer_without_underflow_is_not_called_underflow() -> None:
    assert underflow(underflow=0, local_error=0.9).passed


def test_overflow_is_not_called_underflow() -> None:
    assert underflow(underflow=3, overflow=1, local_error=math.inf).passed


def test_an_underflowing_layer_whose_own_error_is_nan_counts() -> None:
    assert underflow(underflow=3, local_error=math.nan).value == 1


def test_a_constant_computes_nothing() -> None:
    assert underflow(op="Constant", underflow=1, local_error=1.0).passed


def with_epsilon(local_error: float) -> Verdict:
    small = SmallConstant(node="/norm/LN", op="LayerNormalization", value=1e-5, what="epsilon")
    layers = (layer(0), layer(1, node="/norm/LN", op="LayerNormalization", local_error=local_error))
    return compared(layers=layers, small_constants=(small,))["underflow_layers"]


def test_an_epsilon_that_vanishes_with_effect_counts() -> None:
    found = with_epsilon(0.4)
    assert found.value == 1
    assert "a constant, own error 0.4" in found.why


def test_an_epsilon_that_vanishes_without_effect_is_only_mentioned() -> None:
    found = with_epsilon(0.0003)
    assert found.passed
    assert "without harm here: 1e-05 in /norm/LN" in found.why


@pytest.mark.parametrize("name", [*gate.OUTPUT_METRICS, "non_finite_outputs"])
def test_without_outputs_nothing_is_judged_and_nothing_admitted(name: str) -> None:
    found = compared(outputs=())[name]
    assert not found.judged
    assert found.admits == ()


@pytest.mark.parametrize("name", ["overflow_layers", "underflow_layers"])
def test_without_layers_nothing_is_judged_and_nothing_admitted(name: str) -> None:
    found = compared(layers=())[name]
    assert not found.judged
    assert found.admits == ()


def test_a_drop_of_exactly_half_a_percent_is_admitted() -> None:
    # In binary, 0.765 - 0.760 is a little more than 0.005.
    assert gate.metric_drop(top1(0.765, 0.760)) == 0.005
    measured = record(
        origin="measured",
        comparison=comparison("measured"),
        toolchain=toolchain("measured"),
        task_metric=top1(0.765, 0.760),
    )
    found = judge(measured)["task_metric_drop"]
    assert found.admits == ("dev", "staging", "prod")
    assert "top1 0.765 in FP32, 0.76 on the device, 1000 samples" in found.why


@pytest.mark.parametrize(("device", "admitted"), [(0.758, True), (0.754, False), (0.9, True)])
def test_dev_admits_one_percent(device: float, admitted: bool) -> None:  # noqa: FBT001 - a case of the table
    assert judge(record(task_metric=top1(0.765, device)))["task_metric_drop"].passed is admitted


def test_an_error_metric_is_judged_by_its_relative_increase() -> None:
    assert gate.metric_drop(error(200.0, 201.0)) == 0.005
    assert gate.metric_drop(error(200.0, 199.0)) == -0.005
    assert gate.metric_drop(error(0.0, 0.0)) == 0.0
    assert gate.metric_drop(error(0.0, 1e-9)) == math.inf


@given(st.floats(), st.floats())
def test_a_task_metric_that_is_no_number_is_never_admitted(reference: float, device: float) -> None:
    for metric in (top1(reference, device), error(reference, device)):
        found = judge(record(task_metric=metric))["task_metric_drop"]
        if not math.isfinite(device) and not (device == reference and not metric.higher_is_better):
            assert found.admits == ()


@given(st.floats(0.001, 1), st.floats(0, 1), st.floats(0, 1))
def test_a_better_device_never_drops_more(reference: float, one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert gate.metric_drop(top1(reference, high)) <= gate.metric_drop(top1(reference, low))
    assert gate.metric_drop(error(reference, low)) <= gate.metric_drop(error(reference, high))


def test_without_evaluation_data_the_metric_is_not_judged() -> None:
    found = judge(record(task_metric=None))["task_metric_drop"]
    assert not found.judged
    assert not found.passed
    assert found.admits == ("dev",)


def test_a_metric_of_no_sample_is_not_judged() -> None:
    empty = top1(1.0, 1.0).model_copy(update={"samples": 0})
    assert not judge(record(task_metric=empty))["task_metric_drop"].judged


def test_a_hostile_layer_name_cannot_flood_the_sentence() -> None:
    layers = tuple(layer(i, node="x\n" * 100_000, overflow=1) for i in range(200))
    bad = BadLayer(node="y" * 100_000, op="Mul", cause="z" * 100_000)
    for verdict in compared(layers=layers, first_bad_layer=bad).values():
        assert len(verdict.why) < 2500
        assert "\n" not in verdict.why


figures = st.floats()


@given(figures, figures, figures)
def test_whatever_the_figures_only_limits_admit(cosine: float, distance: float, relative: float) -> None:
    outputs = (output(cosine_similarity=cosine, relative_euclidean_distance=distance, mean_relative_error=relative),)
    found = compared(outputs=outputs)
    assert found["cosine_similarity"].passed == (math.isfinite(cosine) and cosine >= 0.99)
    assert found["relative_euclidean_distance"].passed == (math.isfinite(distance) and distance <= 0.05)
    assert found["mean_relative_error"].passed == (math.isfinite(relative) and relative <= 1.0)


def test_selections_are_of_the_comparison_alone() -> None:
    found: Comparison = comparison(layers=(layer(0, overflow=1), layer(1, underflow=1, local_error=1.0)))
    assert [x.index for x in gate.overflowing(found)] == [0]
    assert [x.index for x in gate.underflowing(found)] == [1]


class TestOnADevice:
    """What only a device's comparison has: nodes without a result of their own, and a trial without fusion."""

    FUSED = NotCompared(node="Relu_1", op="Relu", why="fused into the device's operator Conv_0")

    def test_nodes_without_a_result_of_their_own_are_counted_and_named(self) -> None:
        verdicts = compared(origin="measured", layers=(layer(0),), not_compared=(self.FUSED,))
        for name in ("overflow_layers", "underflow_layers"):
            assert verdicts[name].passed
            assert "in 0 of 1 layer (1 node not compared, Relu_1: fused into the device's operator Conv_0), on" in (
                verdicts[name].why
            )

    def test_thousands_of_them_are_summed_up(self) -> None:
        many = tuple(NotCompared(node=f"n\n{i}" * 1000, op="Relu", why="w" * 10_000) for i in range(5000))
        why = compared(layers=(layer(0),), not_compared=many)["overflow_layers"].why
        assert "5000 nodes not compared" in why
        assert "and 4998 more" in why
        assert len(why) < 1000

    def test_an_overflow_that_nobody_could_count_is_not_judged(self) -> None:
        told = NotCompared(node="Conv_0", op="Conv", why="its overflow and underflow were not counted: no dump")
        lost = layer(0, relative_euclidean_distance=math.nan, local_error=0.0)
        verdicts = compared(layers=(lost, layer(1)), not_compared=(told,))
        found = verdicts["overflow_layers"]
        assert not found.judged
        assert not found.admits
        assert (
            found.why
            == "not judged: overflow could not be counted in 1 of 2 layers, whose dumps cannot be read: Conv_0 (Conv)"
        )
        assert verdicts["underflow_layers"].passed

    def test_an_underflow_that_nobody_could_count_matters_where_the_layer_is_wrong(self) -> None:
        told = NotCompared(node="Conv_0", op="Conv", why="its overflow and underflow were not counted: no dump")
        wrong = compared(layers=(layer(0, local_error=0.2),), not_compared=(told,))
        assert not wrong["underflow_layers"].judged
        assert wrong["overflow_layers"].passed
        right = compared(layers=(layer(0, local_error=0.01),), not_compared=(told,))
        assert right["underflow_layers"].passed

    def test_an_overflow_elsewhere_is_judged_all_the_same(self) -> None:
        told = NotCompared(node="Conv_0", op="Conv", why="its overflow and underflow were not counted: no dump")
        lost = layer(0, relative_euclidean_distance=math.nan)
        found = compared(layers=(lost, layer(1, overflow=3)), not_compared=(told,))["overflow_layers"]
        assert found.judged
        assert not found.passed

    @pytest.mark.parametrize(
        ("trial", "said"),
        [
            (
                FusionTrial(fused=0.6, unfused=0.001, passes=("MulAddFusionPass",), verdict="fusion"),
                ". Find it with fusion_switches in defs.yaml; these took effect: MulAddFusionPass.",
            ),
            (
                FusionTrial(fused=0.6, unfused=0.5, passes=(), verdict="arithmetic"),
                ". Fusion is not to blame: the outputs are off by 0.6 with fusion and 0.5 without.",
            ),
            (FusionTrial(fused=0.01, unfused=0.01, passes=(), verdict="neither"), "too large"),
        ],
    )
    def test_a_failing_sentence_says_whether_fusion_is_to_blame(self, trial: FusionTrial, said: str) -> None:
        bad = BadLayer(node="Conv_0", op="Conv", cause="the numbers are too large")
        outputs = (output(relative_euclidean_distance=0.6),)
        verdicts = compared(outputs=outputs, first_bad_layer=bad, fusion=trial)
        why = verdicts["relative_euclidean_distance"].why
        assert why.endswith(said)
        assert ("0.6 with fusion" in why) == (trial.verdict != "neither")
        alone = compared(outputs=outputs, first_bad_layer=None, fusion=trial)
        assert ("fusion" in alone["relative_euclidean_distance"].why) == (trial.verdict != "neither")
