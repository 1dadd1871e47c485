"""What Dagster is shown of all models is what they are; what is run is the real thing, of the models it is about."""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.remote_representation.external_data import JobDataSnap, RepositorySnap
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import PythonFileTarget
from dagster._serdes import deserialize_value, serialize_value
from dagster_graphql.schema import create_schema
from tiny import DEFS_YAML

from ascend_assets import models
from ascend_assets.definitions import ModelFiles, build_defs, build_repository
from ascend_assets.fleet import repository as fleet
from ascend_assets.fleet.repository import FleetRepository
from ascend_assets.history import MODEL_TAG

ALL = "__ASSET_JOB"


def write(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).mkdir(parents=True)
        (folder / name / "defs.yaml").write_text(DEFS_YAML.replace("name: tiny", f"name: {name}"))
    return folder


def fields(snap: Any, *without: str) -> dict[str, Any]:
    return {name: getattr(snap, name) for name in snap._fields if name not in without}


def keyed(snaps: Any, key: Callable[[Any], Any], *without: str) -> Mapping[Any, dict[str, Any]]:
    return {key(snap): fields(snap, *without) for snap in snaps}


@pytest.fixture(scope="module")
def real() -> RepositorySnap:
    return RepositorySnap.from_def(build_defs().get_repository_def(), defer_snapshots=True)


@pytest.fixture(scope="module")
def shown() -> RepositorySnap:
    return RepositorySnap.from_def(build_repository(), defer_snapshots=True)


def test_the_assets_that_are_shown_are_the_real_ones(real: RepositorySnap, shown: RepositorySnap) -> None:
    """Every field: lineage, group, owners, tags, pools, jobs. But an op of one kind stands for those of all models."""
    without = "node_definition_name"
    assert keyed(shown.asset_nodes, lambda node: node.asset_key, without) == keyed(
        real.asset_nodes, lambda node: node.asset_key, without
    )


def test_the_checks_that_are_shown_are_the_real_ones(real: RepositorySnap, shown: RepositorySnap) -> None:
    def key(check: Any) -> tuple[dg.AssetKey, str]:
        return check.asset_key, check.name

    def sorted_jobs(found: Mapping[Any, dict[str, Any]]) -> Mapping[Any, dict[str, Any]]:
        return {name: {**check, "job_names": sorted(check["job_names"])} for name, check in found.items()}

    assert sorted_jobs(keyed(shown.asset_check_nodes, key)) == sorted_jobs(keyed(real.asset_check_nodes, key))


def test_sensors_and_jobs_and_resources_are_the_real_ones(real: RepositorySnap, shown: RepositorySnap) -> None:
    assert keyed(shown.sensors, lambda sensor: sensor.name) == keyed(real.sensors, lambda sensor: sensor.name)
    assert {job.name for job in shown.job_refs or ()} == {job.name for job in real.job_refs or ()}
    assert {each.name for each in shown.resources or ()} == {each.name for each in real.resources or ()}


def test_every_asset_has_a_form_that_the_ui_can_show() -> None:
    repository = build_repository()
    whole = repository.get_job(ALL).get_job_snapshot()
    ops = {op.name: op for op in whole.node_defs_snapshot.op_def_snaps}
    for node in RepositorySnap.from_def(repository, defer_snapshots=True).asset_nodes:
        if node.is_executable:
            assert node.job_names[0] == ALL
            assert node.node_definition_name in ops
        if node.asset_key.path[-1] == "source":
            form = ops[str(node.node_definition_name)].config_field_snap
            assert form is not None
            assert form.type_key in whole.config_schema_snapshot.all_config_snaps_by_key


def test_a_models_job_that_is_shown_says_what_it_is_for(tmp_path: Path) -> None:
    repository = build_repository(write(tmp_path, "tiny"))
    outline = {job.name: job for job in repository.get_all_jobs()}["tiny_candidate"].get_job_snapshot()
    job = repository.get_maybe_subset_job_def("tiny_candidate").get_job_snapshot()
    assert (outline.name, outline.description, outline.tags) == (job.name, job.description, job.tags)
    sent = serialize_value(JobDataSnap.from_job_def(repository.get_job("tiny_candidate"), include_parent_snapshot=True))
    assert deserialize_value(sent, JobDataSnap).job.snapshot_id == outline.snapshot_id
    assert len(sent) < 5_000, "webserver and daemon fetch one of every job"


def test_a_part_of_a_job_names_as_its_whole_what_the_webserver_has_of_it(tmp_path: Path) -> None:
    repository = build_repository(write(tmp_path, "tiny"))
    repository.load_all_definitions()
    for name in ("tiny_candidate", ALL):
        part = repository.get_maybe_subset_job_def(name, asset_selection={dg.AssetKey(["tiny", "source"])})
        lineage = part.get_job_snapshot().lineage_snapshot
        assert lineage is not None
        assert lineage.parent_snapshot_id == repository.get_job(name).get_job_snapshot_id()


def test_a_job_by_its_name_is_the_real_one_and_reads_its_own_model_alone(tmp_path: Path) -> None:
    write(tmp_path, "tiny", "other", "third")
    (tmp_path / "third" / "defs.yaml").write_text("what nobody should read: [")
    repository = build_repository(tmp_path)
    job = repository.get_maybe_subset_job_def("tiny_candidate")
    alone = build_defs(specs={"tiny": models.load(tmp_path / "tiny")}).resolve_job_def("tiny_candidate")
    assert {node.name for node in job.nodes} == {node.name for node in alone.nodes}
    assert job.executor_def is alone.executor_def
    assert _read(repository) == {"tiny"}


def _read(repository: FleetRepository) -> set[str]:
    files = repository._fleet.models
    assert isinstance(files, ModelFiles)
    return set(files._read)


def test_what_is_selected_is_the_real_steps_of_those_models(tmp_path: Path) -> None:
    repository = build_repository(write(tmp_path, "one", "two", "three"))
    wanted = {dg.AssetKey(["one", "source"]), dg.AssetKey(["two", "source"])}
    job = repository.get_maybe_subset_job_def(ALL, asset_selection=wanted)
    assert {node.name for node in job.nodes} == {"one__source", "two__source"}
    assert _read(repository) == {"one", "two"}
    check = dg.AssetCheckKey(dg.AssetKey(["three", "lint"]), "findings")
    gate = next(key for key in repository.asset_graph.asset_check_keys if key.asset_key == check.asset_key)
    judged = repository.get_maybe_subset_job_def(ALL, asset_selection=set(), asset_check_selection={gate})
    assert {node.name for node in judged.nodes} == {"three__lint__gate"}


def test_what_is_selected_of_one_model_is_kept_apart_from_its_other_runs(tmp_path: Path) -> None:
    """By the tag that Dagster's queue looks at: a click on Materialize brings none of its own."""
    repository = build_repository(write(tmp_path, "one", "two"))
    sources = [dg.AssetKey([model, "source"]) for model in ("one", "two")]
    of_one = repository.get_maybe_subset_job_def(ALL, asset_selection={sources[0]})
    assert of_one.get_job_snapshot().tags == of_one.run_tags == {MODEL_TAG: "one"}
    assert repository.get_implicit_job_def_for_assets(sources[:1]).run_tags == {MODEL_TAG: "one"}
    of_both = repository.get_maybe_subset_job_def(ALL, asset_selection=set(sources))
    assert MODEL_TAG not in of_both.run_tags


def test_a_model_whose_name_begins_another_keeps_its_jobs(tmp_path: Path) -> None:
    repository = build_repository(write(tmp_path, "net", "net_candidate", "net_v2"))
    for model in ("net", "net_candidate", "net_v2"):
        job = repository.get_maybe_subset_job_def(f"{model}_candidate")
        assert {node.name for node in job.nodes if node.name.endswith("__source")} == {f"{model}__source"}


def test_a_job_that_there_is_none_of_is_refused(tmp_path: Path) -> None:
    repository = build_repository(write(tmp_path, "net"))
    for name in ("net_compile", "nothing", "net_"):
        with pytest.raises(dg.DagsterInvariantViolationError, match="no model declares it"):
            repository.get_maybe_subset_job_def(name)


def test_a_bad_model_is_shown_and_the_others_run(tmp_path: Path) -> None:
    write(tmp_path, "good", "bad")
    path = tmp_path / "bad" / "defs.yaml"
    path.write_text(path.read_text().replace("name: bad", "name: worse"))
    repository = build_repository(tmp_path)
    shown = repository.asset_graph.get(dg.AssetKey(["bad", "not_loaded"]))
    assert not shown.is_executable
    assert "must equal the folder's name" in (shown.description or "")
    assert repository.get_maybe_subset_job_def("good_candidate").nodes


def test_everything_of_all_models_at_once_is_refused(tmp_path: Path) -> None:
    repository = build_repository(write(tmp_path, "net"))
    with pytest.raises(dg.Failure, match="select what is to be made"):
        repository.get_maybe_subset_job_def(ALL).execute_in_process()
    assert _read(repository) == set()


class TestVeryManyModels:
    """What is built for real at once is bounded, by models and not by selections."""

    NAMES = tuple(f"net_{number}" for number in range(33))

    @pytest.fixture
    def repository(self, tmp_path: Path) -> FleetRepository:
        return build_repository(write(tmp_path, *self.NAMES))

    def test_a_run_is_about_no_more_of_them_than_are_kept(self, repository: FleetRepository) -> None:
        keys = {dg.AssetKey([name, "source"]) for name in self.NAMES}
        said = (
            r"assets or checks of 33 models are selected .* one run may be about 32 models .* each group of at most 32"
        )
        with pytest.raises(dg.DagsterInvalidSubsetError, match=said):
            repository.get_maybe_subset_job_def(ALL, asset_selection=keys)
        with pytest.raises(dg.DagsterInvalidSubsetError, match=said):
            repository.get_implicit_job_def_for_assets(keys)
        assert _read(repository) == set(), "early: nothing was built"

    def test_nor_are_checks_of_more(self, repository: FleetRepository) -> None:
        checks = {dg.AssetCheckKey(dg.AssetKey([name, "target", "om"]), "current") for name in self.NAMES}
        with pytest.raises(dg.DagsterInvalidSubsetError, match="33 models"):
            repository.get_maybe_subset_job_def(ALL, asset_selection=set(), asset_check_selection=checks)
        half = {check.asset_key for check in checks if check.asset_key.path[0] < "net_2"}
        with pytest.raises(dg.DagsterInvalidSubsetError, match="33 models"):
            repository.get_maybe_subset_job_def(ALL, asset_selection=half, asset_check_selection=checks)

    def test_as_many_as_are_kept_are_built(self, repository: FleetRepository) -> None:
        keys = {dg.AssetKey([name, "source"]) for name in self.NAMES[:32]}
        job = repository.get_maybe_subset_job_def(ALL, asset_selection=keys)
        assert len(job.nodes) == 32

    def test_many_assets_of_one_model_are_one_model(self, repository: FleetRepository) -> None:
        keys = {key for key in repository.asset_graph.materializable_asset_keys if key.path[0] == "net_0"}
        checks = {key for key in repository.asset_graph.asset_check_keys if key.asset_key.path[0] == "net_0"}
        assert len(keys) + len(checks) > 32
        assert repository.get_maybe_subset_job_def(ALL, asset_selection=keys, asset_check_selection=checks).nodes

    def test_what_is_kept_is_counted_in_models(
        self, repository: FleetRepository, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(fleet, "MOST", 4)
        built = repository._fleet
        for wanted in (["net_0"], ["net_1", "net_2"], ["net_0"], ["net_3"]):
            built.of(wanted)
        kept = [set(names) for names in built._real]
        assert kept == [{"net_1", "net_2"}, {"net_0"}, {"net_3"}], "in the order in which they were last asked for"
        built.of(["net_4"])
        assert frozenset({"net_1", "net_2"}) not in built._real, "the longest unasked goes, whole"
        built.of(["net_0", "net_1", "net_2", "net_3"])
        assert [set(names) for names in built._real] == [{"net_0", "net_1", "net_2", "net_3"}]

    def test_the_ui_says_it_where_somebody_launches_them(self, tmp_path: Path) -> None:
        """Through a real code server, by the requests of the page of assets."""
        write(tmp_path / "defs", *self.NAMES)
        server = tmp_path / "location.py"
        server.write_text(LOCATION.format(folder=str(tmp_path / "defs")))
        with (
            dg.DagsterInstance.local_temp(str(tmp_path)) as instance,
            WorkspaceProcessContext(
                instance, PythonFileTarget(str(server), attribute=None, working_directory=None, location_name="here")
            ) as workspace,
        ):
            selector = {
                "repositoryLocationName": "here",
                "repositoryName": "__repository__",
                "pipelineName": ALL,
                "assetSelection": [{"path": [name, "source"]} for name in self.NAMES],
            }
            launch, form = {"executionParams": {"selector": selector}}, {"selector": selector}
            for query, variables in ((LAUNCH, launch), (FORM, form)):
                context = workspace.create_request_context()
                asked = create_schema().execute_async(query, context=context, variables=variables)
                answer = asyncio.run(asked)
                assert answer.errors is None
                (found,) = (answer.data or {}).values()
                assert found["__typename"] == "InvalidSubsetError"
                assert "assets or checks of 33 models are selected (net_0, net_1, net_10, ...)" in found["message"]
                assert "one run may be about 32 models at most" in found["message"]
            assert instance.get_runs_count() == 0


LOCATION = """
from pathlib import Path

import dagster as dg

from ascend_assets.definitions import build_repository

@dg.definitions
def defs():
    return build_repository(Path({folder!r}))
"""
LAUNCH = """
mutation Launch($executionParams: ExecutionParams!) {
  launchPipelineExecution(executionParams: $executionParams) {
    __typename
    ... on InvalidSubsetError { message }
    ... on PythonError { message }
  }
}
"""
FORM = """
query Form($selector: PipelineSelector!) {
  pipelineOrError(params: $selector) {
    __typename
    ... on InvalidSubsetError { message }
    ... on PythonError { message }
  }
}
"""


def test_dagsters_command_line_gets_the_real_job_of_the_models_it_asks_about(tmp_path: Path) -> None:
    """`dg launch --assets` and `dagster asset materialize` ask for it by what they are to make."""
    repository = build_repository(write(tmp_path, "one", "two"))
    source = dg.AssetKey(["one", "source"])
    job = repository.get_implicit_job_def_for_assets({source})
    assert job.asset_layer.get(source).partitions_def is None
    assert _read(repository) == {"one"}


def test_every_model_can_be_built_for_real(tmp_path: Path) -> None:
    build_repository(write(tmp_path, "one", "two")).validate_loadable()
