"""What environments.yaml may say, and what a wrong one is told, with file, line and field."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from keys import make_key

from ascend_assets import policy_file
from ascend_assets.cli import commands
from ascend_assets.definitions import build_defs
from ascend_assets.environments import Environment, Environments, NoSuchEnvironment
from ascend_assets.gates.criteria import CRITERIA
from ascend_assets.policy_file import BadPolicy, in_force
from ascend_assets.yaml_file import MAX_YAML_BYTES, Problem

GOOD = """\
environments:
  - name: lab
    evidence: [measured, emulated]
    allows_dirty: true
    may_stay_unjudged: [cve_high]
  - name: field
    limits:
      latency_p99_ms: 10
    approvals: {required: 2, signers: signers/field}
    required_checks: [rollout_result, task_metric_drop]
    rollout: ab
    soak_hours: 1.5
"""


@pytest.fixture(scope="module")
def ada(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Ada's line of a file of signers."""
    return make_key(tmp_path_factory.mktemp("keys")).line("ada@example.com")


@pytest.fixture
def folder(tmp_path: Path, ada: str) -> Path:
    """A folder with a file of signers."""
    (tmp_path / "signers").mkdir()
    (tmp_path / "signers" / "field").write_text(ada)
    return tmp_path


def read(folder: Path, text: str) -> Environments:
    path = folder / "environments.yaml"
    path.write_text(text)
    return policy_file.read(path)


def refused(folder: Path, text: str) -> Sequence[Problem]:
    with pytest.raises(BadPolicy) as caught:
        read(folder, text)
    return caught.value.problems


def test_the_projects_own_policy_is_the_default() -> None:
    """The first is automatic, staging wants one signature, prod two and a rollout's result; nobody's own may count."""
    dev, staging, prod = in_force()
    assert (dev.name, staging.name, prod.name) == ("dev", "staging", "prod")
    assert [e.approvals.required for e in in_force()] == [0, 1, 2]
    assert not any(e.approvals.author_may_sign for e in in_force())
    assert prod.required_checks == ("rollout_result",)
    assert "emulated" in dev.origins
    assert "emulated" not in staging.origins | prod.origins


def test_names_are_free_and_their_order_is_the_walk(folder: Path) -> None:
    policy = read(folder, GOOD)
    assert policy.names == ("lab", "field")
    assert policy.first.name == "lab"
    assert policy.before("lab") is None
    assert policy.before("field") == policy.get("lab")
    with pytest.raises(NoSuchEnvironment, match="no environment 'prod'; there are: lab, field"):
        policy.get("prod")


def test_signers_are_the_text_of_the_file_and_part_of_the_policy(folder: Path, ada: str) -> None:
    before = read(folder, GOOD)
    assert before.get("field").approvals.signers == ada
    (folder / "signers" / "field").write_text(ada.replace("ada", "eve"))
    after = read(folder, GOOD)
    assert after.get("field").digest != before.get("field").digest
    assert after.get("lab").digest == before.get("lab").digest


def test_a_policy_is_stored_as_it_is_read(folder: Path) -> None:
    for environment in read(folder, GOOD):
        assert Environment.model_validate_json(environment.encoded()) == environment


def test_a_folder_is_read_in_the_order_of_its_files(folder: Path) -> None:
    policy = folder / "policy"
    policy.mkdir()
    (policy / "20-late.yaml").write_text("name: late\n")
    (policy / "10-early.yaml").write_text("- name: early\n- name: middle\n")
    (policy / "30-last.yaml").write_text("environments:\n  - name: last\n")
    (policy / "notes.txt").write_text("name: other\n")
    assert policy_file.read(policy).names == ("early", "middle", "late", "last")


def test_a_name_that_stands_in_two_files_is_refused_with_both_places(folder: Path) -> None:
    (folder / "a.yaml").write_text("name: lab\n")
    (folder / "b.yaml").write_text("soak_hours: 0\nname: lab\n")
    with pytest.raises(BadPolicy) as caught:
        policy_file.read(folder)
    assert str(caught.value) == f"{folder / 'b.yaml'}:2: name: 'lab' stands in {folder / 'a.yaml'}:1 already"


def test_a_folder_without_files_is_no_policy(folder: Path) -> None:
    with pytest.raises(BadPolicy, match=r"holds no \*.yaml"):
        policy_file.read(folder)


@pytest.mark.parametrize(
    ("old", "new", "line", "field", "says"),
    [
        ("soak_hours", "soak_ours", 12, "environments.1.soak_ours", "unknown field; allowed: name, hardware"),
        ("required: 2", "requires: 2", 9, "environments.1.approvals.requires", "allowed: required, author_may_sign"),
        ("name: field", "name: lab", 6, "environments.1.name", "'lab' stands in"),
        ("name: field", "name: Field-1", 6, "environments.1.name", "pattern"),
        ("name: field", "hardware: {}", 6, "environments.1.name", "is missing"),
        ("emulated]", "guessed]", 3, "environments.0.evidence.1", "'emulated'"),
        ("[cve_high]", "[cve]", 5, "environments.0.may_stay_unjudged.0", "'cve' is no criterion"),
        ("[cve_high]", "[chain]", 5, "environments.0.may_stay_unjudged.0", "no environment can change"),
        ("[rollout_result,", "[chainn,", 10, "environments.1.required_checks.0", "allowed: rollout_result, onnx_"),
        ("latency_p99_ms: 10", "latency: 10", 8, "environments.1.limits.latency", "is no criterion"),
        ("latency_p99_ms: 10", "provenance: 1", 8, "environments.1.limits.provenance", "no environment can change"),
        ("latency_p99_ms: 10", "clean_tree: 1", 8, "environments.1.limits.clean_tree", "say `allows_dirty`"),
        ("latency_p99_ms: 10", "latency_p99_ms: .nan", 8, "environments.1.limits.latency_p99_ms", "finite"),
        (
            "latency_p99_ms: 10",
            "latency_p99_ms: 30",
            8,
            "environments.1.limits.latency_p99_ms",
            "looser than the 20 of",
        ),
        ("latency_p99_ms: 10", "opset: 10", 8, "environments.1.limits.opset", "10 is looser than the 11 of lab"),
        ("rollout: ab", "rollout: abc", 11, "environments.1.rollout", "'blue_green'"),
        ("soak_hours: 1.5", "soak_hours: .inf", 12, "environments.1.soak_hours", "finite"),
        ("soak_hours: 1.5", "soak_hours: -1", 12, "environments.1.soak_hours", "greater than or equal to 0"),
        ("required: 2", "required: -2", 9, "environments.1.approvals.required", "greater than or equal to 0"),
        (", signers: signers/field", "", 9, "environments.1.approvals.required", "2 must sign and nobody may"),
        ("signers/field", "signers/none", 9, "environments.1.approvals.signers", "No such file"),
        ("signers/field", "signers", 9, "environments.1.approvals.signers", "no regular file"),
        ("signers/field", "../signers", 9, "environments.1.approvals.signers", "inside the policy's folder"),
        ("signers/field", "/etc/passwd", 9, "environments.1.approvals.signers", "inside the policy's folder"),
        ("signers/field", "[a]", 9, "environments.1.approvals.signers", "inside the policy's folder"),
        ("{required: 2, signers: signers/field}", "2", 9, "environments.1.approvals", "valid dictionary"),
        ("    allows_dirty: true\n", "    soak_hours: 3\n", 4, "environments.0.soak_hours", "is the first environment"),
        ("rollout: ab", "soak_hours: 0", 12, "environments.1.soak_hours", "stands in line 11 already"),
        ("environments:", "environment:", 1, "environment", "unknown field; allowed: environments"),
    ],
)
def test_a_wrong_policy_names_line_field_and_what_is_allowed(
    folder: Path, old: str, new: str, line: int, field: str, says: str
) -> None:
    assert old in GOOD
    problems = refused(folder, GOOD.replace(old, new, 1))
    matching = [p for p in problems if p.field == field and says in p.message]
    assert matching, problems
    assert matching[0].line == line
    assert str(matching[0]).startswith(f"{folder / 'environments.yaml'}:{line}: {field}: ")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "must be a list of environments"),
        ("environments: []", "there is none"),
        ("environments: {name: dev}", "must be a list of environments"),
        ("[3]", "must be a mapping"),
        ("dev", "must be a list"),
        ("a: [", "not valid YAML"),
        ("- &x {name: dev}\n- *x\n", "aliases"),
        ("name: !!python/name:os.system\n", "not valid YAML"),
        ("# " + "x" * MAX_YAML_BYTES, "settings, not data"),
    ],
)
def test_what_is_no_policy_is_refused(folder: Path, text: str, says: str) -> None:
    assert says in refused(folder, text)[0].message


def test_every_problem_is_told_at_once(folder: Path) -> None:
    text = GOOD.replace("cve_high", "cve").replace("latency_p99_ms", "latency").replace("signers/field", "nobody")
    assert {p.field for p in refused(folder, text)} == {
        "environments.0.may_stay_unjudged.0",
        "environments.1.approvals.signers",
    }


def test_a_missing_policy_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadPolicy, match=r"none\.yaml:1: cannot be read: No such file"):
        policy_file.read(tmp_path / "none.yaml")


def test_what_must_be_judged_may_not_stay_unjudged(folder: Path) -> None:
    (problem,) = refused(folder, GOOD.replace("    rollout: ab", "    may_stay_unjudged: [task_metric_drop]"))
    assert (problem.line, problem.field) == (11, "environments.1.may_stay_unjudged.0")
    assert "stands in required_checks as well" in problem.message


def test_uncommitted_files_may_not_enter_later_than_first(folder: Path) -> None:
    text = GOOD.replace("    allows_dirty: true\n", "").replace("rollout: ab", "allows_dirty: true")
    (problem,) = refused(folder, text)
    assert (problem.line, problem.field) == (10, "environments.1.allows_dirty")


def test_a_default_may_be_the_looser_one(folder: Path) -> None:
    text = GOOD.replace("    allows_dirty: true", "    limits: {cosine_similarity: 0.999}")
    (problem,) = refused(folder, text)
    assert problem.field == "environments.1.limits.cosine_similarity"
    assert problem.message == "limits must tighten, but 0.99, the default, is looser than the 0.999 of lab before it"


def test_a_file_of_signers_is_reached_over_no_link(folder: Path) -> None:
    (folder / "signers" / "field").rename(folder / "elsewhere")
    (folder / "signers" / "field").symlink_to(folder / "elsewhere")
    assert "symbolic link" in refused(folder, GOOD)[0].message
    (folder / "signers" / "field").unlink()
    (folder / "signers").rmdir()
    (folder / "real").mkdir()
    (folder / "elsewhere").rename(folder / "real" / "field")
    (folder / "signers").symlink_to(folder / "real")
    assert "symbolic link" in refused(folder, GOOD)[0].message


def test_a_wrong_line_of_signers_is_named_by_its_own_file(folder: Path, ada: str) -> None:
    signers = folder / "signers" / "field"
    signers.write_text(f"# people\n{ada}*@example.com {ada.partition(' ')[2]}")
    (problem,) = refused(folder, GOOD)
    assert (problem.file, problem.line) == (signers, 3)
    assert "names nobody" in problem.message


def test_a_file_of_signers_that_is_not_text_is_refused(folder: Path) -> None:
    (folder / "signers" / "field").write_bytes(b"\xff\xfe")
    assert refused(folder, GOOD)[0].field == "environments.1.approvals.signers"


def test_nobody_may_sign_yet_is_a_policy(folder: Path) -> None:
    """The shipped files of signers hold comments alone: nothing is approved until somebody adds a line."""
    (folder / "signers" / "field").write_text("# nobody yet\n")
    assert read(folder, GOOD).get("field").approvals.required == 2


@given(
    name=st.sampled_from([name for name, criterion in CRITERIA.items() if criterion.negotiable]),
    bounds=st.lists(st.floats(0, 100, allow_nan=False), min_size=2, max_size=4),
)
def test_limits_are_accepted_exactly_if_they_tighten(
    name: str, bounds: list[float], tmp_path_factory: pytest.TempPathFactory
) -> None:
    rows = [f"- {{name: e{i}, limits: {{{name}: {bound!r}}}}}\n" for i, bound in enumerate(bounds)]
    path = tmp_path_factory.getbasetemp() / "tightens.yaml"
    path.write_text("".join(rows))
    tightens = bounds == sorted(bounds, reverse=CRITERIA[name].sense == "<=")
    if tightens:
        assert [e.limits[name] for e in policy_file.read(path)] == bounds
    else:
        with pytest.raises(BadPolicy, match="limits must tighten"):
            policy_file.read(path)


def test_the_policy_in_force_is_the_one_that_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = folder / "mine.yaml"
    path.write_text(GOOD)
    monkeypatch.setenv("ASCEND_ENVIRONMENTS", str(path))
    assert in_force().names == ("lab", "field")


@pytest.fixture
def broken(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A policy with two problems, in force."""
    path = folder / "broken.yaml"
    path.write_text(GOOD.replace("cve_high", "cve").replace("rollout: ab", "rollout: abc"))
    monkeypatch.setenv("ASCEND_ENVIRONMENTS", str(path))
    monkeypatch.setenv("ASCEND_STATE", str(folder / "state"))
    return path


def test_a_command_says_each_problem_in_a_line(broken: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert commands.run(["model", "list", "digits_cnn"]) == 2
    first, second, last = capsys.readouterr().err.splitlines()
    assert first.startswith(f"{broken}:5: environments.0.may_stay_unjudged.0: 'cve' is no criterion")
    assert second.startswith(f"{broken}:11: environments.1.rollout: ")
    assert last.startswith("ascend: the policy")


def test_a_code_location_does_not_load(broken: Path) -> None:
    with pytest.raises(BadPolicy, match=rf"{broken}:11: environments\.1\.rollout: "):
        build_defs()
