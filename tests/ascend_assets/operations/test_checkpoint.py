"""A checkpoint says where every ledger ended, signed by somebody whom an auditor believes."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from governed import MODEL, World, copy_of, make_world
from keys import Key, make_key

from ascend_assets.operations import checkpoint
from ascend_assets.operations.checkpoint import NAMESPACE, BadCheckpoint, Checkpoint, End
from resources import ssh_signatures
from resources.digests import canonical_json
from resources.registry.ledger import LedgerBroken, entry_key


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        made = make_world(tmp_path_factory.mktemp("original"), monkeypatch)
        made.to_staging(0)
        yield made


@pytest.fixture
def world(original: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return copy_of(original, tmp_path, monkeypatch)


@pytest.fixture
def signer(tmp_path: Path) -> Key:
    return make_key(tmp_path, "signer")


@pytest.fixture
def signers(tmp_path: Path, signer: Key) -> Path:
    path = tmp_path / "auditors"
    path.write_text(signer.line("auditor@example.org"))
    return path


@pytest.fixture
def out(world: World, signer: Key, tmp_path: Path) -> Path:
    path = tmp_path / "heads.json"
    checkpoint.make(world.tools, signer.path, path)
    return path


def test_it_names_the_end_of_every_ledger(world: World, out: Path, signers: Path) -> None:
    believed = checkpoint.read(out, signers)
    assert believed.signer == "auditor@example.org"
    assert [(end.environment, end.model, end.sequence) for end in believed.checkpoint.heads] == [
        ("dev", MODEL, 1),
        ("staging", MODEL, 2),
    ]
    last = world.tools.ledger.current("staging", MODEL)
    assert last is not None
    assert believed.checkpoint.heads[1].digest == last.digest
    assert "by auditor@example.org" in str(believed)


def test_stock_tools_verify_it(out: Path, signers: Path, tmp_path: Path) -> None:
    """As docs/registry.md tells an outsider, who has no program of ours."""
    file = json.loads(out.read_text())
    (tmp_path / "sig").write_text(file["signature"])
    argv = ["ssh-keygen", "-Y", "verify", "-f", signers, "-I", "auditor@example.org", "-n", NAMESPACE]
    done = subprocess.run(
        [*map(str, argv), "-s", str(tmp_path / "sig")], input=file["signed"].encode(), capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert canonical_json(json.loads(file["signed"])) == file["signed"].encode()


def test_nobody_signs_for_a_broken_ledger(world: World, signer: Key, tmp_path: Path) -> None:
    world.store.local(entry_key("staging", MODEL, 1)).unlink()
    with pytest.raises(LedgerBroken, match=r"staging/digits/00000001\.json: missing"):
        checkpoint.make(world.tools, signer.path, tmp_path / "out.json")
    assert not (tmp_path / "out.json").exists()


def test_a_failed_signature_leaves_the_old_file(world: World, out: Path, tmp_path: Path) -> None:
    was = out.read_bytes()
    with pytest.raises(ssh_signatures.CannotSign):
        checkpoint.make(world.tools, tmp_path / "no such key", out)
    assert out.read_bytes() == was


def test_a_failed_write_leaves_the_old_file(
    world: World, out: Path, signer: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    was, names = out.read_bytes(), sorted(path.name for path in out.parent.iterdir())

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        checkpoint.make(world.tools, signer.path, out)
    assert out.read_bytes() == was
    assert sorted(path.name for path in out.parent.iterdir()) == names


def _with(**changes: object) -> Callable[[Path], None]:
    def edit(path: Path) -> None:
        file = json.loads(path.read_text())
        document = {**json.loads(file["signed"]), **changes}
        path.write_text(json.dumps({**file, "signed": canonical_json(document).decode()}))

    return edit


BAD: dict[str, tuple[Callable[[Path], object], str]] = {
    "empty": (lambda path: path.write_bytes(b""), "is no checkpoint"),
    "not JSON": (lambda path: path.write_bytes(b"\xff\xfe"), "is no checkpoint"),
    "another document": (lambda path: path.write_text('{"heads": []}'), "is no checkpoint"),
    "too large": (lambda path: path.write_bytes(b" " * (32 * 1024 * 1024 + 1)), "more than the"),
    "missing": (lambda path: path.unlink(), "cannot be read"),
    "fewer heads": (_with(heads=[]), "forged"),
    "another moment": (_with(at="2026-01-01T00:00:00Z"), "forged"),
    "unknown field": (_with(more=1), "more"),
    "lone surrogate": (lambda path: path.write_text('{"signed": "\\ud800", "signature": "x"}'), "is no checkpoint"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_no_checkpoint_is_not_believed(out: Path, signers: Path, case: str) -> None:
    spoil, why = BAD[case]
    spoil(out)
    with pytest.raises(BadCheckpoint, match=why):
        checkpoint.read(out, signers)


def test_a_pipe_is_not_waited_for(signers: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(BadCheckpoint, match="cannot be read"):
        checkpoint.read(tmp_path / "pipe", signers)


def test_spaces_between_fields_are_another_text(out: Path, signers: Path) -> None:
    file = json.loads(out.read_text())
    out.write_text(json.dumps({**file, "signed": json.dumps(json.loads(file["signed"]))}))
    with pytest.raises(BadCheckpoint, match="not in canonical JSON"):
        checkpoint.read(out, signers)


def test_a_stranger_is_not_believed(world: World, signers: Path, tmp_path: Path) -> None:
    checkpoint.make(world.tools, make_key(tmp_path, "eve").path, tmp_path / "eve.json")
    with pytest.raises(BadCheckpoint, match="nobody who might sign"):
        checkpoint.read(tmp_path / "eve.json", signers)


def test_the_signature_of_anything_else_is_none(out: Path, signers: Path, signer: Key) -> None:
    file = json.loads(out.read_text())
    other = ssh_signatures.sign(file["signed"].encode(), signer.path, "release-approval@ascend-assets")
    out.write_text(json.dumps({**file, "signature": other}))
    with pytest.raises(BadCheckpoint, match="release-approval@ascend-assets"):
        checkpoint.read(out, signers)


def test_a_key_that_was_not_valid_then_does_not_count(out: Path, signers: Path, signer: Key) -> None:
    signers.write_text(signer.line("auditor@example.org", 'valid-before="20200101"'))
    with pytest.raises(BadCheckpoint, match="nobody who might sign"):
        checkpoint.read(out, signers)


@pytest.mark.parametrize("text", ["* ssh-ed25519 AAAA", "\0", "auditor@example.org"])
def test_a_bad_file_of_signers_is_refused(out: Path, signers: Path, text: str) -> None:
    signers.write_text(text)
    with pytest.raises(BadCheckpoint, match="auditors"):
        checkpoint.read(out, signers)


def test_heads_are_one_per_ledger_in_order(world: World) -> None:
    a = End(environment="dev", model="a", sequence=1, digest="a" * 64)
    b = End(environment="dev", model="b", sequence=1, digest="b" * 64)
    assert Checkpoint(heads=(a, b), at=world.tools.now())
    for heads in ((b, a), (a, a)):
        with pytest.raises(ValueError, match="sorted"):
            Checkpoint(heads=heads, at=world.tools.now())


def test_it_is_kept_apart_from_the_store(world: World, out: Path, signers: Path) -> None:
    """What it proves does not depend on anything in the store."""
    shutil.rmtree(world.store.root)
    assert world.tools.now() - checkpoint.read(out, signers).checkpoint.at < timedelta(minutes=5)
