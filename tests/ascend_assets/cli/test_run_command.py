"""`ascend run`, `release` and `add` in a real checkout: what a person reads, what a script reads, and the exit code."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import pytest
from hub_project import HUB_MODEL, SOURCE, hub_files
from hub_server import FakeHub, serving
from project_fixtures import make_checkout
from sandbox import Checkout, git
from strange_models import tokens
from tiny import write_tiny

from ascend_assets import models
from resources.home import home
from resources.locks import model_lock

OBJECT = {
    "candidate",
    "deployed",
    "version",
    "environment",
    "dossier",
    "refused",
    "because",
    "verdicts",
    "toolchain",
    "recomputed",
    "seconds",
}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """One checkout for tests that each bring a model of their own; `tiny` has been released in it."""
    made = make_checkout(tmp_path_factory.mktemp("run") / "checkout")
    ran = made.ascend("run", "tiny", COLUMNS="100")
    assert ran.returncode == 0, ran.stderr
    (made.root / "said").write_text(ran.stdout)
    return made


def add_model(checkout: Checkout, name: str, **given: Any) -> Path:
    folder = checkout.root / "ascend_assets" / "defs" / name
    write_tiny(folder, **given)
    definition = folder / models.FILE_NAME
    definition.write_text(definition.read_text().replace("name: tiny", f"name: {name}"))
    return folder


def one_object(ended: "subprocess.CompletedProcess[str]") -> dict[str, Any]:
    (line,) = ended.stdout.splitlines()
    found: dict[str, Any] = json.loads(line)
    assert set(found) == OBJECT
    return found


def test_a_release_is_told_with_its_verdicts_its_dossier_and_what_to_try_next(shared: Checkout) -> None:
    said = (shared.root / "said").read_text()
    assert "tiny 1.0.0 is in dev: " in said
    assert "0 refused" in said
    dossier = next(line.split()[1] for line in said.splitlines() if line.startswith("  dossier"))
    assert Path(dossier).is_file()
    assert "ascend show tiny/1.0.0" in said
    assert "emulated on this machine's CPU" in said
    assert max(map(len, said.partition("is in dev")[0].splitlines())) <= 100


def test_what_was_released_can_be_read_without_dagster(shared: Checkout) -> None:
    status = json.loads(shared.ascend("status", "tiny", "--json").stdout)
    (model,) = status["models"]
    assert model["live"] == {"dev": "1.0.0"}
    assert {stage["stage"] for stage in model["stages"]} >= {"source", "Ascend310P3/om", "dev/deployment"}
    listed = json.loads(shared.ascend("model", "list", "tiny", "--json").stdout)
    assert [(r["version"], r["live"]) for r in listed["releases"]] == [("1.0.0", ["dev"])]
    shown = shared.ascend("show", "tiny")
    assert shown.stdout.startswith("tiny 1.0.0   live in: dev\n")
    page = next(line.split()[1] for line in shown.stdout.splitlines() if line.startswith("  dossier"))
    assert page.endswith(".html")
    assert Path(page).is_file()
    assert json.loads(shared.ascend("show", "tiny/v1.0.0", "--json").stdout)["version"] == "1.0.0"


def test_release_judges_the_candidate_that_is_there_and_names_it(shared: Checkout) -> None:
    ended = shared.ascend("release", "tiny", "--json")
    assert ended.returncode == 0, ended.stderr
    found = one_object(ended)
    assert found["deployed"]
    assert found["recomputed"] == []
    assert found["candidate"]
    assert Path(found["dossier"]).is_file()


def test_a_release_is_tagged_at_its_commit_once(shared: Checkout) -> None:
    for word in ("written", "was there"):
        ended = shared.ascend("release", "tiny", "--tag")
        assert ended.returncode == 0, ended.stderr
        assert f"tag tiny/v1.0.0: {word}, at " in ended.stderr
    release = json.loads(shared.ascend("show", "tiny", "--json").stdout)
    assert git(shared.root, "rev-parse", "tiny/v1.0.0^{commit}") == release["commit"]
    message = git(shared.root, "for-each-ref", "--format=%(contents)", "refs/tags/tiny/v1.0.0")
    assert f"candidate {release['candidate']}" in message


def test_a_tag_that_names_another_commit_is_not_moved(shared: Checkout) -> None:
    git(shared.root, "commit", "-q", "--allow-empty", "-m", "later")
    git(shared.root, "tag", "-f", "tiny/v1.0.0")
    ended = shared.ascend("release", "tiny", "--tag")
    assert ended.returncode == 2
    assert "names commit" in ended.stderr.splitlines()[-1]
    git(shared.root, "tag", "-d", "tiny/v1.0.0")


def test_release_without_a_candidate_says_how_to_make_one(shared: Checkout) -> None:
    add_model(shared, "unbuilt")
    ended = shared.ascend("release", "unbuilt")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == "ascend: unbuilt has no candidate yet: ascend run unbuilt\n"


def test_a_manifest_that_is_damaged_is_told_in_one_line(shared: Checkout) -> None:
    manifest = shared.root / ".ascend" / "store" / "models" / "tiny" / "releases" / "1.0.0.json"
    whole = manifest.read_bytes()
    manifest.chmod(0o644)
    try:
        manifest.write_bytes(whole[:200])
        for command in (("show", "tiny"), ("model", "list", "tiny")):
            ended = shared.ascend(*command)
            assert (ended.returncode, ended.stdout) == (2, "")
            assert ended.stderr.startswith("ascend: models/tiny/releases/1.0.0.json: ")
            assert ended.stderr.count("\n") == 1
    finally:
        manifest.write_bytes(whole)


def test_a_refused_candidate_is_judged_named_and_has_its_page(shared: Checkout) -> None:
    add_model(shared, "hot", scale=1e6)
    ended = shared.ascend("run", "hot", "--json")
    assert ended.returncode == 1
    found = one_object(ended)
    assert (found["deployed"], found["refused"], found["version"]) == (False, True, None)
    assert Path(found["dossier"]).name == f"{found['candidate']}.html"
    assert "hidden" in Path(found["dossier"]).read_text()
    refused = {verdict["criterion"] for verdict in found["verdicts"] if not verdict["passed"] and verdict["judged"]}
    assert "overflow_layers" in refused
    (line,) = ended.stderr.splitlines()
    assert line.startswith("ascend: hot is refused: ")
    assert len(line) < 800


def test_what_atc_refuses_is_shown_with_its_code(shared: Checkout) -> None:
    folder = add_model(shared, "foreign")
    model = onnx.load(folder / "model.onnx")
    model.graph.node[1].op_type = "Swish"
    model.graph.node[1].domain = "com.example"
    model.opset_import.append(onnx.helper.make_opsetid("com.example", 1))
    onnx.save(model, folder / "model.onnx")
    ended = shared.ascend("run", "foreign")
    assert ended.returncode == 1, ended.stderr
    assert "refused  operators_registered" in ended.stdout
    assert "E19010" in ended.stdout
    assert ".html" in ended.stdout
    assert ended.stderr.splitlines()[-1].startswith("ascend: foreign is refused: ")


ENTRY = """\
type: ascend_assets.component.AscendModel
attributes:
  name: entry
  task: classification
  source: {python: train.py}
  inputs: [{name: x, shape: [batch, 8]}]
  targets: [{soc_version: Ascend310P3, batch: 4}]
"""


def test_an_entry_that_fails_is_told_in_its_own_words(shared: Checkout) -> None:
    folder = shared.root / "ascend_assets" / "defs" / "entry"
    folder.mkdir()
    (folder / "defs.yaml").write_text(ENTRY)
    (folder / "train.py").write_text(
        'print("\\x1b[2Jgarbage\\x00" * 1000)\nraise SystemExit("no data on this machine")\n'
    )
    ended = shared.ascend("run", "entry")
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr
    assert all(line.isprintable() for line in ended.stderr.splitlines())
    assert "no data on this machine" in ended.stderr
    assert ended.stderr.splitlines()[-1].startswith("ascend: entry could not be built: onnx: `python train.py")


def test_a_file_that_is_added_runs_and_a_dirty_tree_is_said(shared: Checkout, tmp_path: Path) -> None:
    onnx.save(tokens(), tmp_path / "tokens.onnx")
    added = shared.ascend("add", str(tmp_path / "tokens.onnx"), "--name", "tokens", "--soc", "Ascend310P3")
    assert added.returncode == 0, added.stderr
    assert "ascend run tokens" in added.stdout
    ended = shared.ascend("run", "tokens")
    assert ended.returncode == 0, ended.stderr
    assert "tokens 1.0.0 is in dev" in ended.stdout
    assert "changes that no commit has: it stays in dev" in ended.stdout
    tagged = shared.ascend("release", "tokens", "--tag")
    assert tagged.returncode == 2
    assert "tokens 1.0.0 is released, but not tagged" in tagged.stderr
    again = shared.ascend("add", str(tmp_path / "tokens.onnx"), "--name", "tokens", "--soc", "Ascend310P3")
    assert (again.returncode, again.stderr.count("\n")) == (2, 1)
    assert "exists already" in again.stderr


def test_a_checkout_without_git_still_runs(shared: Checkout) -> None:
    (shared.root / ".git").rename(shared.root / "kept")
    try:
        wanted = shared.ascend("run", "tiny", "--commit", "HEAD")
        assert wanted.returncode == 2
        assert "is in no git repository" in wanted.stderr
        ended = shared.ascend("run", "tiny")
        assert ended.returncode == 0, ended.stderr
    finally:
        (shared.root / "kept").rename(shared.root / ".git")
        git(shared.root, "status")


def test_a_version_of_a_hub_is_built_by_hand(shared: Checkout) -> None:
    folder = add_model(shared, "hubbed")
    source = f"source: {{modelscope: {HUB_MODEL}, since: v1.0.0, files: [model.onnx], onnx: model.onnx}}"
    definition = folder / models.FILE_NAME
    definition.write_text(definition.read_text().replace(SOURCE, source))
    (folder / "model.onnx").unlink()
    git(shared.root, "add", "-A")
    git(shared.root, "commit", "-qm", "a model of a hub")
    hub = FakeHub()
    for version in ("v1.0.0", "v1.1.0"):
        hub.publish(HUB_MODEL, version, hub_files())
    with serving(hub):
        ended = shared.ascend("run", "hubbed", "--hub", "v1.1.0", "--json", MODELSCOPE_ENDPOINT=hub.endpoint)
    assert ended.returncode == 0, ended.stderr
    assert one_object(ended)["candidate"].endswith("-hub-v1.1.0")


def test_a_version_of_a_hub_is_refused_where_the_model_is_from_none(shared: Checkout) -> None:
    ended = shared.ascend("run", "tiny", "--hub", "v1.0.0")
    assert ended.returncode == 2
    assert "tiny comes from no model hub" in ended.stderr


@pytest.fixture
def defs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of models and state of a test's own, for commands in this process."""
    folder = tmp_path / "defs"
    write_tiny(folder / "tiny")
    monkeypatch.setattr(models, "DEFS", folder)
    monkeypatch.setenv("ASCEND_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "state" / "dagster"))
    return folder


Here = Callable[..., tuple[int, str, str]]


@pytest.mark.parametrize(
    "command", [("run", "no"), ("release", "no"), ("status", "no"), ("model", "list", "no"), ("show", "no")]
)
def test_an_unknown_model_is_told_with_those_that_there_are(defs: Path, here: Here, command: tuple[str, ...]) -> None:
    assert defs.is_dir()
    code, out, err = here(*command)
    assert (code, out) == (2, "")
    assert err.startswith("ascend: no model 'no'; there are: tiny")
    assert err.count("\n") == 1


@pytest.mark.parametrize("command", [("show", "../../etc"), ("show", "tiny/../x"), ("model", "list", "")])
def test_a_name_that_is_none_is_told(defs: Path, here: Here, command: tuple[str, ...]) -> None:
    assert defs.is_dir()
    code, out, err = here(*command)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "is no" in err


@pytest.mark.parametrize("revision", ["nosuch", "--help", "a..b"])
def test_a_revision_that_is_none_is_told(defs: Path, here: Here, revision: str) -> None:
    assert defs.is_dir()
    code, out, err = here("run", "tiny", f"--commit={revision}")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert revision in err


def test_every_problem_of_a_model_file_is_shown_with_its_line(defs: Path, here: Here) -> None:
    path = defs / "tiny" / "defs.yaml"
    path.write_text(path.read_text().replace("task: classification", "task: 3\n  bogus: 1"))
    code, out, err = here("run", "tiny")
    assert (code, out) == (2, "")
    *problems, last = err.splitlines()
    assert [line.partition(" ")[0] for line in problems] == [f"{path}:4:", f"{path}:5:"]
    assert last == "ascend: model 'tiny': its file has the 2 problems above"
    code, out, err = here("status")
    assert (code, err) == (0, "")
    assert out.count(f"{path}:") == 2


def test_a_busy_model_is_told_with_its_holder(defs: Path, here: Here) -> None:
    assert defs.is_dir()
    with model_lock(home().locks, "tiny", "20261120-1403-git-1a2b3c4d5e6f"):
        code, out, err = here("run", "tiny", "--json")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "candidate 20261120-1403-git-1a2b3c4d5e6f" in err


def test_a_place_that_cannot_be_written_is_told_with_the_way_out(
    defs: Path, here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_the_way = defs.parent / "file"
    in_the_way.touch()
    monkeypatch.setenv("ASCEND_STATE", str(in_the_way / "state"))
    code, out, err = here("init")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert str(in_the_way) in err


def test_damaged_records_of_dagster_are_told_in_one_line(defs: Path, here: Here) -> None:
    assert here("init")[0] == 0
    history = defs.parent / "state" / "dagster" / "history"
    history.mkdir()
    (history / "runs.db").write_bytes(b"not a database, whatever its name says" * 100)
    code, out, err = here("status")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "Dagster's records cannot be used (file is not a database)" in err
