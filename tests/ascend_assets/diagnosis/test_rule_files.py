"""Rules as data: what a file may say, and that every file keeps to it."""

from typing import Any

import pytest
import yaml

from ascend_assets.diagnosis import diagnose, rules
from ascend_assets.diagnosis.observers import Kind
from ascend_assets.diagnosis.rules import BadRules, Condition, Rule

RULE: dict[str, Any] = {
    "id": "odd.one",
    "observation": "strange",
    "concerns": "conversion",
    "confidence": 0.5,
    "explanation": {"en": "Something strange: {what}.", "zh": "异常情况 {what}。"},
    "advice": {"en": "Look at it again.", "zh": "请重新检查。"},
    "source": "A test of this project",
}


def text(**changed: Any) -> bytes:
    return yaml.safe_dump({"family": "odd", "rules": [{**RULE, **changed}]}, allow_unicode=True).encode()


def parsed(**changed: Any) -> Rule:
    (rule,) = rules.parse("odd.yaml", text(**changed))
    return rule


def test_every_rule_asks_for_what_an_observer_makes_and_offers() -> None:
    known = rules.load()
    assert diagnose.checked(known, diagnose.OBSERVERS) == known
    assert len({rule.id for rule in known}) == len(known)


@pytest.mark.parametrize("rule", rules.load(), ids=lambda rule: rule.id)
def test_every_rule_speaks_both_languages_and_says_where_it_is_known_from(rule: Rule) -> None:
    for words in (rule.explanation, rule.advice):
        chinese = sum("\u4e00" <= character <= "\u9fff" for character in words.zh)
        assert chinese >= 3
        assert not any("\u4e00" <= character <= "\u9fff" for character in words.en)
    assert rule.source.strip() == rule.source
    assert "/work" not in rule.source
    assert set(rule.remedies) <= rules.REMEDY_KINDS
    assert len(set(rule.remedies)) == len(rule.remedies)


def test_every_observation_means_something() -> None:
    asked = {rule.observation for rule in rules.load()}
    assert set(diagnose.makes(diagnose.OBSERVERS)) == asked


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"confidence": 1.0}, "confidence"),
        ({"confidence": float("nan")}, "confidence"),
        ({"concerns": "weather"}, "concerns"),
        ({"remedies": ["pray"]}, "no remedy is called"),
        ({"id": "other.one"}, "does not begin with the family"),
        ({"id": "one"}, "id"),
        ({"source": ""}, "source"),
        ({"advice": {"en": "Look at it again.", "zh": "Look at it"}}, "no Chinese"),
        ({"advice": {"en": "Look at {this} again.", "zh": "请重新检查。"}}, "same values"),
        ({"advice": {"en": "Look at {what.__class__}.", "zh": "请看 {what.__class__}。"}}, "plain"),
        ({"advice": {"en": "Look at {what!r} again.", "zh": "请看 {what!r} 吧。"}}, "plain"),
        ({"advice": {"en": "Look at {what:>9999999}.", "zh": "请看 {what:>9999999}。"}}, "plain"),
        ({"where": [{"value": "size", "is": "above", "than": "many"}]}, "compares numbers"),
        ({"where": [{"value": "size", "is": "one_of", "than": 3}]}, "takes a list"),
        ({"where": [{"value": "size", "is": "roughly", "than": 3}]}, "roughly"),
        ({"advice": {"en": "Look at\nit again.", "zh": "请重新检查。"}}, "line break"),
        ({"unknown": 1}, "unknown"),
    ],
)
def test_a_rule_that_is_not_whole_is_refused_by_name(changed: dict[str, Any], reason: str) -> None:
    with pytest.raises(BadRules, match=r"^odd\.yaml: ") as refused:
        parsed(**changed)
    assert reason in str(refused.value)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"- a\n- b\n",
        b"family: odd\nrules: []\n",
        b"family: [\n",
        b"\xff\xfe\x00",
        b"family: odd\nrules: !!python/object/apply:os.system ['true']\n",
        b"[" * 5000,
        b"#" * (300 * 1024),
    ],
)
def test_a_file_that_is_none_is_refused(content: bytes) -> None:
    with pytest.raises(BadRules, match=r"^odd\.yaml: "):
        tuple(rules.parse("odd.yaml", content))


def test_a_familys_file_bears_its_name() -> None:
    with pytest.raises(BadRules, match="bears its name"):
        tuple(rules.parse("even.yaml", text()))


def test_two_rules_of_one_name_are_refused() -> None:
    twice = yaml.safe_dump({"family": "odd", "rules": [RULE, RULE]}, allow_unicode=True).encode()
    with pytest.raises(BadRules, match="same id"):
        tuple(rules.parse("odd.yaml", twice))


@pytest.mark.parametrize(
    ("test", "than", "value", "holds"),
    [
        ("above", 18, 19, True),
        ("above", 18, 18, False),
        ("above", 18, float("nan"), False),
        ("above", 18, "19", False),
        ("below", 1.5, 1, True),
        ("below", 1.5, float("nan"), False),
        ("equal", "INT64", "INT64", True),
        ("equal", 1, 1, True),
        ("not", "none", "some", True),
        ("not", "none", "none", False),
        ("one_of", ["a", "b"], "b", True),
        ("one_of", ["a", "b"], "c", False),
    ],
)
def test_conditions(test: str, than: Any, value: Any, holds: bool) -> None:  # noqa: FBT001 - a table
    condition = Condition.model_validate({"value": "size", "is": test, "than": than})
    assert condition.holds({"size": value}) is holds
    assert not condition.holds({})


class Fake:
    """An observer with these kinds."""

    def __init__(self, **kinds: Kind) -> None:
        self.MAKES = kinds

    def observe(self, _case: object) -> Any:
        return iter(())


@pytest.mark.parametrize(
    ("observers", "reason"),
    [
        ([], "no observer makes strange"),
        ([Fake(strange=Kind())], "does not always state what"),
        ([Fake(strange=Kind(("what",)))], "does not offer simplify"),
        ([Fake(strange=Kind(("what",), ("simplify",))), Fake(strange=Kind())], "two observers make strange"),
    ],
)
def test_rules_and_observers_that_do_not_fit_are_refused_before_anything_is_diagnosed(
    observers: list[Any], reason: str
) -> None:
    with pytest.raises(BadRules, match=reason):
        diagnose.checked((parsed(remedies=["simplify"]),), observers)


def test_a_rule_may_name_what_is_always_there() -> None:
    advice = {"en": "See {nodes} ({count}) on {soc}: {says}.", "zh": "{soc} 上的 {nodes} 共 {count} 个, {says}。"}
    assert diagnose.checked((parsed(advice=advice),), [Fake(strange=Kind(("what",)))])
