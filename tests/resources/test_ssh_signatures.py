"""Signatures are made and verified by the real ssh-keygen; each reason to refuse one is told apart."""

import os
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keys import Key, make_key

from resources.allowed_signers import BadSigners
from resources.ssh_signatures import BadSignature, CannotSign, SshKeygenUnfit, sign, signers_of, verify

NAMESPACE = "test@example"
MESSAGE = b'{"statement":"yes"}'
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def ada(tmp_path_factory: pytest.TempPathFactory) -> Key:
    return make_key(tmp_path_factory.mktemp("ada"))


@pytest.fixture(scope="module")
def bob(tmp_path_factory: pytest.TempPathFactory) -> Key:
    return make_key(tmp_path_factory.mktemp("bob"))


@pytest.fixture(scope="module")
def signature(ada: Key) -> str:
    return sign(MESSAGE, ada.path, NAMESPACE)


def check(
    signature: str, signers: str, *, message: bytes = MESSAGE, principal: str = "ada", at: datetime = NOW
) -> None:
    verify(message, signature, signers, principal=principal, namespace=NAMESPACE, at=at)


@pytest.mark.parametrize(("kind", "bits"), [("ed25519", 0), ("ecdsa", 384), ("rsa", 2048)])
def test_what_is_signed_is_verified(tmp_path: Path, kind: str, bits: int) -> None:
    key = make_key(tmp_path, kind=kind, bits=bits)
    signed = sign(MESSAGE, key.path, NAMESPACE)
    check(signed, key.line("ada", f'namespaces="{NAMESPACE}",valid-before="20261121"'))


@pytest.mark.parametrize("message", [b"", MESSAGE + b"\n", MESSAGE[:-1], MESSAGE.upper()])
def test_a_signature_under_other_bytes_is_forged(ada: Key, signature: str, message: bytes) -> None:
    with pytest.raises(BadSignature, match="forged, or these are not the bytes"):
        check(signature, ada.line("ada"), message=message)


def test_a_signature_with_a_changed_value_is_forged(ada: Key, bob: Key, signature: str) -> None:
    other = sign(b"another message", ada.path, NAMESPACE)
    with pytest.raises(BadSignature, match="forged"):
        check(other, ada.line("ada"))
    with pytest.raises(BadSignature, match="is nobody's who may sign"):
        check(signature, bob.line("ada"))


def test_a_signature_for_another_purpose_is_none(ada: Key) -> None:
    with pytest.raises(BadSignature, match="made for 'git', not for 'test@example'"):
        check(sign(MESSAGE, ada.path, "git"), ada.line("ada"))


def test_a_key_signs_only_in_its_own_names(ada: Key, bob: Key, signature: str) -> None:
    signers = ada.line("ada,ada@example.com") + bob.line("bob")
    check(signature, signers, principal="ada@example.com")
    with pytest.raises(BadSignature, match=r"is not bob's: it is ada, ada@example.com's"):
        check(signature, signers, principal="bob")
    with pytest.raises(BadSignature, match="is not eve's"):
        check(signature, signers, principal="eve")


def test_a_key_signs_only_in_its_time_and_for_its_purposes(ada: Key, signature: str) -> None:
    options = 'valid-after="20261101",valid-before="20261201"'
    check(signature, ada.line("ada", options))
    with pytest.raises(BadSignature, match="expired at 2026-12-01 00:00:00 UTC; it was asked about 2026-12-20"):
        check(signature, ada.line("ada", options), at=NOW + timedelta(days=30))
    with pytest.raises(BadSignature, match="not valid before 2026-11-01"):
        check(signature, ada.line("ada", options), at=NOW - timedelta(days=30))
    with pytest.raises(BadSignature, match="may sign for git only"):
        check(signature, ada.line("ada", 'namespaces="git"'))


def test_ssh_keygen_itself_keeps_to_the_time_in_utc(ada: Key, signature: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Our own look at the bounds is switched off: what is left is ssh-keygen's, in any zone of this machine."""
    monkeypatch.setattr("resources.allowed_signers.Signer.objection", lambda *_: None)
    for zone in ("CST-8", "PST8PDT,M3.2.0,M11.1.0"):
        monkeypatch.setenv("TZ", zone)
        check(signature, ada.line("ada", 'valid-after="202611201159",valid-before="202611201201Z"'))
        for options in ('valid-before="202611201159"', 'valid-after="202611201201Z"', 'namespaces="git"'):
            with pytest.raises(BadSignature, match="ssh-keygen does not verify it"):
                check(signature, ada.line("ada", options))


def test_a_file_of_signers_that_cannot_be_taken_admits_nobody(ada: Key, signature: str) -> None:
    with pytest.raises(BadSigners, match="names nobody"):
        check(signature, ada.line("*"))


def test_whose_signature_it_is(ada: Key, bob: Key, signature: str) -> None:
    signers = ada.line("ada,ada@example.com") + ada.line("root", 'valid-before="20260101"') + bob.line("bob")
    assert signers_of(signature, signers, namespace=NAMESPACE, at=NOW) == ("ada", "ada@example.com")
    assert signers_of(signature, bob.line("bob"), namespace=NAMESPACE, at=NOW) == ()
    with pytest.raises(BadSignature):
        signers_of("no signature", signers, namespace=NAMESPACE, at=NOW)


@given(at=st.integers(0, len(MESSAGE) - 1), bit=st.integers(0, 7))
@settings(max_examples=15, deadline=None)
def test_no_bit_of_a_message_may_change(ada: Key, signature: str, at: int, bit: int) -> None:
    changed = bytearray(MESSAGE)
    changed[at] ^= 1 << bit
    with pytest.raises(BadSignature):
        check(signature, ada.line("ada"), message=bytes(changed))


class TestKeysThatCannotSign:
    def test_a_missing_file(self, tmp_path: Path) -> None:
        for path in (tmp_path / "missing", tmp_path):
            with pytest.raises(CannotSign, match="there is no such file"):
                sign(MESSAGE, path, NAMESPACE)

    def test_a_key_with_a_passphrase_and_nobody_to_ask(self, tmp_path: Path) -> None:
        key = make_key(tmp_path, locked_with="secret")
        with pytest.raises(
            CannotSign, match="has a passphrase, and there is nobody here to ask: load it with `ssh-add`"
        ):
            sign(MESSAGE, key.path, NAMESPACE)

    def test_a_key_that_others_may_read(self, tmp_path: Path) -> None:
        key = make_key(tmp_path)
        key.path.chmod(0o644)
        with pytest.raises(CannotSign, match="others may read this private key"):
            sign(MESSAGE, key.path, NAMESPACE)

    def test_a_file_that_is_no_key(self, tmp_path: Path) -> None:
        path = tmp_path / "notes"
        path.write_text("not a key\n")
        with pytest.raises(CannotSign, match="ssh-keygen cannot sign with it"):
            sign(MESSAGE, path, NAMESPACE)

    def test_a_public_key_alone(self, tmp_path: Path, ada: Key, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
        path = tmp_path / "alone.pub"
        path.write_text(ada.public + "\n")
        with pytest.raises(CannotSign, match=r"a public key.*names no ssh-agent: start one"):
            sign(MESSAGE, path, NAMESPACE)


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An ssh-agent of our own."""
    socket = tmp_path / "agent"
    with subprocess.Popen(["ssh-agent", "-D", "-a", str(socket)], stdout=subprocess.PIPE) as process:  # noqa: S607
        assert process.stdout is not None
        process.stdout.readline()  # it says where it listens once it does
        monkeypatch.setenv("SSH_AUTH_SOCK", str(socket))
        yield
        process.terminate()


@pytest.mark.usefixtures("agent")
def test_a_key_in_the_agent_signs_by_its_public_half(tmp_path: Path, ada: Key) -> None:
    alone = tmp_path / "alone.pub"
    alone.write_text(ada.public + "\n")
    with pytest.raises(CannotSign, match="ssh-agent does not hold it: `ssh-add` it"):
        sign(MESSAGE, alone, NAMESPACE)
    subprocess.run(["ssh-add", "-q", str(ada.path)], check=True, stdin=subprocess.DEVNULL)  # noqa: S607
    check(sign(MESSAGE, alone, NAMESPACE), ada.line("ada"))


def test_at_a_terminal_ssh_keygen_asks_for_the_passphrase(tmp_path: Path) -> None:
    key = make_key(tmp_path, locked_with="open sesame")
    process, terminal = os.forkpty()
    if process == 0:  # the child, with a terminal of its own
        try:
            (tmp_path / "signature").write_text(sign(MESSAGE, key.path, NAMESPACE, interactive=True))
        finally:
            os._exit(0)
    seen = b""
    while b"passphrase" not in seen:
        seen += os.read(terminal, 1024)
    os.write(terminal, b"open sesame\n")
    os.waitpid(process, 0)
    os.close(terminal)
    check((tmp_path / "signature").read_text(), key.line("ada"))


def fake_ssh_keygen(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    program = folder / "bin" / "ssh-keygen"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")


def test_an_old_ssh_keygen_is_told_apart_from_a_bad_signature(
    tmp_path: Path, ada: Key, signature: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_ssh_keygen(tmp_path, monkeypatch, "echo 'Invalid option \"verify-time=20261120\"' >&2; exit 255")
    with pytest.raises(SshKeygenUnfit, match=r"install OpenSSH 8\.9 or later"):
        check(signature, ada.line("ada"))


def test_what_ssh_keygen_does_not_verify_for_any_reason_does_not_count(
    tmp_path: Path, ada: Key, signature: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_ssh_keygen(tmp_path, monkeypatch, "echo 'no idea' >&2; exit 1")
    with pytest.raises(BadSignature, match="it said: no idea"):
        check(signature, ada.line("ada"))


def test_an_ssh_keygen_that_writes_nonsense_signs_nothing(
    tmp_path: Path, ada: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_ssh_keygen(tmp_path, monkeypatch, "exit 0")
    with pytest.raises(CannotSign, match="wrote no signature that can be used"):
        sign(MESSAGE, ada.path, NAMESPACE)


def test_without_ssh_keygen_it_says_what_to_install(
    tmp_path: Path, ada: Key, signature: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for work in (lambda: check(signature, ada.line("ada")), lambda: sign(MESSAGE, ada.path, NAMESPACE)):
        with pytest.raises(SshKeygenUnfit, match=r"install OpenSSH 8\.9 or later \(openssh-client\)"):
            work()
    with pytest.raises(SshKeygenUnfit):
        sign(MESSAGE, ada.path, NAMESPACE, interactive=True)
