"""The performance gate: a profile against limits, and against the release now in each environment."""

import math
from collections.abc import Mapping
from typing import Any

import pytest
from evidence_samples import benchmark, chain, profile, spec, toolchain
from hypothesis import given
from hypothesis import strategies as st

from ascend_assets.gates import performance as gate
from ascend_assets.gates.verdict import Verdict
from resources.ascend.toolchain import Latency, Measurement, OpTime, Origin, Profile

OM = chain(spec())[3]["Ascend310P3"][0]


def timed(p99: float, origin: Origin = "emulated", **fields: Any) -> Profile:
    return profile(origin, latency_ms=Latency(p50=p99, p90=p99, p99=p99), **fields)


def judge(
    now: Profile, baselines: Mapping[str, Profile | None] | None = None, gates: Mapping[str, Any] | None = None
) -> dict[str, Verdict]:
    record = benchmark(OM, now.origin, profile=now)
    return {v.criterion: v for v in gate.judge(record, spec(gates=gates or {}), baselines)}


def test_a_fast_target_passes_what_can_be_judged() -> None:
    verdicts = judge(profile())
    assert tuple(verdicts) == gate.CRITERIA_NAMES
    for name, verdict in verdicts.items():
        assert bool(verdict), name
        assert verdict.subject == OM.file.sha256
        assert verdict.judged == (name != "latency_regression")


def test_the_sentence_has_all_percentiles_and_the_error_of_the_estimate() -> None:
    why = judge(profile())["latency_p99_ms"].why
    assert "P50 1 ms, P90 1.1 ms, P99 1.2 ms for a batch of 8, bound by cube" in why
    assert "an estimate, 0.84 ms to 1.8 ms in 90 % of 50 published figures" in why


def test_a_measurement_is_called_no_estimate() -> None:
    assert "estimate" not in judge(profile("measured", error_band=None))["latency_p99_ms"].why


def measured(**fields: Any) -> Profile:
    taken = Measurement(
        runs_ms=(1.0,) * 100,
        warmup=10,
        device="NPU 3 chip 0 (Ascend310P3)",
        notes=("operators are not known: msprof did not end within 1800 s", "no advice"),
    )
    return profile("measured", **{"error_band": None, "measurement": taken, **fields})


def test_a_measurement_says_how_it_was_taken() -> None:
    why = judge(measured())["latency_p99_ms"].why
    assert why == "P50 1 ms, P90 1.1 ms, P99 1.2 ms for a batch of 8; 100 runs after 10 on NPU 3 chip 0 (Ascend310P3)"


def test_what_bounds_a_model_is_said_only_of_known_operators() -> None:
    conv = OpTime(node="conv", op="Conv2D", time_us=1.0, bound="cube", flops=0, bytes=0, core="AI_CORE")
    verdicts = judge(measured(ops=(conv,)))
    assert ", bound by cube; 100 runs" in verdicts["latency_p99_ms"].why
    assert verdicts["aicore_utilisation"].why == "AI cores compute 80.0% of the time; bound by cube"
    assert "bound by" not in judge(measured())["aicore_utilisation"].why


def test_a_utilisation_that_was_not_measured_is_not_judged_and_says_why() -> None:
    found = judge(measured(aicore_utilisation=math.nan))["aicore_utilisation"]
    assert not found.judged
    assert not found.passed
    assert found.value is None
    assert "operators are not known: msprof did not end within 1800 s" in found.why


@pytest.mark.parametrize("nonsense", [-0.1, 1.1, math.inf])
def test_a_measured_utilisation_that_is_no_share_is_refused(nonsense: float) -> None:
    found = judge(measured(aicore_utilisation=nonsense))["aicore_utilisation"]
    assert found.judged
    assert found.admits == ()


def test_notes_of_any_length_leave_a_sentence() -> None:
    taken = Measurement(runs_ms=(1.0,), warmup=0, device="x" * 9999, notes=("y" * 9999,) * 99)
    verdicts = judge(measured(measurement=taken, aicore_utilisation=math.nan))
    assert all(len(verdict.why) < 4000 for verdict in verdicts.values())


@pytest.mark.parametrize("needed", [0, -1])
def test_a_need_of_memory_that_is_not_known_is_not_judged(needed: int) -> None:
    found = judge(measured(memory_bytes=needed))["memory_fit"]
    assert not found.judged
    assert found.why.endswith("how much memory the model needs is not known")


def test_latency_keeps_its_limit_or_the_models_own() -> None:
    assert judge(timed(20.0))["latency_p99_ms"].passed
    assert not judge(timed(20.1))["latency_p99_ms"].passed
    assert judge(timed(20.1), gates={"latency_p99_ms": 30})["latency_p99_ms"].passed


@pytest.mark.parametrize("nonsense", [0.0, -1.0, math.nan, math.inf, -math.inf])
def test_a_latency_that_no_clock_says_keeps_no_limit(nonsense: float) -> None:
    found = judge(timed(nonsense), {"dev": timed(1.0)})
    assert found["latency_p99_ms"].admits == ()
    assert "dev" not in found["latency_regression"].admits


def test_throughput_has_a_limit_where_the_model_gives_one() -> None:
    assert judge(profile())["throughput"].passed
    assert not judge(profile(), gates={"throughput": 9000})["throughput"].passed
    assert not judge(profile(throughput=math.nan))["throughput"].passed


def test_dev_asks_no_utilisation_and_prod_does() -> None:
    idle = profile("measured", aicore_utilisation=0.1, error_band=None)
    assert judge(idle)["aicore_utilisation"].admits == ("dev",)
    assert judge(profile("measured"))["aicore_utilisation"].admits == ("dev", "staging", "prod")


@pytest.mark.parametrize("nonsense", [-0.1, 1.1, 80.0, math.nan])
def test_a_utilisation_that_is_no_share_is_refused(nonsense: float) -> None:
    assert judge(profile(aicore_utilisation=nonsense))["aicore_utilisation"].admits == ()


def test_a_model_that_does_not_fit_the_memory_is_refused() -> None:
    big = judge(profile(memory_bytes=19 * 1024**3))["memory_fit"]
    assert big.value == pytest.approx(0.95)
    assert not big.passed
    assert "19,456.0 MiB needed of 20,480 MiB on Ascend310P3" in big.why


def test_unknown_memory_is_not_judged() -> None:
    assert not judge(profile(memory_available_bytes=0))["memory_fit"].judged


def test_a_first_release_has_nothing_to_be_compared_with() -> None:
    first = judge(profile(), {"dev": None})["latency_regression"]
    assert not first.judged
    assert not first.passed
    assert first.admits == ("dev", "staging", "prod")
    assert "dev: no other release there" in first.why


def test_each_environment_is_compared_with_its_own_release() -> None:
    before = {"dev": timed(1.0, "measured"), "staging": timed(2.0, "measured"), "prod": None}
    found = judge(timed(1.2, "measured"), before)["latency_regression"]
    assert found.value == pytest.approx(1.2)
    assert found.admits == ("staging", "prod")
    assert "dev: 1.2 times the release there (1 ms -> 1.2 ms)" in found.why
    assert "staging: 0.6 times" in found.why
    assert "prod: no other release there" in found.why


@pytest.mark.parametrize(
    ("before", "reason"),
    [
        (timed(1.0, "measured"), "the release there was measured, this is emulated"),
        (timed(1.0, batch=1), "the release there is for Ascend310P3, batch 1"),
        (timed(1.0, soc_version="Ascend910B3"), "the release there is for Ascend910B3, batch 8"),
        (timed(0.0), "no usable latency"),
    ],
)
def test_only_like_is_compared_with_like(before: Profile, reason: str) -> None:
    found = judge(timed(100.0), {"dev": before})["latency_regression"]
    assert not found.judged
    assert reason in found.why


def test_emulated_in_any_part_of_the_record_keeps_it_in_dev() -> None:
    disguised = benchmark(OM, "measured", profile=profile("emulated"))
    assert all(set(v.admits) <= {"dev"} for v in gate.judge(disguised, spec()) if v.judged)
    other = benchmark(OM, "measured", profile=profile("measured"), toolchain=toolchain("emulated"))
    assert all(set(v.admits) <= {"dev"} for v in gate.judge(other, spec()) if v.judged)


@given(st.floats(0.01, 1e3), st.floats(0.01, 1e3), st.floats(0.01, 1e3))
def test_a_slower_candidate_is_never_admitted_further(before: float, one: float, other: float) -> None:
    fast, slow = sorted((one, other))
    baselines = {"dev": timed(before), "prod": timed(before)}
    faster, slower = judge(timed(fast), baselines), judge(timed(slow), baselines)
    for name in ("latency_p99_ms", "latency_regression"):
        assert set(slower[name].admits) <= set(faster[name].admits)
