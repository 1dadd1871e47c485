"""A candidate that nobody watched has a page when a gate refuses it, and the dossier asset says where it lies."""

from pathlib import Path

import dagster as dg
import pytest
from sandbox import Sandbox
from tiny import write_tiny

from ascend_assets import history
from resources.configurable import AscendToolchain, Project
from sensors.refused import refused_candidates


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ASCEND_STATE", str(tmp_path / "state"))
    return tmp_path / "state"


def told(sandbox: Sandbox, result: dg.ExecuteInProcessResult) -> dg.SensorResult | dg.SkipReason:
    run = sandbox.instance.get_run_by_id(result.run_id)
    assert run is not None
    failure = next(e for e in result.all_events if e.event_type_value == "PIPELINE_FAILURE")
    context = dg.build_run_status_sensor_context(
        sensor_name="refused_candidates", dagster_event=failure, dagster_instance=sandbox.instance, dagster_run=run
    ).for_run_failure()
    answer = refused_candidates(
        context, store=sandbox.store, toolchain=AscendToolchain(), project=Project(folder=str(sandbox.root))
    )
    assert isinstance(answer, dg.SensorResult | dg.SkipReason)
    return answer


def test_a_refused_candidate_gets_its_page(sandbox: Sandbox, state: Path) -> None:
    write_tiny(sandbox.model, scale=1e6)
    sandbox.commit()
    answer = told(sandbox, sandbox.run())
    assert isinstance(answer, dg.SensorResult)
    (observation,) = answer.asset_events
    assert observation.asset_key == dg.AssetKey(["tiny", "dossier"])
    assert "overflow_layers" in (observation.description or "")
    page = Path(str(observation.metadata["page"].value))
    assert page.is_relative_to(state)
    assert "hidden" in page.read_text()
    assert page.stem == observation.metadata[history.CANDIDATE].value
    assert "Why it was refused" in page.read_text()
    assert "first" in str(observation.metadata["causes"].value), "the weight that FP16 does not hold"
    assert "→" in str(observation.metadata["原因"].value)


def test_a_refused_compilation_gets_its_page_too(sandbox: Sandbox) -> None:
    text = (sandbox.model / "defs.yaml").read_text()
    (sandbox.model / "defs.yaml").write_text(text.replace("batch: 4}", "batch: 4, keep_dtype: [no_such_node]}"))
    sandbox.commit()
    answer = told(sandbox, sandbox.run())
    assert isinstance(answer, dg.SensorResult)
    (observation,) = answer.asset_events
    assert "conversion_errors" in (observation.description or "")
    page = Path(str(observation.metadata["page"].value)).read_text()
    assert "no_such_node" in page
    assert "The compiler&#39;s own words" in page or "The compiler's own words" in page, "its log was kept"
    assert "Why it was refused" in page


def test_a_run_that_fell_for_another_reason_is_skipped(sandbox: Sandbox) -> None:
    (sandbox.model / "model.onnx").write_bytes(b"not a model")
    sandbox.commit()
    answer = told(sandbox, sandbox.run())
    assert isinstance(answer, dg.SkipReason)
    assert "no gate refused it" in (answer.skip_message or "")


def test_the_command_line_writes_its_own(sandbox: Sandbox) -> None:
    write_tiny(sandbox.model, scale=1e6)
    sandbox.commit()
    result = sandbox.run()
    sandbox.instance.add_run_tags(result.run_id, {history.STARTED_BY_TAG: "command line"})
    assert isinstance(told(sandbox, result), dg.SkipReason)


def test_the_sensor_is_on(sandbox: Sandbox) -> None:
    sensors = {sensor.name: sensor for sensor in sandbox.definitions().get_repository_def().sensor_defs}
    assert sensors["refused_candidates"].default_status == dg.DefaultSensorStatus.RUNNING
