"""The lint gate: one verdict per criterion, and nothing that was found is lost."""

from evidence_samples import counts, lint, onnx, source, spec

from ascend_assets.gates import lint as gate
from ascend_assets.gates.verdict import Verdict
from ascend_assets.records import Finding, LintCount

SOURCE = source()
ONNX = onnx(SOURCE)


def judge(*entries: LintCount) -> dict[str, Verdict]:
    return {v.criterion: v for v in gate.judge(lint((SOURCE, ONNX), counts=entries), spec())}


def finding(number: int) -> Finding:
    return Finding(code="F401", where=f"train.py:{number}", message="`os` imported but unused")


def test_a_clean_candidate_passes_everything() -> None:
    verdicts = judge(*counts())
    assert tuple(verdicts) == gate.CRITERIA_NAMES
    assert all(v.passed and v.admits == ("dev", "staging", "prod") for v in verdicts.values())
    assert {v.origin for v in verdicts.values()} == {"inspected"}


def test_one_finding_is_enough_to_refuse() -> None:
    for name in gate.CRITERIA_NAMES:
        bad = judge(*counts(**{name: 10.0 if name == "opset" else 1.0}))[name]
        assert not bad.passed, name
        assert bad.admits == (), name


def test_verdicts_are_about_the_file_that_was_looked_at() -> None:
    verdicts = judge(*counts())
    assert verdicts["opset"].subject == ONNX.data_version
    assert verdicts["code_style"].subject == SOURCE.data_version


def test_without_a_scanner_dev_can_live_and_prod_cannot() -> None:
    cve = judge(*counts(cve_high=None))["cve_high"]
    assert not cve.passed
    assert not cve.judged
    assert cve.admits == ("dev",)
    assert cve.why == "not judged: no tool"


def test_what_was_not_judged_elsewhere_stops_the_candidate() -> None:
    style = judge(*counts(code_style=None))["code_style"]
    assert style.admits == ()


def test_a_criterion_that_is_missing_is_not_judged() -> None:
    verdicts = judge(*[c for c in counts() if c.criterion != "onnx_checker"])
    assert not verdicts["onnx_checker"].judged
    assert "no entries" in verdicts["onnx_checker"].why


def test_a_criterion_that_stands_twice_is_not_judged() -> None:
    verdicts = judge(*counts(), LintCount(criterion="opset", judged=True, value=17))
    assert not verdicts["opset"].judged
    assert "2 entries" in verdicts["opset"].why


def test_a_value_of_what_was_not_judged_is_not_believed() -> None:
    entries = [c for c in counts() if c.criterion != "cve_high"]
    found = judge(*entries, LintCount(criterion="cve_high", judged=False, value=0, note="no tool"))["cve_high"]
    assert not found.judged
    assert not found.passed


def test_judged_without_a_value_is_not_judged() -> None:
    entries = [c for c in counts() if c.criterion != "opset"]
    assert not judge(*entries, LintCount(criterion="opset", judged=True, value=None))["opset"].judged


def test_a_count_below_its_own_list_is_corrected() -> None:
    entries = [c for c in counts() if c.criterion != "code_style"]
    wrong = LintCount(criterion="code_style", judged=True, value=0, findings=(finding(1), finding(2)))
    found = judge(*entries, wrong)["code_style"]
    assert found.value == 2
    assert not found.passed


def test_the_sentence_names_findings_and_counts_the_rest() -> None:
    entries = [c for c in counts() if c.criterion != "code_style"]
    many = LintCount(criterion="code_style", judged=True, value=100, findings=tuple(finding(n) for n in range(100)))
    why = judge(*entries, many)["code_style"].why
    assert why.startswith("F401 train.py:0: `os` imported but unused; F401 train.py:1")
    assert why.endswith("and 92 more")


def test_a_hostile_name_cannot_flood_the_sentence() -> None:
    entries = [c for c in counts() if c.criterion != "model_safety"]
    long = Finding(code="unknown_domain", where="x" * 1_000_000, message="line\nbreak")
    why = judge(*entries, LintCount(criterion="model_safety", judged=True, value=1, findings=(long,)))[
        "model_safety"
    ].why
    assert len(why) < 1000
    assert "\n" not in why
