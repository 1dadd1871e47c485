"""Whether a model is to be trained again: once for one reason, one at a time, and not before its cool-down is over."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ascend_assets.spec_production import Retraining
from ascend_assets.training.due import Drifted, Due, Facts, Labels, Past, Wait, causes, decide, new_labels

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY = timedelta(days=1)
ALL = Retraining(started_by=("accuracy", "data", "drift"), minimum_labelled=500, cool_down_hours=24)
LABELS = Labels("production", 600, NOW - DAY, NOW)
USED = Labels("earlier", 600, NOW - DAY, NOW - DAY / 2)
DRIFT = Facts(drifted=Drifted("look", ("ks", "psi"), accuracy=False), labels=LABELS, used=USED)
ACCURACY = replace(DRIFT, drifted=Drifted("look", (), accuracy=True))
DATA = Facts(labels=LABELS)
SCHEDULE = Facts(labels=LABELS, used=USED, moment=NOW)


@pytest.mark.parametrize(
    ("facts", "why", "said"),
    [
        (ACCURACY, "accuracy", "accuracy has fallen"),
        (DRIFT, "drift", "drift by ks, psi"),
        (DATA, "data", "600 new labelled samples"),
        (SCHEDULE, "schedule", "due by its schedule at 2026-11-20 12:00 UTC"),
    ],
)
def test_each_reason_starts_a_retraining(facts: Facts, why: str, said: str) -> None:
    found = decide(ALL, facts, Past(), NOW)
    assert isinstance(found, Due)
    assert (found.cause.why, found.cause.said) == (why, said)


@pytest.mark.parametrize("facts", [ACCURACY, DRIFT, DATA])
def test_a_reason_that_the_model_does_not_name_starts_nothing(facts: Facts) -> None:
    assert decide(ALL.model_copy(update={"started_by": ()}), facts, Past(), NOW) is None


def test_calm_starts_nothing() -> None:
    assert (
        decide(ALL, Facts(drifted=Drifted("look", (), accuracy=False), labels=LABELS, used=USED), Past(), NOW) is None
    )
    assert decide(ALL, Facts(), Past(), NOW) is None


def test_the_gravest_reason_is_named_first() -> None:
    both = Facts(drifted=Drifted("look", ("ks",), accuracy=True), labels=LABELS, moment=NOW)
    assert [cause.why for cause in causes(ALL, both)] == ["accuracy", "drift", "data", "schedule"]


def test_the_same_evidence_never_starts_two() -> None:
    found = decide(ALL, DRIFT, Past(), NOW)
    assert isinstance(found, Due)
    again = decide(ALL, DRIFT, Past(answered=frozenset({found.cause.evidence})), NOW + 30 * DAY)
    assert isinstance(again, Wait)
    assert again.over


def test_drift_and_accuracy_of_one_look_are_one_piece_of_evidence() -> None:
    (drift,), (accuracy,) = causes(ALL, DRIFT), causes(ALL, ACCURACY)
    assert drift.evidence == accuracy.evidence


def test_a_new_look_is_new_evidence() -> None:
    (first,), (second,) = (
        causes(ALL, DRIFT),
        causes(ALL, replace(DRIFT, drifted=Drifted("next", ("ks",), accuracy=False))),
    )
    assert first.evidence != second.evidence


def test_too_few_labels_wait_and_are_not_answered() -> None:
    found = decide(ALL, replace(DRIFT, labels=replace(LABELS, labelled=499)), Past(), NOW)
    assert isinstance(found, Wait)
    assert "499 labelled samples of 500" in found.said
    assert not found.over


def test_one_at_a_time() -> None:
    found = decide(ALL, DRIFT, Past(in_flight="abcdef0123456789"), NOW)
    assert isinstance(found, Wait)
    assert "run abcdef01" in found.said


@given(hours=st.floats(0, 1000), cool=st.floats(0, 1000))
def test_cool_down_holds_for_every_reason(hours: float, cool: float) -> None:
    wanted = ALL.model_copy(update={"cool_down_hours": cool})
    for facts in (ACCURACY, DRIFT, DATA, SCHEDULE):
        found = decide(wanted, facts, Past(begun=NOW - timedelta(hours=hours)), NOW)
        assert isinstance(found, Due) == (timedelta(hours=hours) >= timedelta(hours=cool))


def test_a_cool_down_says_when_it_is_over() -> None:
    found = decide(ALL, DRIFT, Past(begun=NOW - timedelta(hours=1)), NOW)
    assert isinstance(found, Wait)
    assert found.said.endswith("began 2026-11-20 11:00 UTC: none before 2026-11-21 11:00")


def test_labels_are_new_where_the_last_window_was_over() -> None:
    assert new_labels(LABELS, None) == 600
    assert new_labels(LABELS, Labels("earlier", 600, NOW - 3 * DAY, NOW - DAY)) == 600


@given(now=st.integers(0, 10_000), then=st.integers(0, 10_000), shared=st.integers(0, 10_000))
def test_no_label_is_called_new_that_was_used(now: int, then: int, shared: int) -> None:
    """Of overlapping windows at least so many must be new, however many they share."""
    shared = min(shared, now, then)
    found = new_labels(replace(LABELS, labelled=now), replace(USED, labelled=then))
    assert 0 <= found <= now - shared


def test_evidence_fits_a_tag() -> None:
    for facts in (ACCURACY, DRIFT, DATA, SCHEDULE):
        for cause in causes(ALL, facts):
            assert len(cause.evidence) <= 63
            assert cause.evidence.isalnum()
