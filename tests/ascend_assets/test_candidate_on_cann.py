"""The same graph on a machine with NPUs (stand-ins for CANN's programs): what it finds is measured."""

import dagster as dg
import pytest
from cann_machine import machine, records
from sandbox import Sandbox
from stand_ins.installing import StandIns

from ascend_assets.progress import StageEvent, listening
from ascend_assets.records import BenchmarkRecord, DossierRecord, OmRecord, PrecisionRecord

__all__ = ["machine"]


@pytest.fixture(autouse=True)
def _for_these_cards(sandbox: Sandbox, machine: StandIns) -> None:
    definition = sandbox.model / "defs.yaml"
    definition.write_text(definition.read_text().replace("Ascend310P3", machine.soc))
    sandbox.commit("for this machine's cards")


def metadata(result: dg.ExecuteInProcessResult, entry: str) -> dict[str, object]:
    """Stage -> an entry of its materialisation, where it has that."""
    made = [event.materialization for event in result.get_asset_materialization_events()]
    return {m.asset_key.path[-1]: m.metadata[entry].value for m in made if entry in m.metadata}


def test_a_candidate_is_compiled_compared_and_timed_by_cann(sandbox: Sandbox, machine: StandIns) -> None:
    result = sandbox.run()
    assert result.success
    found = records(sandbox)
    om, precision, benchmark, dossier = (found[name] for name in ("om", "precision", "benchmark", "dossier"))
    assert isinstance(om, OmRecord)
    assert isinstance(precision, PrecisionRecord)
    assert isinstance(benchmark, BenchmarkRecord)
    assert isinstance(dossier, DossierRecord)
    assert om.info.toolchain.name == "cann"
    assert {om.info.toolchain.origin, precision.origin, benchmark.origin} == {"measured"}
    assert benchmark.profile.measurement is not None
    assert len(benchmark.profile.measurement.runs_ms) >= 100
    about_the_device = {verdict.origin for verdict in dossier.verdicts if verdict.target}
    assert about_the_device == {"measured"}
    assert "cann" in str(metadata(result, "chosen")["om"])
    assert all(machine.calls(tool) for tool in ("atc", "msprof", "npu-smi"))


def test_a_refusal_of_atc_is_the_conversion_gates_verdict(sandbox: Sandbox, machine: StandIns) -> None:
    machine.break_("atc", "EZ3003")
    result = sandbox.run()
    assert not result.success
    (evaluation,) = [e for e in result.get_asset_check_evaluations() if e.check_name == "conversion_errors"]
    assert not evaluation.passed
    assert "EZ3003" in str(evaluation.description)
    assert "om" not in records(sandbox)


def test_a_device_that_is_lost_is_an_accident_and_no_verdict(sandbox: Sandbox, machine: StandIns) -> None:
    machine.break_("npu-smi", "no_devices")
    result = sandbox.run()
    assert not result.success
    assert "precision" not in records(sandbox)
    assert not [e for e in result.get_asset_check_evaluations() if not e.passed and e.check_name != "cve_high"]


def test_emulated_work_is_done_again_and_never_taken_for_measured(
    sandbox: Sandbox, machine: StandIns, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASCEND_TOOLCHAIN", "emulated")
    assert sandbox.run().success
    monkeypatch.setenv("ASCEND_TOOLCHAIN", "cann")
    result = sandbox.run()
    assert result.success
    reused = metadata(result, "reused")
    assert not any(reused[stage] for stage in ("om", "precision", "benchmark", "release"))
    assert machine.calls("atc")


def test_who_waits_for_the_tools_hears_of_them(sandbox: Sandbox) -> None:
    heard: list[StageEvent] = []
    with listening(heard.append):
        assert sandbox.run().success
    said = {event.asset[-1]: event.text for event in heard if event.kind == "says"}
    assert "atc compiles" in said["om"]
    assert {"precision", "benchmark"} <= said.keys()
