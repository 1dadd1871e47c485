"""The estimate of risk: blame where it belongs, a guess while nothing is known, and a score on what was not seen."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ascend_assets.risk.estimate import MIN_HELD_OUT, estimate
from ascend_assets.risk.facts import Conversion, Facts

USUAL = frozenset({"ai.onnx::Conv", "ai.onnx::Relu", "ai.onnx::Add"})


def facts(*operators: str, opset: int = 17, family: str = "310P") -> Facts:
    return Facts(opset=opset, family=family, operators=USUAL | frozenset(operators))


def went(
    well: bool,  # noqa: FBT001 - reads as a sentence
    *operators: str,
    blamed: tuple[str, ...] = (),
    opset: int = 17,
    family: str = "310P",
) -> Conversion:
    return Conversion(facts=facts(*operators, opset=opset, family=family), failed=not well, blamed=frozenset(blamed))


def test_without_a_past_it_is_a_small_guess_and_says_how_little_it_rests_on() -> None:
    risk = estimate((), facts())
    assert 0 < risk.probability < 0.2
    assert (risk.conversions, risk.score) == (0, None)


def test_an_operator_that_was_refused_is_the_suspect_and_its_company_is_not() -> None:
    past = [went(True)] * 20 + [went(False, "ai.onnx::Loop", "ai.onnx::Gather", blamed=("ai.onnx::Loop",))] * 5
    risk = estimate(past, facts("ai.onnx::Loop", "ai.onnx::Gather"))
    assert risk.probability > 0.8
    first, second = risk.suspects[:2]
    assert (first.what, first.blamed, first.seen) == ("ai.onnx::Loop", 5, 5)
    assert second.probability < 0.1
    assert estimate(past, facts("ai.onnx::Gather")).probability < 0.3


def test_what_one_family_refuses_another_may_take() -> None:
    refused = [went(False, "ai.onnx::TopK", blamed=("ai.onnx::TopK",), family="310")] * 10
    taken = [went(True, "ai.onnx::TopK", family="A2")] * 10
    past = [each for pair in zip(refused, taken, strict=True) for each in pair]
    assert estimate(past, facts("ai.onnx::TopK", family="310")).probability > 0.7
    assert estimate(past, facts("ai.onnx::TopK", family="A2")).probability < 0.4


def test_the_score_is_of_compilations_that_were_not_seen_and_beats_the_plain_rate_where_operators_decide() -> None:
    chance = random.Random(7)  # noqa: S311 - a fixed past
    past = []
    for _ in range(200):
        bad = chance.random() < 0.3
        past.append(went(False, "ai.onnx::Scan", blamed=("ai.onnx::Scan",)) if bad else went(True, "ai.onnx::MatMul"))
    score = estimate(past, facts()).score
    assert score is not None
    assert score.held_out == 60
    assert score.brier < 0.02
    assert score.plain > 0.15


def test_where_nothing_in_the_model_decides_the_plain_rate_is_told() -> None:
    chance = random.Random(3)  # noqa: S311 - a fixed past
    past = [went(chance.random() < 0.5) for _ in range(200)]
    risk = estimate(past, facts())
    assert risk.probability == pytest.approx(risk.refused / risk.conversions, abs=0.15)
    assert risk.score is not None
    assert risk.score.brier <= risk.score.plain + 0.02


def test_too_little_past_has_no_score() -> None:
    assert estimate([went(True)] * (2 * MIN_HELD_OUT - 1), facts()).score is None


@given(
    past=st.lists(
        st.builds(
            went,
            st.booleans(),
            st.sampled_from(["ai.onnx::Loop", "com.x::Y", "ai.onnx::Gelu"]),
            blamed=st.sampled_from([(), ("ai.onnx::Loop",), ("com.x::Y",)]),
            opset=st.integers(7, 23),
        ),
        max_size=60,
    )
)
def test_it_is_a_probability_and_the_same_for_the_same_past(past: list[Conversion]) -> None:
    asked = facts("ai.onnx::Loop")
    risk = estimate(past, asked)
    assert 0 < risk.probability < 1
    assert risk == estimate(list(past), asked)
    assert all(0 < suspect.probability < 1 and suspect.blamed <= suspect.seen for suspect in risk.suspects)


@given(times=st.integers(1, 40))
def test_another_refusal_never_lowers_it(times: int) -> None:
    past = [went(True)] * 10 + [went(False, "ai.onnx::Loop", blamed=("ai.onnx::Loop",))] * times
    more = [*past, went(False, "ai.onnx::Loop", blamed=("ai.onnx::Loop",))]
    asked = facts("ai.onnx::Loop")
    suspects = [estimate(each, asked).suspects[0].probability for each in (past, more)]
    assert suspects[1] >= suspects[0] - 0.05, "the chosen strength may change, the direction does not"
