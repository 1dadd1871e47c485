"""Profiles: what an estimate says, and that it always says it is one."""

import pytest

from benchmarks.held_out_models import HELD_OUT
from benchmarks.network import Network
from benchmarks.reference_models import PUBLISHED, Builder, resnet50, vgg16
from resources.ascend.emulator import calibration
from resources.ascend.emulator.estimate import profile
from resources.ascend.emulator.geometry import ShapeUnknownError
from resources.ascend.options import CompileOptions
from resources.ascend.soc import UnknownSocError, soc, soc_names
from resources.ascend.toolchain import Profile

P3 = CompileOptions(soc_version="Ascend310P3")


@pytest.mark.parametrize("build", [*PUBLISHED.values(), *HELD_OUT.values()], ids=lambda build: build.__name__)
def test_a_profile_is_consistent(build: Builder) -> None:
    found = profile(build(4, "absent"), P3, 4)
    assert found.origin == "emulated"
    assert found.throughput == pytest.approx(4000 / found.latency_ms.p50)
    assert found.latency_ms.p50 <= found.latency_ms.p90 <= found.latency_ms.p99
    assert 0 < found.aicore_utilisation < 1
    assert sum(op.time_us for op in found.ops) < 1e3 * found.latency_ms.p50
    assert all(op.time_us > 0 and op.bytes >= 0 and op.flops >= 0 for op in found.ops)
    assert len({op.node for op in found.ops}) == len(found.ops)
    assert 0 < found.memory_bytes < found.memory_available_bytes
    assert Profile.model_validate_json(found.model_dump_json()) == found


def test_percentiles_are_the_uncertainty_of_the_estimate() -> None:
    found, spread = profile(resnet50(1), P3, 1), calibration.load().spread
    assert found.latency_ms.p90 == pytest.approx(found.latency_ms.p50 * spread.q90)
    assert found.latency_ms.p99 == pytest.approx(found.latency_ms.p50 * spread.q99)
    assert found.error_band == spread.band


@pytest.mark.parametrize("name", soc_names())
def test_every_soc_can_be_asked(name: str) -> None:
    found = profile(resnet50(1), CompileOptions(soc_version=name), 1)
    assert found.soc_version == name
    assert found.memory_available_bytes == soc(name).memory_bytes


def test_resnet50_is_in_the_range_that_is_published_for_the_310p3() -> None:
    """ModelZoo's figures: about 1500 to 1900 images a second at batch 1, 4250 at batch 64; the band holds them."""
    small, large = profile(resnet50(1), P3, 1), profile(resnet50(64), P3, 64)
    assert small.error_band
    assert 1200 < small.throughput < 2200
    assert small.error_band.low <= large.throughput / 4250 <= small.error_band.high


def test_a_network_of_weights_is_bound_by_memory_and_one_of_convolutions_by_the_cube() -> None:
    assert profile(vgg16(1), P3, 1).bound == "memory"
    assert profile(vgg16(8), CompileOptions(soc_version="Ascend310B1"), 8).bound == "cube"


def test_a_tiny_network_is_bound_by_overhead() -> None:
    net = Network("tiny")
    model = net.model(net.gemm(net.input("x", (1, 16)), 10))
    assert profile(model, P3, 1).bound == "overhead"


def test_a_network_of_names_only_takes_the_fixed_time() -> None:
    net = Network("nothing")
    found = profile(net.model(net.node("Identity", [net.input("x", (1, 16))], (1, 16))), P3, 1)
    assert found.ops == ()
    assert found.bound == "overhead"
    assert found.aicore_utilisation == 0
    assert found.latency_ms.p50 == pytest.approx(calibration.load().coefficients.fixed_s * 1e3)


def test_fp32_is_slower_and_larger_than_fp16() -> None:
    single = CompileOptions(soc_version="Ascend910B3", precision_mode="must_keep_origin_dtype")
    half = CompileOptions(soc_version="Ascend910B3")
    slow, fast = (profile(resnet50(8), options, 8) for options in (single, half))
    assert slow.latency_ms.p50 > fast.latency_ms.p50
    assert slow.memory_bytes > fast.memory_bytes


def test_weights_are_not_read() -> None:
    assert profile(resnet50(1, "absent"), P3, 1) == profile(resnet50(1, "zero"), P3, 1)


def test_the_same_question_has_the_same_answer() -> None:
    assert profile(resnet50(4), P3, 4) == profile(resnet50(4), P3, 4)


def test_an_unknown_soc_is_refused() -> None:
    with pytest.raises(UnknownSocError, match="Ascend310P3"):
        profile(resnet50(1), CompileOptions(soc_version="Ascend42"), 1)


@pytest.mark.parametrize("batch", [0, -1])
def test_a_batch_below_one_is_refused(batch: int) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        profile(resnet50(1), P3, batch)


def test_a_missing_shape_is_named() -> None:
    net = Network("n")
    x = net.input("x", (1, -1, 64))
    model = net.model(net.node("MatMul", [x, net.weight((64, 64))], (1, -1, 64)))
    with pytest.raises(ShapeUnknownError, match="'x'"):
        profile(model, P3, 1)
