"""Examining the machine: the programs that are called, and the folders that state is written to.

Here belongs what is the same whatever the store and the policy are. Not here: those (`doctor_store.py`, `doctor.py`).
"""

import os
import shutil
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from ascend_assets.operations.finding import Finding
from resources import ssh_signatures
from resources.home import Home
from resources.process import Limits, ProcessError, run
from resources.registry.approvals import NAMESPACE

PYTHON = (3, 11)
FREE = 2 * 1024**3
"""Bytes: a candidate of a large model, its tensors on both sides and the copies on the way to the store."""

_QUICK = Limits(timeout=20.0, output=4096)
_GIB = 1024**3


def programs() -> tuple[Finding, ...]:
    """Python, git, ssh-keygen, trivy."""
    return (_python(), _git(), _ssh_keygen(), _trivy())


def _python() -> Finding:
    wanted = ".".join(map(str, PYTHON))
    return Finding(
        "python",
        ok := sys.version_info >= PYTHON,
        f"{sys.version.split()[0]}, {wanted} or later is needed",
        "" if ok else f"install Python {wanted} or later and make the environment anew: rm -r .venv && make",
    )


def _git() -> Finding:
    try:
        said = run(("git", "--version"), cwd=Path("/"), limits=_QUICK).stdout.strip()
    except ProcessError as error:
        return Finding("git", ok=False, said=str(error), remedy="install git and let it be on PATH")
    return Finding("git", ok=True, said=said.removeprefix("git version "))


def _ssh_keygen() -> Finding:
    """Tried out, not asked: ssh-keygen does not tell its version."""
    message = b"a trial"
    at = datetime.now(UTC)
    try:
        with tempfile.TemporaryDirectory(prefix="ascend-") as folder:
            key = Path(folder) / "key"
            make = ("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "trial", "-f", str(key))
            run(make, cwd=Path(folder), limits=_QUICK)
            signature = ssh_signatures.sign(message, key, NAMESPACE)
            signers = f"trial@example.com {key.with_suffix('.pub').read_text(encoding='ascii')}"
            ssh_signatures.verify(
                message, signature, signers, principal="trial@example.com", namespace=NAMESPACE, at=at
            )
    except (
        ProcessError,
        OSError,
        ssh_signatures.BadSignature,
        ssh_signatures.CannotSign,
        ssh_signatures.SshKeygenUnfit,
    ) as error:
        remedy = f"install OpenSSH {ssh_signatures.MINIMUM} or later (openssh-client)"
        return Finding(
            "ssh-keygen", ok=False, said=f"approvals can be neither given nor checked: {error}", remedy=remedy
        )
    return Finding("ssh-keygen", ok=True, said=f"signs and verifies ({_openssh()})")


def _openssh() -> str:
    """The version that `ssh` tells; ssh-keygen comes from the same release."""
    try:
        said = run(("ssh", "-V"), cwd=Path("/"), limits=_QUICK).stderr
    except ProcessError:
        return "version unknown: there is no ssh beside it"
    return said.partition(",")[0].strip()


def _trivy() -> Finding:
    found = shutil.which("trivy")
    if found:
        return Finding("trivy", ok=True, said=found, needed=False)
    return Finding(
        "trivy",
        ok=False,
        said="not on PATH: cve_high is not judged, which later environments may refuse",
        remedy="install trivy and fetch its database: trivy image --download-db-only",
        needed=False,
    )


def folders(places: Home) -> tuple[Finding, ...]:
    """The folders of state: writable, with room."""
    wanted = {"state": places.state, "dagster home": places.dagster}
    return tuple(_folder(name, path) for name, path in wanted.items())


def _folder(name: str, path: Path) -> Finding:
    there = nearest(path)
    move = "DAGSTER_HOME" if name == "dagster home" else "ASCEND_STATE"
    try:
        with tempfile.TemporaryFile(dir=there) as file:
            file.write(b"trial")
            file.flush()
            os.fsync(file.fileno())
        free = shutil.disk_usage(there).free
    except OSError as error:
        remedy = f"give this user access to {there}, or name another folder by {move}"
        return Finding(name, ok=False, said=f"{there} cannot be written: {error.strerror}", remedy=remedy)
    said = f"{path} is writable" if there == path else f"{path} can be made"
    if free < FREE:
        said = f"{path} has {free / _GIB:.1f} GiB left, {FREE / _GIB:.0f} are wanted"
        remedy = f"free space: ascend store gc, or name another folder by {move}"
        return Finding(name, ok=False, said=said, remedy=remedy)
    return Finding(name, ok=True, said=f"{said}, {free / _GIB:.0f} GiB free")


def nearest(path: Path) -> Path:
    """The folder, or the nearest above it that is there; a file in its way is handed out, and refused on use."""
    return next(each for each in (path, *path.parents) if os.path.lexists(each))
