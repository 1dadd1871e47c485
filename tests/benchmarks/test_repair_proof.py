"""The corpus is what it says, and no answer counts that does not hold."""

import json
import math
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from ascend_assets import preflight
from benchmarks.repair import __main__ as proof
from benchmarks.repair import expected, random_faults, report, running
from benchmarks.repair.catalogue import DEVELOPMENT, FAULTS, HELD_OUT
from benchmarks.repair.checking import check
from benchmarks.repair.corpus import CORPUS, Case, build
from benchmarks.repair.logs import LOGS
from benchmarks.repair.outcomes import Check, Named, Outcome
from resources.ascend.options import CompileOptions

SOC = CompileOptions(soc_version="Ascend310P3")
BROKEN = ("resnet-opset_19", "gat-mask_9e15", "tcn-moments", "pointnet-dead_l2_1e10_add", "crnn-long_cumsum")
SOUND = ("gat-healthy-block", "crnn-healthy-far_comparison", "pointnet-healthy-block")


def case_named(name: str) -> Case:
    return next(case for case in CORPUS if case.name == name)


def written(case: Case, folder: Path) -> Path:
    path = folder / "model.onnx"
    onnx.save(build(case).model, path)
    return path


@pytest.mark.parametrize("name", BROKEN)
def test_a_planted_fault_breaks_the_model(name: str, tmp_path: Path) -> None:
    assert not preflight.run(written(case_named(name), tmp_path), SOC)


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_model_is_sound_in_fp32(name: str) -> None:
    assert random_faults.finite(build(case_named(name)))


@pytest.mark.parametrize("name", SOUND)
def test_what_only_looks_like_a_fault_breaks_nothing(name: str, tmp_path: Path) -> None:
    assert preflight.run(written(case_named(name), tmp_path), SOC)


@pytest.mark.parametrize("name", [*BROKEN[:3], SOUND[0]])
def test_a_case_is_the_same_bytes_each_time(name: str) -> None:
    first, second = (build(case_named(name)).model.SerializeToString(deterministic=True) for _ in range(2))
    assert first == second


def test_the_corpus_is_as_large_as_was_promised() -> None:
    broken = [case for case in CORPUS if case.faults]
    assert len(broken) >= 60
    assert sum(not case.faults for case in CORPUS) >= 20
    assert any(len(case.faults) == 2 for case in broken)
    assert len({(case.half, case.name) for case in CORPUS}) == len(CORPUS)


def test_the_halves_share_no_architecture() -> None:
    halves = {half: {case.network for case in CORPUS if case.half == half} for half in ("development", "held_out")}
    assert not halves["development"] & halves["held_out"]


def test_every_fault_is_planted_somewhere_and_every_family_is_expected_by_a_name() -> None:
    planted = Counter(name for case in CORPUS for name in case.faults)
    assert set(planted) == set(FAULTS) == set(DEVELOPMENT) | set(HELD_OUT)
    assert {fault.family for fault in FAULTS.values()} | {log.family for log in LOGS} <= set(expected.FAMILIES)


def outcome(**changes: object) -> Outcome:
    own = Outcome(
        name="n",
        half="development",
        families=("opset",),
        unattended=True,
        nodes=10,
        status="repaired",
        changed=True,
        causes=(Named("opset.too_new", "opset", 0.9),),
        top=True,
        any=True,
        every=True,
        check=Check(admitted=True, others=True, equal=True, worst=0.0),
        remedies=("convert_opset",),
        attempts=1,
        seconds=2.0,
    )
    return replace(own, **changes)  # type: ignore[arg-type]


def test_a_repair_that_does_not_hold_is_a_false_claim_and_no_repair() -> None:
    claimed = outcome(check=Check(admitted=True, others=True, equal=False, worst=1.0))
    found = report.figures([claimed, outcome()])
    assert (found.repaired, found.false_claims, found.repair_rate) == (1, 1, 0.5)
    assert len(report.missed(found)) == 2


def test_a_broken_model_that_is_called_healthy_is_a_false_claim() -> None:
    assert outcome(status="healthy", check=None).false_claim


@pytest.mark.parametrize("changes", [{"status": "not_repaired"}, {"status": "healthy", "changed": True}])
def test_a_healthy_model_that_is_changed_or_called_broken_is_a_false_repair(changes: dict[str, object]) -> None:
    assert outcome(families=(), check=None, **changes).false_repair


def test_what_no_one_can_repair_unattended_counts_for_causes_alone() -> None:
    found = report.figures([outcome(unattended=False, status="not_repaired", check=None)])
    assert (found.repairable, found.top) == (0, 1.0)
    assert not report.missed(found)


def test_figures_of_nothing_are_no_figures_and_reach_no_goal() -> None:
    found = report.figures([outcome(status="not_repaired", check=None, seconds=math.nan)])
    assert math.isnan(found.kept_share_median)
    assert len(report.missed(found)) == 2


def test_the_table_has_a_row_for_each_half_and_family() -> None:
    table = report.table([outcome(), outcome(half="held_out", families=("epsilon",), top=False)])
    rows = [line.split("|")[1].strip() for line in table.splitlines()]
    assert rows[2:] == ["all", "development", "held_out", "&nbsp;&nbsp;opset", "&nbsp;&nbsp;epsilon"]


def test_json_has_no_nan() -> None:
    text = json.dumps(proof._plain(report.as_json([outcome()], ())), allow_nan=False)
    assert json.loads(text)["figures"]["all"]["repaired"] == 1


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    return written(case_named("gat-healthy-block"), tmp_path)


def test_a_model_that_computes_something_else_is_not_equal(sound: Path, tmp_path: Path) -> None:
    truth, other = onnx.load(sound), onnx.load(sound)
    weight = next(w for w in other.graph.initializer if len(w.dims) == 2)
    weight.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weight) * np.float32(1.5), weight.name))
    changed = tmp_path / "changed.onnx"
    onnx.save(other, changed)
    held = check(truth, changed, SOC, None, 1e-2)
    assert held.admitted
    assert not held.equal
    assert check(truth, sound, SOC, None, 1e-2)


def test_an_answer_that_the_gates_refuse_does_not_hold(tmp_path: Path) -> None:
    path = written(case_named("gat-mask_9e15"), tmp_path)
    held = check(onnx.load(path), path, SOC, None, 1e-2)
    assert held.equal
    assert not held


def test_the_real_command_repairs_a_broken_model_and_the_answer_holds() -> None:
    found = running.outcome(case_named("gat-mask_9e15"), process=False)
    assert found.repaired
    assert found.top
    assert not found.false_claim
    assert found.attempts >= 1


def test_the_real_command_leaves_a_healthy_model_alone() -> None:
    found = running.outcome(case_named("crnn-healthy-far_comparison"), process=False)
    assert not found.false_repair
    assert found.remedies == ()


def test_what_prints_no_answer_is_a_crash_and_no_repair(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "command", lambda *_, **__: running.Ran(1, "not JSON", "Traceback ...", 0.1, 0.1))
    found = running.outcome(case_named("gat-mask_9e15"), process=False)
    assert found.status == "crashed"
    assert not found.repaired
    assert "Traceback" in report.failures([found])


def test_random_cases_are_the_same_for_a_seed_and_really_fail() -> None:
    first, second = (tuple(random_faults.cases(2, seed=5)) for _ in range(2))
    assert first == second
    for case in first:
        assert random_faults.refused(build(case))
    assert tuple(random_faults.cases(2, seed=6)) != first
