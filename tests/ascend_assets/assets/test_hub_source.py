"""A hub's version becomes a candidate: its files beside the model's own, compared with those of the version before."""

import shutil
import tarfile
from collections.abc import Iterator
from typing import Any

import dagster as dg
import pytest
from hub_project import HUB_MODEL, come_from_hub, hub_files, use_hub
from hub_server import FakeHub, serving
from sandbox import Sandbox

from ascend_assets.assets import source
from ascend_assets.assets.source import NotFromHub
from ascend_assets.hub.configuration import BadConfiguration, IncompatibleConfiguration
from ascend_assets.hub.settings import copies_folder
from ascend_assets.lint import pins
from ascend_assets.records import SourceRecord
from ascend_assets.stage import Order
from resources.hub.errors import HubDown, MissingFiles, NotFormal, WrongDigest
from resources.tarball import UnsafePath

LATER = 1_720_000_000


@pytest.fixture
def fake(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    with serving() as hub:
        hub.publish(HUB_MODEL, "v1.0.0", hub_files())
        hub.publish(HUB_MODEL, "v1.3.0", hub_files(hidden_size=32), at=LATER)
        use_hub(monkeypatch, hub, sandbox.root.parent)
        yield hub


@pytest.fixture
def project(sandbox: Sandbox, fake: FakeHub) -> Sandbox:
    assert fake.port
    come_from_hub(sandbox)
    return sandbox


def freeze(project: Sandbox, **order: Any) -> SourceRecord:
    return source.make(project.tools(), "0" * 64, Order(**order), spec=project.spec)


def run(project: Sandbox, version: str) -> dg.ExecuteInProcessResult:
    config = {"ops": {"tiny__source": {"config": {"hub": version}}}}
    job = project.definitions().resolve_job_def("tiny_candidate")
    return job.execute_in_process(run_config=config, instance=project.instance, raise_on_error=False)


def held(project: Sandbox, record: SourceRecord) -> set[str]:
    with tarfile.open(project.tools().blobs.path(record.archive)) as archive:
        return set(archive.getnames())


def test_a_version_is_frozen_beside_the_models_own_files(project: Sandbox) -> None:
    record = freeze(project, hub="v1.3.0")
    assert held(project, record) == {"defs.yaml", "evaluation.npz", "hub/config.json", "hub/model.onnx"}
    assert record.candidate == "20240703-0946-hub-v1.3.0", "the version's own time"
    assert record.commit == project.commit_id
    assert not record.dirty
    assert record.hub is not None
    assert (record.hub.model, record.hub.revision) == (HUB_MODEL, "v1.3.0")
    assert set(record.hub.files) == {"model.onnx", "config.json"}


def test_the_same_version_gives_the_same_bytes_and_name(project: Sandbox, fake: FakeHub) -> None:
    first = freeze(project, hub="v1.3.0")
    asked = len(fake.asked)
    assert freeze(project, hub="v1.3.0") == first
    assert len(fake.asked) == asked, "the hub is not needed for what is here"


def test_it_walks_to_dev_as_any_candidate_does(project: Sandbox) -> None:
    assert run(project, "v1.3.0").success
    live = project.tools().registry.latest("tiny")
    assert live is not None
    assert live.candidate == "20240703-0946-hub-v1.3.0"
    result = run(project, "v1.3.0")
    assert result.success
    assert [str(version) for version in project.tools().registry.versions("tiny")] == [live.version]


def test_without_a_version_the_newest_that_is_here_is_taken_else_the_first(project: Sandbox) -> None:
    assert freeze(project).candidate.endswith("-hub-v1.0.0")
    freeze(project, hub="v1.3.0")
    assert freeze(project).candidate.endswith("-hub-v1.3.0")


def test_a_machine_without_copies_does_not_go_back_behind_what_was_released(project: Sandbox) -> None:
    assert run(project, "v1.3.0").success
    shutil.rmtree(copies_folder())
    assert freeze(project).candidate.endswith("-hub-v1.3.0")


def test_a_version_that_was_refused_does_not_stand_in_the_way_of_other_changes(project: Sandbox, fake: FakeHub) -> None:
    freeze(project, hub="v1.3.0")
    fake.publish(HUB_MODEL, "v1.4.0", hub_files(num_labels=5))
    with pytest.raises(IncompatibleConfiguration):
        freeze(project, hub="v1.4.0")
    record = freeze(project, commit="HEAD")
    assert record.hub is not None
    assert record.hub.revision == "v1.3.0"
    path = project.model / "defs.yaml"
    path.write_text(
        path.read_text().replace("onnx: model.onnx}", "onnx: model.onnx, accepts: ['config.json:num_labels']}")
    )
    project.commit("looked at it")
    record = freeze(project, commit="HEAD")
    assert record.hub is not None
    assert record.hub.revision == "v1.4.0", "what somebody accepted is taken with the commit that says so"


def test_a_commit_of_such_a_model_is_named_for_the_commit(project: Sandbox) -> None:
    record = freeze(project, commit="HEAD")
    assert f"-git-{project.commit_id[:12]}" in record.candidate
    assert record.hub is not None
    (project.model / "notes.txt").write_text("not committed")
    record = freeze(project)
    assert "-dirty-" in record.candidate
    assert record.dirty


def test_another_image_size_than_the_released_version_is_refused(project: Sandbox, fake: FakeHub) -> None:
    fake.publish(HUB_MODEL, "v1.3.0", hub_files(image_size=224))
    fake.publish(HUB_MODEL, "v1.4.0", hub_files(image_size=256))
    fake.publish(HUB_MODEL, "v1.5.0", hub_files(seed=1, image_size=224))
    project.model.joinpath("defs.yaml").write_text(
        project.model.joinpath("defs.yaml").read_text().replace("since: v1.0.0", "since: v1.3.0")
    )
    project.commit()
    assert run(project, "v1.3.0").success
    with pytest.raises(IncompatibleConfiguration, match=r"v1\.4\.0: config\.json: image_size was 224, is 256"):
        freeze(project, hub="v1.4.0")
    assert freeze(project, hub="v1.5.0").candidate.endswith("-hub-v1.5.0"), "it is compared with what was released"


def test_before_a_release_it_is_compared_with_the_first_version(project: Sandbox, fake: FakeHub) -> None:
    fake.publish(HUB_MODEL, "v1.4.0", hub_files(num_labels=5))
    with pytest.raises(IncompatibleConfiguration, match=r"num_labels was 4, is 5"):
        freeze(project, hub="v1.4.0")
    fetched = [a.query for a in fake.asked if a.place == "file" and a.query["Revision"] == "v1.0.0"]
    assert [query["FilePath"] for query in fetched] == ["config.json"], "of the first no weights are fetched"


def test_what_the_model_accepts_passes(sandbox: Sandbox, fake: FakeHub) -> None:
    come_from_hub(sandbox, "accepts: ['config.json:num_labels']")
    fake.publish(HUB_MODEL, "v1.4.0", hub_files(num_labels=5))
    assert freeze(sandbox, hub="v1.4.0").hub


def test_what_cannot_be_compared_is_refused(project: Sandbox, fake: FakeHub) -> None:
    del fake.tags[HUB_MODEL]["v1.0.0"]
    with pytest.raises(NotFormal, match=r"no public version v1\.0\.0") as raised:
        freeze(project, hub="v1.3.0")
    assert "has to be compared with v1.0.0" in raised.value.__notes__[0]
    fake.publish(HUB_MODEL, "v1.0.0", hub_files())
    fake.publish(HUB_MODEL, "v1.6.0", {**hub_files(), "config.json": b"no json"})
    with pytest.raises(BadConfiguration, match=r"config\.json is no JSON"):
        freeze(project, hub="v1.6.0")


def test_a_hub_in_trouble_leaves_nothing(project: Sandbox, fake: FakeHub) -> None:
    fake.misbehave("file", "altered")
    with pytest.raises(WrongDigest):
        freeze(project, hub="v1.3.0")
    fake.misbehave("revisions", "status_500")
    with pytest.raises(HubDown):
        freeze(project, hub="v1.3.0")
    assert not list(copies_folder().rglob("version.json"))
    fake.behave()
    assert freeze(project, hub="v1.3.0").hub


def test_a_version_without_a_file_that_is_needed_is_refused(project: Sandbox, fake: FakeHub) -> None:
    fake.publish(HUB_MODEL, "v1.4.0", {"onnx/model.onnx": b"x", "config.json": b"{}"})
    with pytest.raises(MissingFiles, match=r"no model\.onnx \(it has 'onnx/model\.onnx'\)"):
        freeze(project, hub="v1.4.0")


def test_the_hubs_files_lie_among_no_others(project: Sandbox) -> None:
    (project.model / "hub").mkdir()
    (project.model / "hub" / "mine.txt").write_text("mine")
    project.commit()
    with pytest.raises(UnsafePath, match=r"hub"):
        freeze(project, hub="v1.3.0")


def test_a_model_of_no_hub_has_no_versions(sandbox: Sandbox) -> None:
    with pytest.raises(NotFromHub, match=r"tiny is of no model hub"):
        freeze(sandbox, hub="v1.3.0")


ENTRY = """\
import argparse, pathlib, shutil
parser = argparse.ArgumentParser()
parser.add_argument("--hub", type=pathlib.Path)
parser.add_argument("--output", type=pathlib.Path)
given = parser.parse_args()
assert (given.hub / "config.json").is_file()
shutil.copyfile(given.hub / "model.onnx", given.output / "model.onnx")
"""


def test_a_python_entry_is_given_the_hubs_files(sandbox: Sandbox, fake: FakeHub) -> None:
    assert fake.port
    (sandbox.model / "export.py").write_text(ENTRY)
    come_from_hub(sandbox, "python: export.py")
    config = {"ops": {"tiny__source": {"config": {"hub": "v1.3.0"}}}}
    selection = dg.AssetSelection.assets(["tiny", "source"], ["tiny", "onnx"])
    jobs = dg.Definitions(jobs=[dg.define_asset_job("begin", selection)])
    job = dg.Definitions.merge(sandbox.definitions(), jobs).resolve_job_def("begin")
    result = job.execute_in_process(run_config=config, instance=sandbox.instance, raise_on_error=False)
    assert result.success
    made = result.output_for_node("tiny__onnx")
    assert [given.name for given in made.signature.inputs] == ["x"]
    (finding,) = pins.count(sandbox.model, sandbox.spec).findings
    assert (finding.code, finding.where) == ("no_requirements", "export.py"), "it is code of the model's own"
