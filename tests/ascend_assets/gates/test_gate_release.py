"""The release gate: records of two candidates never pass as one, and provenance is complete."""

from typing import Any

import pytest
from evidence_samples import LOCK, TARGET, chain, comparison, onnx, precision, profile, source, spec, toolchain

from ascend_assets.gates import release as gate
from ascend_assets.gates.release import Evidence
from ascend_assets.gates.verdict import Verdict
from ascend_assets.records import LintRecord, OnnxRecord, SourceRecord
from resources.store.blobs import Artefact

MODEL = spec()
OTHER_ARCHIVE = Artefact(sha256="d" * 64, size=10, name="source.tar")


def judge(
    first: SourceRecord, exported: OnnxRecord, linted: LintRecord, targets: dict[str, Evidence], **fields: Any
) -> dict[str, Verdict]:
    verdicts = gate.judge(fields.pop("spec", MODEL), first, exported, linted, targets, **{"lock": LOCK, **fields})
    return {v.criterion: v for v in verdicts}


def test_a_whole_candidate_passes_everywhere() -> None:
    verdicts = judge(*chain(MODEL))
    assert tuple(verdicts) == gate.CRITERIA_NAMES
    for verdict in verdicts.values():
        assert verdict.admits == ("dev", "staging", "prod"), verdict
        assert verdict.subject == "5" * 64


@pytest.mark.parametrize("taken", ["source", "onnx", "lint", "om", "precision", "benchmark"])
def test_one_record_of_another_candidate_breaks_the_chain(taken: str) -> None:
    first, exported, linted, targets = chain(MODEL)
    other_source = source(archive=OTHER_ARCHIVE)
    other_file = Artefact(sha256="e" * 64, size=10, name="model.onnx")
    other_onnx = onnx(other_source, file=other_file)
    other_lint = LintRecord(
        key="3" * 64, made_from={"source": other_source.data_version, "onnx": other_onnx.data_version}, counts=()
    )
    compiled, precise, timed = targets[TARGET]
    elsewhere = {"onnx": other_onnx.data_version, "lint": other_lint.data_version}
    other_om = compiled.model_copy(
        update={"made_from": elsewhere, "file": Artefact(sha256="f" * 64, size=1, name="x.om")}
    )
    other_precision = precision(other_onnx, other_om)
    other_benchmark = timed.model_copy(update={"made_from": {"om": other_om.data_version}})
    mixed = judge(
        other_source if taken == "source" else first,
        other_onnx if taken == "onnx" else exported,
        other_lint if taken == "lint" else linted,
        {
            TARGET: (
                other_om if taken == "om" else compiled,
                other_precision if taken == "precision" else precise,
                other_benchmark if taken == "benchmark" else timed,
            )
        },
    )["chain"]
    assert mixed.admits == ()
    assert mixed.value is not None
    assert mixed.value >= 1
    assert "was made from" in mixed.why


def test_every_mismatch_is_named() -> None:
    first, exported, linted, targets = chain(MODEL)
    other = source(archive=OTHER_ARCHIVE)
    found = gate.mismatches(other, exported, linted, targets)
    assert found == (
        "onnx was made from source 555555555555, not dddddddddddd",
        "lint was made from source 555555555555, not dddddddddddd",
    )
    assert gate.mismatches(first, exported, linted, targets) == ()


def test_a_record_that_does_not_say_what_it_was_made_from_is_a_mismatch() -> None:
    first, exported, linted, targets = chain(MODEL)
    silent = exported.model_copy(update={"made_from": {}})
    assert "onnx does not say which source it was made from" in gate.mismatches(first, silent, linted, targets)


def test_a_record_made_from_something_else_besides_is_a_mismatch() -> None:
    first, exported, linted, targets = chain(MODEL)
    more = exported.model_copy(update={"made_from": {**exported.made_from, "patch": "0" * 64}})
    assert "onnx names an input 'patch' that it cannot have" in gate.mismatches(first, more, linted, targets)


def changed(stage: str, **fields: Any) -> tuple[str, ...]:
    first, exported, linted, targets = chain(MODEL)
    compiled, precise, timed = targets[TARGET]
    evidence: Evidence = (
        compiled.model_copy(update=fields) if stage == "om" else compiled,
        precise.model_copy(update=fields) if stage == "precision" else precise,
        timed.model_copy(update=fields) if stage == "benchmark" else timed,
    )
    return gate.mismatches(first, exported, linted, {TARGET: evidence})


@pytest.mark.parametrize("stage", ["om", "precision", "benchmark"])
def test_evidence_of_another_target_is_a_mismatch(stage: str) -> None:
    assert changed(stage, target="Ascend910B3") == (f"{TARGET}/{stage} is about target 'Ascend910B3'",)


def test_an_om_that_names_another_onnx_is_a_mismatch() -> None:
    info = chain(MODEL)[3][TARGET][0].info.model_copy(update={"onnx_sha256": "9" * 64})
    assert changed("om", info=info) == (f"{TARGET}/om says that it was compiled from 999999999999, not 666666666666",)


def test_timing_on_another_soc_is_a_mismatch() -> None:
    (fault,) = changed("benchmark", profile=profile(soc_version="Ascend910B3"))
    assert fault == f"{TARGET}/benchmark was timed on Ascend910B3, but the om is for {TARGET}"


@pytest.mark.parametrize("stage", ["precision", "benchmark"])
def test_evidence_of_another_toolchain_is_a_mismatch(stage: str) -> None:
    assert changed(stage, toolchain=toolchain(version="other")) == (
        f"{TARGET}/{stage} comes from another toolchain than the om",
    )


def test_evidence_that_calls_itself_measured_and_is_not_is_a_mismatch() -> None:
    assert changed("precision", origin="measured") == (
        f"{TARGET}/precision calls itself measured; its content says emulated",
    )
    assert changed("precision", comparison=comparison("measured")) == (
        f"{TARGET}/precision calls itself emulated; its content says measured",
    )


def test_a_target_without_evidence_is_refused() -> None:
    first, exported, linted, _ = chain(MODEL)
    found = judge(first, exported, linted, {})["chain"]
    assert found.why == f"{TARGET} has no evidence"
    assert found.admits == ()


def test_a_target_that_nobody_declared_is_refused() -> None:
    first, exported, linted, targets = chain(MODEL)
    renamed = {name: [t.model_copy(update={"target": name}) for t in targets[TARGET]] for name in (TARGET, "extra")}
    evidence: Any = {name: tuple(records) for name, records in renamed.items()}
    assert "extra is no target of digits" in judge(first, exported, linted, evidence)["chain"].why


def test_options_that_defs_yaml_does_not_ask_for_are_refused() -> None:
    stricter = spec(targets=[{"soc_version": TARGET, "batch": 8, "precision_mode": "force_fp32"}])
    found = judge(*chain(MODEL), spec=stricter)["chain"]
    assert found.why == f"{TARGET}/om was compiled with other options than defs.yaml asks for"


def test_an_om_that_names_its_soc_as_cann_does_is_what_defs_yaml_asks_for() -> None:
    alias = spec(targets=[{"soc_version": "Ascend910", "batch": 8}])
    first, exported, linted, targets = chain(alias)
    compiled, precise, timed = targets["Ascend910"]
    options = compiled.info.options.model_copy(update={"soc_version": "Ascend910A"})
    renamed = compiled.model_copy(update={"info": compiled.info.model_copy(update={"options": options})})
    timed = timed.model_copy(update={"profile": profile(soc_version="Ascend910A")})
    assert bool(judge(first, exported, linted, {"Ascend910": (renamed, precise, timed)}, spec=alias)["chain"])


def test_the_source_of_another_model_is_refused() -> None:
    assert "not 'digits'" in judge(*chain(MODEL, model="other"))["chain"].why


def test_a_dirty_tree_never_leaves_dev() -> None:
    verdicts = judge(*chain(MODEL, dirty=True, commit="", author=""))
    assert verdicts["clean_tree"].admits == ("dev",)
    assert verdicts["provenance"].value == 0
    assert bool(verdicts["chain"])


def test_a_model_cannot_wave_a_dirty_tree_through() -> None:
    with pytest.raises(ValueError, match="cannot change this limit"):
        spec(gates={"clean_tree": 1})
    lenient = MODEL.model_copy(update={"gates": {"clean_tree": 1.0}})
    assert judge(*chain(lenient, dirty=True), spec=lenient)["clean_tree"].admits == ("dev",)


@pytest.mark.parametrize(
    ("fields", "missing"),
    [
        ({"commit": ""}, "missing: commit"),
        ({"commit": "1a2b3c"}, "missing: commit"),
        ({"author": " "}, "missing: author"),
    ],
)
def test_a_clean_tree_has_a_commit_and_an_author(fields: dict[str, Any], missing: str) -> None:
    found = judge(*chain(MODEL, **fields))["provenance"]
    assert found.why == missing
    assert found.admits == ()


@pytest.mark.parametrize("lock", ["", "abc", "g" * 64])
def test_without_a_lock_nobody_can_build_it_again(lock: str) -> None:
    found = judge(*chain(MODEL), lock=lock)["provenance"]
    assert found.why == "missing: digest of the dependency lock"
    assert not found.passed


def test_a_toolchain_that_does_not_name_itself_is_missing() -> None:
    first, exported, linted, targets = chain(MODEL)
    compiled, precise, timed = targets[TARGET]
    nameless = timed.model_copy(update={"toolchain": toolchain(cann="")})
    found = judge(first, exported, linted, {TARGET: (compiled, precise, nameless)})["provenance"]
    assert found.why == f"missing: toolchain's cann of {TARGET}/benchmark"
