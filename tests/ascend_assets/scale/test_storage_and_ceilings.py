"""What piles up, and what gives way first."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ascend_assets.scale import storage
from ascend_assets.scale.ceilings import Ceiling, Use, ceilings, models_per_location
from ascend_assets.scale.demand import Demand
from ascend_assets.scale.figures import Overheads, overheads
from ascend_assets.scale.typical import shares, shipped

SOCS = ("Ascend310P3", "Ascend910B3")
KINDS = (shipped(SOCS),)
USE = Use(50.0, 20.0, 8.0, 3.0, 0.5, 20_000.0, "assumed")


def asked(models: int = 1000, commits: float = 1000.0, targets: float = 1.0) -> Demand:
    return Demand(models, dict.fromkeys(SOCS, targets), commits)


def found(demand: Demand, use: Use = USE, figures: Overheads | None = None) -> dict[str, Ceiling]:
    figures = figures or overheads()
    kept = storage.of(demand, KINDS, figures, 1)
    return {ceiling.what: ceiling for ceiling in ceilings(demand, use, kept, figures)}


def test_one_candidate_leaves_what_was_measured() -> None:
    """digits_cnn with two targets: 421 rows, 827 kB of tables with their indexes, 23 objects."""
    kept = storage.of(asked(commits=1 / 30), KINDS, overheads(), 1)
    assert kept.rows_a_candidate == 421
    assert kept.database_gb_a_month * 1e9 == pytest.approx(827_392, rel=0.002)
    assert kept.objects_a_month == pytest.approx(23)


def test_the_store_holds_the_model_once_and_its_weights_halved_for_each_target() -> None:
    kept = storage.of(asked(commits=1 / 30), KINDS, overheads(), 1)
    assert kept.store_gb_a_month * 1e9 == pytest.approx(2 * 102_132_799, rel=0.01)
    assert kept.kept_gb_a_month == pytest.approx(kept.store_gb_a_month / 2)
    large = replace(KINDS[0], onnx_bytes=10 * KINDS[0].onnx_bytes)
    mixed = storage.of(asked(commits=1 / 30), shares((KINDS[0], large)), overheads(), 1)
    assert mixed.store_gb_a_month == pytest.approx(5.5 * kept.store_gb_a_month, rel=0.01)


def test_every_pod_reads_the_model_for_itself() -> None:
    """ResNet-50 with two targets: six readings of the model, four of an .om of half its size, and what is written."""
    kept = storage.of(asked(commits=36_000), KINDS, overheads(), 1)
    assert kept.moved_mb_a_second == pytest.approx((6 + 4 / 2 + 2) * 102.1, rel=0.01)


@given(st.floats(1, 1e5), st.floats(1, 10))
def test_what_piles_up_grows_with_the_commits(commits: float, factor: float) -> None:
    one, more = (storage.of(asked(commits=c), KINDS, overheads(), 1) for c in (commits, commits * factor))
    assert more.rows_a_second == pytest.approx(one.rows_a_second * factor)
    assert more.kept_gb_a_month == pytest.approx(one.kept_gb_a_month * factor)
    assert more.ticks_gb == one.ticks_gb


def test_ticks_grow_with_the_locations_and_with_the_models_that_stand_in_their_cursors() -> None:
    """A week of rounds every 30 s: eleven ticks of each location, and 74 bytes of each model."""
    week = 7 * 2880
    for models, locations in ((1, 1), (1000, 1), (10_000, 8)):
        kept = storage.of(asked(models), KINDS, overheads(), locations)
        assert kept.ticks_gb * 1e9 == pytest.approx(week * (locations * 11 * 1130 + models * 74))


def test_the_nearest_limit_stands_first() -> None:
    reached = [ceiling.reached for ceiling in found(asked()).values()]
    assert reached == sorted(reached, reverse=True)
    assert len(reached) == 15


def test_a_limit_says_at_how_many_models_it_is_reached() -> None:
    looks = found(asked())["a look at every deployment of one location"]
    assert looks.needs == pytest.approx(180.0)
    assert (looks.limit, looks.origin) == (300.0, "assumed")
    assert looks.models(1000) == pytest.approx(1000 * 300 / 180)
    at_limit = found(asked(models=1667))["a look at every deployment of one location"]
    assert at_limit.reached == pytest.approx(1.0, abs=0.01)


def test_what_needs_nothing_is_never_reached() -> None:
    nothing = replace(USE, exporting=0.0)
    assert found(asked(), nothing)["exports at once"].models(1000) == float("inf")


def test_finished_pods_count_for_as_long_as_they_stand() -> None:
    pods = found(asked())["pods in the namespace, finished ones too"]
    assert pods.needs == pytest.approx(50 + 19_000 / 24 + 1000)


def test_every_limit_says_what_moves_it() -> None:
    for ceiling in found(asked()).values():
        assert ceiling.then
        assert ceiling.source
        assert ceiling.limit > 0


def test_a_location_takes_as_many_models_as_its_tightest_limit() -> None:
    assert models_per_location(overheads()) == int(8 / 0.006)
    at = overheads().locations
    cheap = {name: figure.model_copy(update={"value": 0.0}) for name, figure in at if name.endswith("per_model")}
    free = overheads().model_copy(update={"locations": at.model_copy(update=cheap)})
    assert models_per_location(free) == 1_000_000
    quick = at.model_copy(update={"load_per_model": cheap["load_per_model"]})
    assert models_per_location(overheads().model_copy(update={"locations": quick})) == int(300 / 0.18)
