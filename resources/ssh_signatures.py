"""Signing and verifying with SSH keys, by `ssh-keygen -Y`.

Here belongs running ssh-keygen and saying why a signature does not count. Not here: the text of a signature
(`ssh_armour.py`), who may sign (`allowed_signers.py`), or what a signature is good for.

Who may sign is decided twice, here on the strictly read file and by ssh-keygen on the one line that matters; only
ssh-keygen judges the cryptography.
"""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from resources import allowed_signers, ssh_armour
from resources.allowed_signers import BadSigners
from resources.output import last_lines
from resources.process import Completed, Limits, ProcessTimeout, ProgramMissing, clean_environment, run
from resources.ssh_armour import BadSignature

__all__ = ["BadSignature", "BadSigners", "CannotSign", "SshKeygenUnfit", "sign", "signers_of", "verify"]

MINIMUM = "8.9"
"""The first OpenSSH whose ssh-keygen takes validity periods and `verify-time` without known faults."""

_VERIFY = Limits(timeout=20.0, output=64 * 1024)
_SIGN = Limits(timeout=60.0, output=64 * 1024)
_SIGN_SECONDS = 300.0
"""How long a person may take to type a passphrase or to touch a security key."""

_UTC = {"TZ": "UTC", "LC_ALL": "C"}
_TOO_OLD = ("verify-time", "invalid option", "illegal option", "unknown option", "unsupported operation")


class SshKeygenUnfit(Exception):
    """There is no ssh-keygen here, or it cannot do what is needed."""


class CannotSign(Exception):
    """The key cannot be used. The message says why and what to do."""


def sign(message: bytes, key: Path, namespace: str, *, interactive: bool = False) -> str:
    """Sign bytes for a purpose; the signature in its normal form.

    `key`: a private key's file, or a `.pub` file whose key ssh-agent holds. `interactive`: ssh-keygen has the terminal,
    to ask for a passphrase or a touch; otherwise a key that needs either is refused. Raises `CannotSign`,
    `SshKeygenUnfit`.
    """
    path = key.expanduser().absolute()
    if not path.is_file():
        raise CannotSign(f"{key}: there is no such file: give a private key, or the .pub file of a key in ssh-agent")
    with _folder() as folder:
        (folder / "message").write_bytes(message)
        argv = ("ssh-keygen", "-Y", "sign", "-q", "-n", namespace, "-f", str(path), str(folder / "message"))
        if interactive:
            _sign_on_terminal(argv, path, folder)
        else:
            _sign_alone(argv, path, folder)
        try:
            signature = ssh_armour.parse((folder / "message.sig").read_text(encoding="ascii"))
        except (FileNotFoundError, UnicodeDecodeError, BadSignature) as error:
            raise CannotSign(f"{key}: ssh-keygen wrote no signature that can be used: {error}") from error
    return signature.armoured()


def verify(message: bytes, signature: str, signers: str, *, principal: str, namespace: str, at: datetime) -> None:
    """Whether somebody who may sign has signed these bytes for this purpose, as of a moment.

    `signers`: the text of an allowed_signers file. `principal`: in whose name. Raises `BadSignature`, which says why
    not; `BadSigners`, `SshKeygenUnfit`.
    """
    parsed = ssh_armour.parse(signature)
    allowed = allowed_signers.parse(signers)
    if parsed.namespace != namespace:
        raise BadSignature(f"it was made for {parsed.namespace!r}, not for {namespace!r}")
    line = allowed.line(principal, parsed.key)
    if line is None:
        owners = allowed.names_of(parsed.key)
        whose = f"is {', '.join(owners)}'s" if owners else "is nobody's who may sign"
        raise BadSignature(f"its key {parsed.key.fingerprint} is not {principal}'s: it {whose}")
    why = line.objection(namespace, at)
    if why:
        raise BadSignature(f"{why}; it was asked about {at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC")
    with _folder() as folder:
        (folder / "message").write_bytes(message)
        (folder / "signature").write_text(parsed.armoured(), encoding="ascii")
        (folder / "signers").write_text(line.text(principal), encoding="ascii")
        _judge(_verify(folder, principal, namespace, at))


def signers_of(signature: str, signers: str, *, namespace: str, at: datetime) -> tuple[str, ...]:
    """In whose names a signature's key may sign for a purpose at a moment; whether it is right is not asked.

    Raises `BadSignature` for what is no signature, `BadSigners`.
    """
    key = ssh_armour.parse(signature).key
    lines = allowed_signers.parse(signers).lines
    fit = (line for line in lines if line.key == key and line.objection(namespace, at) is None)
    return tuple(dict.fromkeys(name for line in fit for name in line.names))


def _verify(folder: Path, principal: str, namespace: str, at: datetime) -> Completed:
    moment = at.astimezone(UTC).strftime("%Y%m%d%H%M%S")
    argv = (
        *("ssh-keygen", "-Y", "verify", "-q", "-f", "signers", "-I", principal, "-n", namespace, "-s", "signature"),
        f"-Overify-time={moment}",
    )
    try:
        return run(argv, cwd=folder, limits=_VERIFY, env=_UTC, check=False, stdin=folder / "message")
    except ProgramMissing as error:
        raise _missing() from error
    except ProcessTimeout as error:
        raise SshKeygenUnfit(f"{error}: is this machine overloaded? Try again") from error


def _judge(completed: Completed) -> None:
    if completed.returncode == 0:
        return
    said = last_lines(completed.stderr) or "nothing"
    if any(word in said.lower() for word in _TOO_OLD):
        raise SshKeygenUnfit(
            f"ssh-keygen does not know `verify-time`: install OpenSSH {MINIMUM} or later; it said: {said}"
        )
    if "incorrect signature" in said.lower():
        raise BadSignature("it is forged, or these are not the bytes that were signed")
    raise BadSignature(f"ssh-keygen does not verify it; it said: {said}")


def _sign_alone(argv: tuple[str, ...], key: Path, folder: Path) -> None:
    agent = os.environ.get("SSH_AUTH_SOCK")
    try:
        completed = run(
            argv, cwd=folder, limits=_SIGN, env={**_UTC, **({"SSH_AUTH_SOCK": agent} if agent else {})}, check=False
        )
    except ProgramMissing as error:
        raise _missing() from error
    except ProcessTimeout as error:
        raise CannotSign(f"{key}: nobody touched the security key or answered ssh-agent in time: {error}") from error
    if completed.returncode:
        raise CannotSign(f"{key}: {_remedy(completed.stderr, agent=bool(agent))}")


def _remedy(said: str, *, agent: bool) -> str:
    if "passphrase" in said:
        return (
            "the key has a passphrase, and there is nobody here to ask: load it with `ssh-add` and give the .pub file, "
            "or sign at a terminal"
        )
    if "No private key found for public key" in said:
        where = "ssh-agent does not hold it: `ssh-add` it" if agent else "SSH_AUTH_SOCK names no ssh-agent: start one"
        return f"this is a public key, its private key is not beside it, and {where}, or give the private key"
    if "UNPROTECTED" in said:
        return (
            "others may read this private key, so ssh-keygen does not use it: chmod 600, and think whether it is known"
        )
    return f"ssh-keygen cannot sign with it; it said: {last_lines(said) or 'nothing'}"


def _sign_on_terminal(argv: tuple[str, ...], key: Path, folder: Path) -> None:
    """What ssh-keygen says and asks goes to and comes from the terminal, so it keeps the session that it belongs to."""
    extra = {name: os.environ[name] for name in ("SSH_AUTH_SOCK", "TERM") if name in os.environ}
    try:
        done = subprocess.run(  # noqa: S603 - an argument vector, no shell
            argv, cwd=folder, env=clean_environment({**_UTC, **extra}), timeout=_SIGN_SECONDS, check=False
        )
    except FileNotFoundError as error:
        raise _missing() from error
    except subprocess.TimeoutExpired as error:
        raise CannotSign(f"{key}: no answer within {_SIGN_SECONDS:g} s") from error
    if done.returncode:
        raise CannotSign(f"{key}: ssh-keygen did not sign with it, as it said above")


def _missing() -> SshKeygenUnfit:
    return SshKeygenUnfit(f"there is no ssh-keygen on PATH: install OpenSSH {MINIMUM} or later (openssh-client)")


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="ascend-ssh-") as folder:
        yield Path(folder)
