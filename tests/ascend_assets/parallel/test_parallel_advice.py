"""Advice on several cards: what fits, what it would give, and what nobody knows."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ascend_assets.parallel.advice import RESERVE, Advice, Layout, advise
from ascend_assets.parallel.wording import sentences
from resources.ascend.toolchain import Latency, OpTime, Profile

GIB = 1 << 30


def profile(memory: int, *ops: tuple[str, float, int], available: int = 20 * GIB) -> Profile:
    times = tuple(
        OpTime(node=f"n{index}", op=op, time_us=time, bound="cube", flops=1, bytes=size)
        for index, (op, time, size) in enumerate(ops)
    )
    spent = sum(op.time_us for op in times) / 1000 or 1.0
    return Profile(
        origin="emulated",
        soc_version="Ascend310P3",
        batch=1,
        latency_ms=Latency(p50=spent, p90=spent, p99=spent),
        throughput=1000 / spent,
        aicore_utilisation=0.5,
        memory_bytes=memory,
        memory_available_bytes=available,
        bound="cube",
        error_band=None,
        ops=times,
    )


BLOCKS = tuple(("MatMul", 100.0, GIB) for _ in range(8))


def of(advice: Advice, kind: str, cards: int) -> Layout:
    return next(each for each in advice.layouts if (each.kind, each.cards) == (kind, cards))


def test_what_fits_on_one_card_stays_there_and_more_cards_take_copies() -> None:
    advice = advise(profile(4 * GIB, *BLOCKS))
    assert advice is not None
    assert advice.best is not None
    assert advice.best.kind == "one"
    assert of(advice, "data", 4).throughput == pytest.approx(4 * of(advice, "one", 1).throughput)
    assert of(advice, "data", 4).latency_ms == of(advice, "one", 1).latency_ms


def test_what_does_not_fit_is_cut_where_the_parts_are_equally_slow() -> None:
    advice = advise(profile(30 * GIB, *BLOCKS))
    assert advice is not None
    assert advice.best is not None
    assert (advice.best.kind, advice.best.cards) == ("pipeline", 2)
    assert advice.best.cuts == ("n3",)
    assert advice.best.memory_bytes == pytest.approx(15 * GIB, rel=0.01)
    assert not of(advice, "data", 8).fits, "copies do not become smaller"
    assert "begin with pipeline parallelism on 2 cards" in sentences(advice)[0].en
    assert "流水线并行" in sentences(advice)[0].zh


def test_one_operator_that_is_too_large_needs_its_weights_split() -> None:
    advice = advise(profile(30 * GIB, ("MatMul", 1000.0, 30 * GIB), ("Relu", 1.0, 1)))
    assert advice is not None
    assert advice.best is not None
    assert (advice.best.kind, advice.best.cards) == ("tensor", 2)


def test_what_fits_nowhere_is_said() -> None:
    advice = advise(profile(4000 * GIB, *BLOCKS))
    assert advice is not None
    assert advice.best is None
    assert "no layout on up to 8 cards" in sentences(advice)[0].en
    assert "放不下" in sentences(advice)[0].zh


@pytest.mark.parametrize(
    "unknown",
    [
        profile(0, *BLOCKS),
        profile(GIB),
        profile(GIB, *BLOCKS, available=0),
        profile(GIB, *BLOCKS).model_copy(update={"latency_ms": Latency(p50=math.nan, p90=1, p99=1)}),
    ],
)
def test_without_figures_there_is_no_advice(unknown: Profile) -> None:
    assert advise(unknown) is None


@given(
    memory=st.integers(1, 200 * GIB),
    ops=st.lists(
        st.tuples(st.sampled_from(["MatMul", "Conv", "Relu"]), st.floats(0, 1e6), st.integers(0, 40 * GIB)),
        min_size=1,
        max_size=30,
    ),
)
def test_laws_of_every_layout(memory: int, ops: list[tuple[str, float, int]]) -> None:
    given = profile(memory, *ops)
    advice = advise(given)
    if advice is None:
        return
    one = advice.layouts[0]
    for layout in advice.layouts:
        assert layout.fits == (layout.memory_bytes <= int(given.memory_available_bytes * RESERVE))
        assert layout.memory_bytes <= memory + 1, "more cards never need more of each"
        assert layout.latency_ms <= one.latency_ms * (1 + 1e-9)
        assert layout.throughput >= one.throughput * (1 - 1e-9)
        assert layout.throughput <= one.throughput * layout.cards * (1 + 1e-6), "no card does the work of two"
        assert len(layout.cuts) <= layout.cards - 1
    assert all(text.en and text.zh for text in sentences(advice))
