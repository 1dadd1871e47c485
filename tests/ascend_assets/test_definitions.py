"""The whole graph: what it holds is seen in review, every check and dependency exists, and a bad file is shown."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from syrupy.assertion import SnapshotAssertion
from tiny import DEFS_YAML, write_tiny

from ascend_assets import checks, definitions, deployments, freshness, models, operator_jobs, pools
from ascend_assets.gates.criteria import CRITERIA
from ascend_assets.operations import standing
from ascend_assets.policy_file import in_force
from ascend_assets.risk import check as risk
from ascend_assets.walk import stages

BESIDE_THE_WALK = {"challenger", "drift", "metrics", "production", "proposed_limits", "repair"}
"""Assets of a model that no candidate is made of by its walk."""


@pytest.fixture(scope="module")
def defs() -> dg.Definitions:
    return definitions.build_defs()


def test_everything_resolves(defs: dg.Definitions) -> None:
    dg.Definitions.validate_loadable(defs)


def test_the_graph_is_as_reviewed(defs: dg.Definitions, snapshot: SnapshotAssertion) -> None:
    """A change of an asset, a check, a job or a sensor shows in this snapshot: `pytest --snapshot-update` renews it."""
    repository = defs.get_repository_def()
    graph = repository.asset_graph
    assert {
        "assets": {node.key.to_user_string(): _asset(node) for node in graph.asset_nodes},
        "checks": sorted(f"{key.asset_key.to_user_string()}:{key.name}" for key in graph.asset_check_keys),
        "jobs": sorted(name for name in repository.job_names if not name.startswith("__")),
        "sensors": sorted(sensor.name for sensor in repository.sensor_defs),
        "schedules": sorted(schedule.name for schedule in repository.schedule_defs),
    } == snapshot


def _asset(node: Any) -> dict[str, Any]:
    return {
        "parents": sorted(key.to_user_string() for key in node.parent_keys),
        "group": node.group_name,
        "kinds": sorted(node.kinds),
        "owners": sorted(node.owners),
        "description": node.description,
        # Without the host that the graph was built on.
        "pools": sorted(pool.removesuffix(f"_{pools.host()}") for pool in node.pools or ()),
    }


def test_no_check_and_no_dependency_is_on_an_asset_that_does_not_exist(defs: dg.Definitions) -> None:
    """Dagster takes such a typo silently, and the gate would judge nothing."""
    graph = defs.get_repository_def().asset_graph
    names = models.load_all(models.DEFS)[0]
    shown = {dg.AssetKey([model, env, "deployment"]) for model in names for env in in_force().names[1:]}
    there = {node.key for node in graph.asset_nodes if node.is_executable} | shown
    assert {node.key for node in graph.asset_nodes} == there
    assert {key.asset_key for key in graph.asset_check_keys} <= there
    for node in graph.asset_nodes:
        assert set(node.parent_keys) <= there


def test_every_gate_blocks_and_says_what_it_means(defs: dg.Definitions) -> None:
    graph = defs.get_repository_def().asset_graph
    informing = {*standing.ANSWERS, freshness.NAME, risk.NAME}
    gates = [
        key
        for key in graph.asset_check_keys
        if key.name not in informing and key.asset_key.path[-1] not in BESIDE_THE_WALK
    ]
    assert gates
    for key in gates:
        spec = graph.get_check_spec(key)
        assert spec.blocking, key
        assert CRITERIA[key.name].meaning in (spec.description or "")
        assert CRITERIA[key.name].source in (spec.description or "")


def test_beside_the_walk_only_a_worse_challenger_and_a_failed_repair_are_stopped(defs: dg.Definitions) -> None:
    graph = defs.get_repository_def().asset_graph
    beside = [key for key in graph.asset_check_keys if key.asset_key.path[-1] in BESIDE_THE_WALK]
    assert {key.asset_key.path[-1] for key in beside} == BESIDE_THE_WALK - {"proposed_limits"}
    for key in beside:
        spec = graph.get_check_spec(key)
        assert spec.blocking == (key.name in {"beats_champion", "repaired"}), key
        assert spec.description


def test_every_deployment_has_checks_that_inform(defs: dg.Definitions) -> None:
    graph = defs.get_repository_def().asset_graph
    for model in models.load_all(models.DEFS)[0]:
        for environment in in_force().names:
            keys = deployments.check_keys(model, environment)
            assert {key.name for key in keys} == {"approvals", "admissibility", "health"}
            for key in keys:
                spec = graph.get_check_spec(key)
                assert not spec.blocking, f"{key} would stop a candidate for what only a reviewer can mend"
                assert spec.description


def test_every_compiled_model_has_a_check_that_blocks_nothing(defs: dg.Definitions) -> None:
    graph = defs.get_repository_def().asset_graph
    found = {key.asset_key for key in graph.asset_check_keys if key.name == freshness.NAME}
    assert found == {node.key for node in graph.asset_nodes if node.key.path[-1] == "om"}
    for key in graph.asset_check_keys:
        if key.name == freshness.NAME:
            assert not graph.get_check_spec(key).blocking
            assert "ascend stale" in (graph.get_check_spec(key).description or "")


def test_every_model_has_a_check_that_warns_of_its_risk_and_blocks_nothing(defs: dg.Definitions) -> None:
    graph = defs.get_repository_def().asset_graph
    found = [key for key in graph.asset_check_keys if key.name == risk.NAME]
    assert {key.asset_key for key in found} == {node.key for node in graph.asset_nodes if node.key.path[-1] == "onnx"}
    assert not any(graph.get_check_spec(key).blocking for key in found)


def test_the_sensor_may_ask_for_every_models_candidate(defs: dg.Definitions) -> None:
    (sensor,) = (s for s in defs.get_repository_def().sensor_defs if s.name == "toolchain_changed")
    assert {job.name for job in sensor.jobs} == {f"{name}_candidate" for name in models.load_all(models.DEFS)[0]}


def test_a_release_walks_through_the_environments_in_their_order(defs: dg.Definitions) -> None:
    graph = defs.get_repository_def().asset_graph
    for model in models.load_all(models.DEFS)[0]:
        for before, environment in pairwise(in_force().names):
            node = graph.get(dg.AssetKey([model, environment, "deployment"]))
            assert node.parent_keys == {dg.AssetKey([model, before, "deployment"])}


def test_the_jobs_of_operators_do_not_grow_with_the_models(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_tiny(tmp_path / name)
        (tmp_path / name / "defs.yaml").write_text(DEFS_YAML.replace("name: tiny", f"name: {name}"))
    names = set(definitions.build_defs(folder=tmp_path).get_repository_def().job_names)
    own = {job.name for job in operator_jobs.JOBS}
    assert {name for name in names if not name.startswith(("one_", "two_", "__"))} == own


def test_every_criterion_is_checked_on_some_asset() -> None:
    on_stages = [name for names in checks.ON_STAGE.values() for name in names]
    assert sorted(on_stages) == sorted(CRITERIA)


def test_every_asset_can_be_read_without_us(defs: dg.Definitions) -> None:
    for node in defs.get_repository_def().asset_graph.asset_nodes:
        assert node.description
        assert node.kinds
        assert node.owners
        assert node.tags


def test_the_walk_goes_forward_only() -> None:
    for spec in models.load_all(models.DEFS)[0].values():
        seen: set[tuple[str, ...]] = set()
        for stage in stages(spec):
            assert set(stage.inputs.values()) <= seen
            seen.add(stage.asset)


def test_a_bad_model_is_shown_and_the_others_load(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_tiny(tmp_path / "tiny")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "defs.yaml").write_text(DEFS_YAML.replace("name: tiny", "name: broken\n  tusk: 1"))
    (tmp_path / "unreadable").mkdir()
    (tmp_path / "unreadable" / "defs.yaml").write_text("a: [")
    graph = definitions.build_defs(folder=tmp_path).get_repository_def().asset_graph
    keys = {node.key.to_user_string(): node for node in graph.asset_nodes}
    assert "tiny/Ascend310P3/om" in keys
    assert "tusk: unknown field; allowed:" in (keys["broken/not_loaded"].description or "")
    assert "not valid YAML" in (keys["unreadable/not_loaded"].description or "")
    assert "broken/defs.yaml:4" in caplog.text


def test_importing_the_definitions_loads_nothing_heavy(tmp_path: Path) -> None:
    """A code location imports this in every process; what a stage needs, the stage imports."""
    import subprocess
    import sys

    script = (
        "import sys, ascend_assets.definitions as d; d.defs();"
        "print([m for m in ('onnx', 'onnxruntime', 'numpy', 'pandas', 'pandera', 'sklearn', 'boto3', 'torch',"
        " 'kubernetes') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert done.stdout.strip() == "[]"
