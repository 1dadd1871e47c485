"""`ascend doctor` names everything that is not fit, and says what to do about it."""

import os
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from keys import make_key
from s3_proxy import S3Proxy
from s3_server import CREDENTIALS, moto_server, new_bucket

from ascend_assets.environments import Approvals, Environment
from ascend_assets.operations import doctor, doctor_cann, doctor_machine, doctor_store
from ascend_assets.operations.doctor import Finding
from resources.home import prepare

POLICY = """\
- name: dev
  evidence: [measured, emulated]
- name: prod
  evidence: [measured, emulated]
  approvals: {required: 1, signers: signers}
"""
MODEL = """\
type: ascend_assets.component.AscendModel
attributes:
  name: tiny
  task: classification
  source: {onnx: model.onnx}
  inputs: [{name: x, shape: [batch, 3]}]
  targets: [{soc_version: Ascend310P3}]
"""
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine on which everything is fit: state, a policy with somebody who may sign, one model."""
    monkeypatch.setenv("ASCEND_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("ASCEND_ENVIRONMENTS", str(tmp_path / "environments.yaml"))
    monkeypatch.delenv("ASCEND_STORE", raising=False)
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    (tmp_path / "signers").write_text(make_key(tmp_path, "ada").line("ada@example.com"))
    (tmp_path / "environments.yaml").write_text(POLICY)
    (tmp_path / "defs" / "tiny").mkdir(parents=True)
    (tmp_path / "defs" / "tiny" / "defs.yaml").write_text(MODEL)
    monkeypatch.setenv("DAGSTER_HOME", str(prepare().dagster))
    monkeypatch.setattr(doctor_cann, "examine", lambda: (Finding("cann", ok=True, said="toolkit", needed=False),))
    return tmp_path


def examined(place: Path) -> dict[str, Finding]:
    found = doctor.examine(place / "defs")
    names = [finding.name for finding in found]
    assert len(set(names)) == len(names)
    for finding in found:
        assert finding.said
        assert bool(finding.remedy) != finding.ok
    return {finding.name: finding for finding in found}


def failing(place: Path) -> dict[str, Finding]:
    return {name: finding for name, finding in examined(place).items() if not finding}


def test_a_machine_that_is_fit(place: Path) -> None:
    found = examined(place)
    assert {name for name, finding in found.items() if not finding} <= {"trivy"}
    assert list(found) == [
        "python",
        "git",
        "ssh-keygen",
        "trivy",
        "state",
        "dagster home",
        "store",
        "clock",
        "policy",
        "signers of prod",
        "models",
        "toolchain",
        "cann",
        "lock file",
        "dagster settings",
        "triggers",
        "daemon",
    ]


def test_an_examination_leaves_nothing(place: Path) -> None:
    before = sorted(place.rglob("*"))
    examined(place)
    assert {path.name for path in place.rglob("*") if path not in before} <= {".tmp"}


def test_before_anything_is_made_nothing_is_made(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASCEND_STATE", str(place / "new"))
    monkeypatch.setenv("DAGSTER_HOME", str(place / "new" / "dagster"))
    found = examined(place)
    assert "can be made" in found["store"].said
    assert found["dagster settings"].remedy == "make it: ascend init"
    assert not (place / "new").exists()
    assert not list(place.glob(".ascend-*"))


def test_programs_that_are_missing(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(place))
    found = failing(place)
    assert {"git", "ssh-keygen", "trivy"} <= set(found)
    assert "openssh-client" in found["ssh-keygen"].remedy
    assert found["ssh-keygen"].needed
    assert not found["trivy"].needed


def test_an_ssh_keygen_that_cannot_sign(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (place / "bin").mkdir()
    program = place / "bin" / "ssh-keygen"
    program.write_text("#!/bin/sh\necho unknown option -- Y >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{place / 'bin'}:{os.environ['PATH']}")
    assert "neither given nor checked" in failing(place)["ssh-keygen"].said


def test_folders_that_cannot_be_written(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "TemporaryFile", _read_only)
    found = failing(place)
    assert "Read-only file system" in found["state"].said
    assert "ASCEND_STATE" in found["state"].remedy
    assert "DAGSTER_HOME" in found["dagster home"].remedy


def _read_only(**_: object) -> None:
    raise OSError(30, "Read-only file system")


def test_a_disk_that_is_nearly_full(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_machine, "FREE", 2**80)
    found = failing(place)
    assert "are wanted" in found["state"].said
    assert "ascend store gc" in found["state"].remedy


def test_a_file_system_without_hard_links(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(source: object, _target: object) -> None:
        raise PermissionError(1, "Operation not permitted", str(source))

    monkeypatch.setattr(os, "link", no_links)
    found = failing(place)
    assert "hard links" in found["store"].remedy
    assert not found["clock"].needed


def test_a_file_system_that_gives_a_name_twice(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def overwrite(source: Path, target: Path) -> None:
        target.write_bytes(source.read_bytes())

    monkeypatch.setattr(os, "link", overwrite)
    assert "two deployments could both win" in failing(place)["store"].said


@pytest.mark.parametrize("seconds", [-59.0, 0.0, 59.0])
def test_clocks_that_agree(seconds: float) -> None:
    assert doctor_store.clock(timedelta(seconds=seconds))


@pytest.mark.parametrize(("seconds", "says"), [(-61.0, "61 s ahead of the store's"), (500.0, "500 s behind the store")])
def test_clocks_that_do_not_agree(seconds: float, says: str) -> None:
    finding = doctor_store.clock(timedelta(seconds=seconds))
    assert not finding
    assert says in finding.said
    assert "NTP" in finding.remedy


def test_a_policy_that_cannot_be_in_force(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = place / "broken.yaml"
    path.write_text("- name: dev\n  limit: {}\n")
    monkeypatch.setenv("ASCEND_ENVIRONMENTS", str(path))
    found = failing(place)
    assert f"{path}:2: 0.limit: unknown field" in found["policy"].said
    assert "not looked at" in found["models"].said


def test_a_model_file_that_is_wrong(place: Path) -> None:
    path = place / "defs" / "tiny" / "defs.yaml"
    path.write_text(MODEL.replace("name: tiny", "name: tinny"))
    assert f"{path}:3: name: 'tinny' must equal" in failing(place)["models"].said


def test_no_models_yet(place: Path) -> None:
    (place / "defs" / "tiny" / "defs.yaml").unlink()
    finding = failing(place)["models"]
    assert "ascend add" in finding.remedy
    assert not finding.needed


def test_settings_of_another_version(place: Path) -> None:
    path = place / "state" / "dagster" / "dagster.yaml"
    path.write_text("telemetry: {enabled: true}\n")
    finding = failing(place)["dagster settings"]
    assert "differs from what comes with this version" in finding.said
    assert finding.remedy.endswith(f"rm {path} && ascend init")


def test_evidence_that_later_environments_refuse_is_told(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = place / "strict.yaml"
    path.write_text(POLICY.replace("  evidence: [measured, emulated]\n  approvals", "  approvals"))
    monkeypatch.setenv("ASCEND_ENVIRONMENTS", str(path))
    finding = failing(place)["toolchain"]
    assert "nothing it makes can enter prod" in finding.said
    assert not finding.needed


@pytest.mark.parametrize(("word", "said"), [("npu", "auto, cann, emulated"), ("cann", "asks for CANN")])
def test_a_toolchain_that_cannot_be_had_is_wrong(
    place: Path, monkeypatch: pytest.MonkeyPatch, word: str, said: str
) -> None:
    monkeypatch.setenv("ASCEND_TOOLCHAIN", word)
    finding = failing(place)["toolchain"]
    assert said in finding.said
    assert finding.needed


def prod(signers: str, required: int = 1, *, author_may_sign: bool = False) -> Environment:
    approvals = Approvals(required=required, signers=signers, author_may_sign=author_may_sign)
    return Environment(name="prod", approvals=approvals)


def test_signers_are_counted_by_person(tmp_path: Path) -> None:
    one, two = make_key(tmp_path, "one"), make_key(tmp_path, "two")
    both = one.line("ada@example.com") + two.line("ada@example.com")
    assert "2 must sign, 1 can: ada@example.com" in doctor.signers(prod(both, 2), NOON).said
    assert doctor.signers(prod(both, 1), NOON)
    assert doctor.signers(prod(both.replace("ada", "bob", 1), 2), NOON)


def test_a_signer_whose_key_has_expired_cannot_sign(tmp_path: Path) -> None:
    line = make_key(tmp_path).line("ada@example.com", 'valid-before="20260101"')
    finding = doctor.signers(prod(line), NOON)
    assert not finding
    assert "not ada@example.com, who have no valid key" in finding.said


def test_a_signer_without_an_address_cannot_be_told_from_authors(tmp_path: Path) -> None:
    line = make_key(tmp_path).line("ada")
    assert not doctor.signers(prod(line), NOON)
    assert doctor.signers(prod(line, author_may_sign=True), NOON)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with moto_server() as endpoint:
        yield endpoint


@pytest.fixture
def on_s3(place: Path, server: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same machine, with its store in a bucket."""
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("ASCEND_S3_ENDPOINT", server)
    monkeypatch.setenv("ASCEND_S3_ADDRESSING", "path")
    monkeypatch.setenv("ASCEND_S3_ATTEMPTS", "1")
    monkeypatch.setenv("ASCEND_STORE", f"s3://{new_bucket(server)}/registry")
    return place


def test_a_bucket_that_is_fit(on_s3: Path) -> None:
    found = examined(on_s3)
    assert found["store"]
    assert found["clock"]


def test_a_bucket_that_does_not_create_once(on_s3: Path, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with S3Proxy(server, drop=frozenset({"if-none-match"})) as proxy:
        monkeypatch.setenv("ASCEND_S3_ENDPOINT", proxy.endpoint)
        assert "two deployments could both win" in failing(on_s3)["store"].said


def test_a_server_that_is_not_there(on_s3: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASCEND_S3_ENDPOINT", "http://127.0.0.1:9")
    found = failing(on_s3)
    assert "ASCEND_S3_ENDPOINT" in found["store"].remedy
    assert "not reached" in found["clock"].said


def test_a_store_that_is_a_file(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (place / "file").write_text("")
    monkeypatch.setenv("ASCEND_STORE", str(place / "file"))
    assert not examined(place)["store"]


def test_an_address_that_is_none(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASCEND_STORE", "ftp://somewhere")
    assert "is no address of a store" in failing(place)["store"].said
