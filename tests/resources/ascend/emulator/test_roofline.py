"""The formula: laws that hold whatever the coefficients."""

from math import ceil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.held_out_models import HELD_OUT
from benchmarks.network import Network
from benchmarks.reference_models import PUBLISHED, Builder, densenet121, resnet18
from resources.ascend.emulator import calibration
from resources.ascend.emulator.estimate import latency_s
from resources.ascend.emulator.geometry import Matrix
from resources.ascend.emulator.roofline import Coefficients, cube_cycles, demand, times
from resources.ascend.emulator.workload import Access, Work, works
from resources.ascend.soc import MAC_PER_CYCLE, Soc, soc
from resources.onnx_files.graph import view

P3 = soc("Ascend310P3")
FITTED = calibration.load().coefficients
IDEAL = Coefficients(cube=1, vector=1, l2=1, ddr=1, resident=1, spill=1, strided=1, overhead_s=0, fixed_s=0)
FEED = P3.l2_rate / P3.clock_hz

products = st.builds(
    Matrix,
    batch=st.integers(1, 64),
    groups=st.integers(1, 8),
    rows=st.integers(1, 256),
    row=st.integers(1, 128),
    k=st.integers(1, 64).map(lambda blocks: 16 * blocks),
    n=st.integers(1, 64).map(lambda blocks: 16 * blocks),
    macs=st.just(0),
    constant=st.booleans(),
    taps=st.sampled_from([1, 9]),
)


def cores(chip: Soc, count: int) -> Soc:
    rate = chip.l2_rate / chip.cores * count
    return chip.model_copy(update={"cores": count, "vector_units": count, "l2_rate": rate})


@settings(deadline=None)
@given(products, st.integers(1, 32))
def test_the_cube_is_never_faster_than_its_peak(product: Matrix, available: int) -> None:
    macs = product.batch * product.groups * product.rows * product.row * product.k * product.n
    assert cube_cycles(product, available, FEED) >= macs / MAC_PER_CYCLE / available


@settings(deadline=None)
@given(products, st.integers(1, 31))
def test_another_core_never_slows_a_product_down(product: Matrix, available: int) -> None:
    fewer, more = (cube_cycles(product, n, FEED / 8 * n) for n in (available, available + 1))
    assert more <= fewer


@settings(deadline=None)
@given(products)
def test_a_larger_batch_is_never_faster(product: Matrix) -> None:
    larger = Matrix(**{**vars(product), "batch": product.batch + 1})
    assert cube_cycles(larger, 8, FEED) >= cube_cycles(product, 8, FEED)


@settings(deadline=None)
@given(products)
def test_one_core_with_an_endless_feed_does_exactly_the_padded_work(product: Matrix) -> None:
    pixels = 16 * ceil(product.rows * product.row / 16)
    macs = product.batch * product.groups * pixels * product.k * product.n
    assert cube_cycles(product, 1, float("inf")) == macs / MAC_PER_CYCLE


def test_steps_follow_each_other() -> None:
    once = Matrix(1, 1, 8, 1, 256, 1024, 0)
    assert cube_cycles(Matrix(**{**vars(once), "steps": 50}), 8, FEED) == 50 * cube_cycles(once, 8, FEED)


def test_a_small_product_cannot_fill_eight_cores() -> None:
    block = Matrix(1, 1, 16, 1, 256, 16, 0)
    assert cube_cycles(block, 8, float("inf")) > cube_cycles(block, 1, float("inf")) / 8


@pytest.mark.parametrize("build", [*PUBLISHED.values(), *HELD_OUT.values()], ids=lambda build: build.__name__)
def test_latency_grows_with_the_batch_and_never_beats_the_roofline(build: Builder) -> None:
    for name in ("Ascend310P3", "Ascend910B3"):
        chip, last = soc(name), 0.0
        for batch in (1, 2, 4, 9, 16, 17):
            counted = works(view(build(batch, "absent")), {})
            now = latency_s(counted, chip, FITTED)
            assert now >= last
            assert now > sum(work.flops for work in counted if work.products) / chip.cube_flops
            assert now > sum(work.weights for work in counted) / chip.ddr_rate
            last = now


@pytest.mark.parametrize("build", [resnet18, HELD_OUT["bert_base_128"], HELD_OUT["mobilenetv3_small"]])
def test_more_cores_are_never_slower(build: Builder) -> None:
    counted = works(view(build(4, "absent")), {})
    spent = [latency_s(counted, cores(P3, count), FITTED) for count in (1, 2, 3, 5, 8, 13, 24)]
    assert spent == sorted(spent, reverse=True)


@pytest.mark.parametrize("field", ["clock_hz", "ddr_rate", "l2_rate", "l2_bytes", "vector_units"])
def test_a_better_chip_is_never_slower(field: str) -> None:
    counted = works(view(densenet121(16)), {})
    better = P3.model_copy(update={field: getattr(P3, field) * 2})
    assert latency_s(counted, better, FITTED) <= latency_s(counted, P3, FITTED)


def test_throughput_falls_when_a_batch_outgrows_l2() -> None:
    """As published for DenseNet-121 on Ascend310P3: 2195 images a second at batch 8, 1277 at 64."""
    per_image = {n: latency_s(works(view(densenet121(n)), {}), P3, FITTED) / n for n in (8, 64)}
    assert per_image[64] > 1.3 * per_image[8]


def move(size: int, *, strided: bool = False) -> Work:
    return Work("m", "Move", reads=(Access("a", size, outside=True),), writes=(Access("b", size),), strided=strided)


def test_what_comes_from_outside_is_read_from_memory_at_its_rate() -> None:
    size = 1 << 20
    (spent,) = times(demand([move(size)], P3), IDEAL).total
    assert spent == pytest.approx(size / P3.ddr_rate)


def test_a_move_in_pieces_is_slower_by_its_coefficient() -> None:
    slower = IDEAL.model_copy(update={"strided": 3.0})
    (plain,), (pieces,) = (times(demand([move(4096, strided=s)], P3), slower).total for s in (False, True))
    assert pieces == pytest.approx(3 * plain)


def chain(size: int) -> list[Work]:
    first = Work("p", "Relu", passes=1.0, writes=(Access("t", size),))
    return [first, Work("c", "Relu", passes=1.0, reads=(Access("t", size),))]


def test_a_tensor_that_fits_stays_in_l2_and_one_that_does_not_goes_to_memory() -> None:
    small, large = P3.l2_bytes // 4, P3.l2_bytes * 4
    assert times(demand(chain(small), P3), IDEAL).memory == pytest.approx([small / P3.l2_rate] * 2)
    assert times(demand(chain(large), P3), IDEAL).memory == pytest.approx([large / P3.ddr_rate] * 2)


def test_a_recurrent_operator_is_launched_once_per_step() -> None:
    net = Network("n")
    weights = [net.weight((1, 1024, 128)), net.weight((1, 1024, 256))]
    y = net.node("LSTM", [net.input("x", (50, 1, 128)), *weights], (50, 1, 1, 256), hidden_size=256)
    counted = works(view(net.model(y)), {})
    spent = times(demand(counted, P3), IDEAL.model_copy(update={"overhead_s": 1e-6}))
    assert spent.overhead[0] == pytest.approx(50e-6)


def test_fp32_in_the_cube_is_slower_only_where_the_cube_has_fp32() -> None:
    net = Network("n")
    y = net.gemm(net.input("x", (64, 512)), 512)
    half, single = (works(view(net.model(y)), {0: dtype}) for dtype in ("float16", "float32"))
    for name, ratio in (("Ascend310P3", 1.0), ("Ascend910B3", 4.0)):
        cube = [demand(counted, soc(name)).cube_s.sum() for counted in (half, single)]
        assert cube[1] == pytest.approx(ratio * cube[0])


def test_nothing_takes_no_time() -> None:
    assert times(demand([], P3), FITTED).total.sum() == 0
    assert np.isfinite(times(demand([Work("e", "Relu")], P3), FITTED).total).all()
