"""build.sh and the step's entry point, as far as they go without an image."""

import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "deploy" / "k8s"
ENTRY = FOLDER / "step-entrypoint.sh"


def run(*command: str, **env: str) -> subprocess.CompletedProcess[str]:
    here = {"PATH": "/usr/local/bin:/usr/bin:/bin", **env}
    return subprocess.run(command, env=here, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "orchestrator or step"),
        (["step", "--tag", "registry.example/step:1"], "--base is missing"),
        (["orchestrator"], "--tag is missing"),
        (["orchestrator", "--tag", "registry.example/orchestrator:latest"], "says latest"),
        (["orchestrator", "--tag"], "--tag wants a value"),
        (["orchestrator", "--quick", "yes"], "unknown option --quick"),
    ],
)
def test_what_is_missing_is_said_before_anything_is_built(arguments: list[str], said: str) -> None:
    result = run(str(FOLDER / "build.sh"), *arguments, BUILDER="false")
    assert result.returncode == 2
    assert said in result.stderr


def test_a_builder_that_is_not_there_is_named() -> None:
    result = run(str(FOLDER / "build.sh"), "orchestrator", "--tag", "registry.example/x:1", BUILDER="no-such-builder")
    assert result.returncode == 2
    assert "no-such-builder is not on PATH" in result.stderr


def test_the_command_runs_in_the_environment_that_was_set(tmp_path: Path) -> None:
    script = tmp_path / "set_env.sh"
    script.write_text('export TOOLKIT="here:$UNSET_BEFORE"; echo "arguments: $#" >&2\n')
    result = run(str(ENTRY), "sh", "-c", 'echo "$TOOLKIT $0 $1"', "a", "b c", ASCEND_SET_ENV=str(script))
    assert result.stdout == "here: a b c\n"
    assert result.stderr == "arguments: 0\n"


def test_the_command_s_own_exit_is_the_pod_s(tmp_path: Path) -> None:
    script = tmp_path / "set_env.sh"
    script.touch()
    assert run(str(ENTRY), "sh", "-c", "exit 7", ASCEND_SET_ENV=str(script)).returncode == 7


def test_a_script_that_fails_is_not_passed_over(tmp_path: Path) -> None:
    script = tmp_path / "set_env.sh"
    script.write_text("false\n")
    result = run(str(ENTRY), "echo", "never", ASCEND_SET_ENV=str(script))
    assert result.returncode != 0
    assert result.stdout == ""


def test_without_cann_it_says_so() -> None:
    result = run(str(ENTRY), "true", ASCEND_SET_ENV="/nowhere/set_env.sh")
    assert result.returncode == 78
    assert "no CANN" in result.stderr


def test_without_a_command_it_says_how() -> None:
    assert run(str(ENTRY)).returncode == 64
