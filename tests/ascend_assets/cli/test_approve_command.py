"""`ascend approve`: with a key at hand, with a key on another machine, and what is refused."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from governed import World
from keys import make_key

from resources.registry.approvals import NAMESPACE, Statement
from resources.registry.documents import decode

Here = Callable[..., tuple[int, str, str]]
ABOUT = ("approve", "digits", "--version", "1.0.0", "--env", "staging")


@pytest.fixture
def signed(world: World) -> World:
    """A world in which 1.0.0 waits in dev."""
    world.publish(0)
    world.deploy(0)
    return world


def elsewhere(world: World, path: Path) -> str:
    """What a person does on another machine."""
    command = ["ssh-keygen", "-Y", "sign", "-q", "-n", NAMESPACE, "-f", str(world.grace.path), str(path)]
    subprocess.run(command, check=True, capture_output=True, stdin=subprocess.DEVNULL)
    return f"{path}.sig"


def entries(world: World) -> int:
    return len(world.tools.ledger.history("staging", "digits"))


def test_a_signature_is_recorded_and_the_next_step_is_named(signed: World, here: Here) -> None:
    code, out, err = here(*ABOUT, "--key", str(signed.grace.path), "--reason", "looked at the page")
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "grace@example.org's approval of digits 1.0.0 for staging is recorded (entry 1)",
        "  next  ascend promote digits --version 1.0.0 --to staging --reason WHY --dry-run",
    ]
    assert here("promote", "digits", "--to", "staging")[0] == 0


def test_a_rejection_keeps_a_release_out(signed: World, here: Here) -> None:
    key = ("--key", str(signed.grace.path))
    assert here(*ABOUT, *key, "--reason", "fine")[0] == 0
    code, out, _ = here(*ABOUT, *key, "--reject", "--reason", "not so fine", "--json")
    assert (code, json.loads(out)["entry"]["kind"], json.loads(out)["signer"]) == (0, "reject", "grace@example.org")
    assert here("promote", "digits", "--to", "staging")[0] == 1


def test_a_dry_run_signs_and_judges_and_writes_nothing(signed: World, here: Here) -> None:
    code, out, _ = here(*ABOUT, "--key", str(signed.grace.path), "--reason", "fine", "--dry-run")
    assert (code, "would count; nothing was written" in out, entries(signed)) == (0, True, 0)


def test_a_key_on_another_machine_signs_what_was_written(signed: World, here: Here, tmp_path: Path) -> None:
    path = tmp_path / "statement"
    code, out, _ = here(*ABOUT, "--reason", "looked", "--statement", str(path))
    assert code == 0
    assert f"ssh-keygen -Y sign -n {NAMESPACE} -f KEY statement" in out
    assert "within 15 minutes: ascend approve digits --version 1.0.0 --env staging --statement" in out
    assert decode(Statement, path.read_bytes(), "it").reason == "looked"
    assert entries(signed) == 0
    signature = elsewhere(signed, path)
    code, out, err = here(*ABOUT, "--statement", str(path), "--signature", signature)
    assert (code, err) == (0, "")
    assert "is recorded (entry 1)" in out


def test_the_statement_is_found_beside_its_signature(signed: World, here: Here, tmp_path: Path) -> None:
    path = tmp_path / "statement.json"
    assert here(*ABOUT, "--reason", "looked", "--statement", str(path))[0] == 0
    named = ("--signature", elsewhere(signed, path), "--signer", "grace@example.org")
    assert here(*ABOUT, *named, "--json")[0] == 0
    code, _, err = here(*ABOUT, "--signature", str(path))
    assert (code, "--statement FILE" in err) == (2, True)


def test_a_changed_statement_is_refused(signed: World, here: Here, tmp_path: Path) -> None:
    path = tmp_path / "statement"
    here(*ABOUT, "--reason", "looked", "--statement", str(path))
    signature = elsewhere(signed, path)
    path.write_bytes(path.read_bytes().replace(b"looked", b"fooled"))
    code, out, err = here(*ABOUT, "--statement", str(path), "--signature", signature)
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert entries(signed) == 0


def test_a_file_that_is_there_is_not_written_over(signed: World, here: Here, tmp_path: Path) -> None:
    path = tmp_path / "statement"
    path.write_text("mine")
    code, _, err = here(*ABOUT, "--reason", "looked", "--statement", str(path))
    assert (code, "is there already" in err, path.read_text()) == (2, True, "mine")
    assert entries(signed) == 0


def test_a_key_that_nobody_allowed_is_refused_with_its_fingerprint(signed: World, here: Here, tmp_path: Path) -> None:
    mallory = make_key(tmp_path, "mallory")
    code, out, err = here(*ABOUT, "--key", str(mallory.path), "--reason", "me")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert mallory.fingerprint() in err
    assert entries(signed) == 0


def test_what_needs_no_signature_is_told(signed: World, here: Here) -> None:
    about = ("approve", "digits", "--version", "1.0.0", "--env", "dev", "--reason", "x")
    code, out, err = here(*about, "--key", str(signed.grace.path), "--json")
    assert json.loads(out) == {"refused": True, "because": err.removeprefix("ascend: ").rstrip("\n")}
    assert (code, err) == (1, "ascend: dev takes releases without signatures: there is nothing to approve\n")


@pytest.mark.parametrize("given", [(), ("--key", "k", "--signature", "s.sig"), ("--key", "k", "--statement", "s")])
def test_one_way_to_sign_must_be_given(signed: World, here: Here, given: tuple[str, ...]) -> None:
    code, out, err = here(*ABOUT, "--reason", "x", *given)
    assert (code, out, "give --key FILE to sign here" in err) == (2, "", True)
    assert entries(signed) == 0


def test_a_key_or_a_file_that_is_not_there_is_told(signed: World, here: Here, tmp_path: Path) -> None:
    code, _, err = here(*ABOUT, "--reason", "x", "--key", str(tmp_path / "gone"))
    assert (code, "there is no such file" in err) == (2, True)
    code, _, err = here(*ABOUT, "--statement", str(tmp_path / "a"), "--signature", str(tmp_path / "a.sig"))
    assert (code, "No such file" in err) == (2, True)
    huge = tmp_path / "huge.sig"
    huge.write_bytes(b"x" * 100_000)
    (tmp_path / "huge").write_text("{}")
    assert here(*ABOUT, "--signature", str(huge))[0] == 2
    assert entries(signed) == 0
