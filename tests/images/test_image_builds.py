"""The images that the Dockerfiles make: what is in them, what is not, and that they run as pods run them."""

import json
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from image_builder import ROOT, Builder, Image, pip_settings
from image_samples import BASE, git

PROJECT = "opt/ascend/project"
PACKAGES = "opt/ascend/venv/lib"
COMPILERS = ("gcc", "cc", "g++", "c++", "clang", "make", "ld", "as", "go", "rustc")


def settings(image: Image) -> dict[str, Any]:
    inspected = json.loads(image.builder.buildah("inspect", "--type", "image", image.name).stdout)
    found: dict[str, Any] = inspected["OCIv1"]
    return found


@pytest.mark.parametrize("command", ["ascend", "dagster", "dagster-webserver", "dagster-daemon", "git"])
def test_the_orchestrator_has_the_program(orchestrator: Image, command: str) -> None:
    assert "version" in orchestrator.run(command, "--version").stdout


def test_the_orchestrator_loads_the_definitions_as_nobody(orchestrator: Image) -> None:
    tried = "export ASCEND_STATE=/tmp/state DAGSTER_HOME=/tmp; id -u; id -g"
    result = orchestrator.run("sh", "-c", f"{tried}; exec dagster definitions validate -m ascend_assets.definitions")
    assert result.stdout.split()[:2] == ["10001", "10001"]
    assert "All code locations passed validation" in result.stdout + result.stderr


def test_it_has_what_checks_signatures_and_a_shell_for_the_chart_s_commands(orchestrator: Image) -> None:
    assert (orchestrator.root / "usr/bin/ssh-keygen").exists()
    assert orchestrator.run("/bin/bash", "-c", "echo here").stdout == "here\n"


def test_the_chart_s_command_of_the_code_server_needs_no_entry_point(orchestrator: Image) -> None:
    assert not settings(orchestrator)["config"].get("Entrypoint")
    assert "Usage" in orchestrator.run("dagster", "code-server", "start", "--help").stdout


def test_neither_image_runs_as_root(orchestrator: Image, step: Image) -> None:
    for image in (orchestrator, step):
        assert settings(image)["config"]["User"] == "10001:10001"
        assert image.run("id", "-u").stdout.strip() == "10001"


def test_no_compiler_and_no_cache_is_in_the_orchestrator(orchestrator: Image) -> None:
    for folder in ("usr/bin", "usr/local/bin", "bin"):
        there = {path.name for path in (orchestrator.root / folder).iterdir()}
        assert not there & set(COMPILERS)
    assert not (orchestrator.root / "root/.cache").exists()
    assert not list((orchestrator.root / "var/lib/apt/lists").glob("*Packages*"))


def test_what_was_not_let_in_is_not_in(orchestrator: Image) -> None:
    there = {path.name for path in (orchestrator.root / PROJECT).iterdir()}
    assert there == {
        "LICENSE", "README.md", "ascend_assets", "cluster.yaml", "deploy", "environments.yaml", "pyproject.toml",
        "requirements.runtime.lock", "resources", "sensors", "triggers.yaml", "workspace.yaml",
    }  # fmt: skip
    assert not list((orchestrator.root / PROJECT).rglob("test_*.py"))
    (packages,) = (orchestrator.root / PACKAGES).glob("python3*/site-packages")
    assert not {"pytest", "mypy", "moto", "hypothesis"} & {path.name for path in packages.iterdir()}


def test_what_an_image_was_installed_from_is_what_its_candidates_name(orchestrator: Image, step: Image) -> None:
    whole = "from resources.configurable import Project; lock = Project().lock(); print(lock.name, lock.sha256)"
    # The step image has too few packages here for Dagster's resource, which asks the same.
    itself = "from resources.dependency_lock import installed_from as lock; print(lock().name, lock().sha256)"
    asked = ((orchestrator, ("python", "-c", whole)), (step, (*_entry(step), "python", "-c", itself)))
    for image, command in asked:
        name = "requirements.runtime.lock"
        expected = sha256((image.root / PROJECT / name).read_bytes()).hexdigest()
        assert image.run(*command).stdout.split() == [name, expected]


def _entry(image: Image) -> list[str]:
    entry: list[str] = settings(image)["config"]["Entrypoint"]
    return entry


def test_this_machine_s_way_to_packages_is_in_no_file_of_it(orchestrator: Image) -> None:
    assert not (orchestrator.root / "etc/pip.conf").exists()
    assert not list(orchestrator.root.glob("root/.config/pip/*"))
    secrets = {value for value in pip_settings().values() if "://" in value}
    for path in (orchestrator.root / PACKAGES).rglob("*.dist-info/*.json"):
        assert not any(secret in path.read_text() for secret in secrets)
    variables = settings(orchestrator)["config"]["Env"]
    assert not any("pip" in one.lower() for one in variables)


def test_the_account_cannot_change_what_it_runs(orchestrator: Image) -> None:
    ours = orchestrator.root / "opt/ascend"
    writable = [path for path in ours.rglob("*") if not path.is_symlink() and _may_write(path)]
    assert writable == []


def _may_write(path: Path) -> bool:
    status = path.stat()
    return status.st_uid == 10001 or status.st_gid == 10001 or bool(status.st_mode & 0o002)


def test_the_labels_are_the_commit_s(orchestrator: Image, project: Path) -> None:
    labels = settings(orchestrator)["config"]["Labels"]
    assert labels["org.opencontainers.image.revision"] == git("-C", str(project), "rev-parse", "HEAD")
    committed = datetime.fromtimestamp(int(git("-C", str(project), "show", "-s", "--format=%ct")), tz=UTC)
    assert datetime.fromisoformat(labels["org.opencontainers.image.created"]) == committed
    assert f'version = "{labels["org.opencontainers.image.version"]}"' in git(
        "-C", str(ROOT), "show", "HEAD:pyproject.toml"
    )
    assert datetime.fromisoformat(settings(orchestrator)["created"]) == committed


def test_a_step_runs_its_command_in_cann_s_environment(step: Image) -> None:
    entry = settings(step)["config"]["Entrypoint"]
    show = 'echo "$ASCEND_TOOLKIT_HOME"; echo "${PATH%%:*}"; echo "$0 $1"'
    result = step.run(*entry, "bash", "-c", show, "dagster", "api execute_step")
    home, first, arguments = result.stdout.splitlines()
    assert home == "/usr/local/Ascend/ascend-toolkit/latest"
    assert first == "/opt/ascend/venv/bin"
    assert arguments == "dagster api execute_step"
    assert "set_env.sh got 0 arguments" in result.stderr


def test_a_step_finds_the_project(step: Image) -> None:
    entry = settings(step)["config"]["Entrypoint"]
    assert "version" in step.run(*entry, "ascend", "--version").stdout
    assert step.run(*entry, "false", check=False).returncode == 1


def test_without_a_base_that_has_cann_nothing_is_built(builder: Builder) -> None:
    dockerfile = str(ROOT / "deploy" / "k8s" / "Dockerfile.step")
    result = builder.buildah("build", "--file", dockerfile, str(ROOT), check=False)
    assert result.returncode != 0
    assert "name-an-image-with-cann-by-build-arg" in result.stderr


def test_a_base_whose_python_is_too_old_is_refused(builder: Builder) -> None:
    old = "#!/bin/sh\nexec /usr/bin/python3.11 -c 'import sys; sys.version_info = (3, 10); exec(sys.argv[2])' \"$@\"\n"
    container = builder.buildah("from", BASE).stdout.strip()
    script = builder.folder / "python3"
    script.write_text(old)
    builder.buildah("copy", "--quiet", "--chmod", "0755", container, str(script), "/usr/local/bin/python3")
    builder.buildah("commit", "--quiet", "--rm", container, "localhost/old:1")
    result = builder.build(ROOT, "step", "--tag", "localhost/refused:1", "--base", "localhost/old:1", check=False)
    assert result.returncode != 0
    assert "CANN_BASE has no Python 3.11 or newer" in result.stdout + result.stderr
