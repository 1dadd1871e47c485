"""A real Ceph object store for tests: a monitor, an OSD in memory and the S3 gateway, as plain processes on loopback.

Here belong starting and ending it and what only its administrator can do. Not here: what is tested with it
(`tests/ceph`).

Whatever happens to the tests, even a kill -9, the daemons die with the thread that started them: the kernel is told so
(`setpriv --pdeathsig`). Everything lies in one folder that the caller gives and removes.
"""

import secrets
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PACKAGES = ("radosgw", "ceph-mon", "ceph-osd", "openssh-client")
_PROGRAMS = (
    *("ceph", "ceph-authtool", "ceph-mon", "ceph-osd", "monmaptool", "radosgw", "radosgw-admin"),
    *("setpriv", "ssh-keygen"),
)
_REGION = "us-east-1"
_UP_WITHIN = 120.0
_GATEWAY = "client.rgw"
# Cephx on: with authentication off, radosgw fails with -13. One replica and no balancing: there is one OSD and no
# manager. A short proposal interval: the gateway makes its seven pools one after the other, each a proposal.
_CONFIGURATION = """\
[global]
fsid = {fsid}
mon_host = [v2:127.0.0.1:{monitor}/0]
mon_initial_members = a
public_network = 127.0.0.0/8
auth_cluster_required = cephx
auth_service_required = cephx
auth_client_required = cephx
keyring = {folder}/$type.$id.keyring
run_dir = {folder}
log_file = {folder}/$type.$id.log
log_to_stderr = false
admin_socket =
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 1
osd_pool_default_pgp_num = 1
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
osd_objectstore = memstore
memstore_device_bytes = 2147483648
mon_allow_pool_size_one = true
mon_data = {folder}/mon
mon_data_avail_warn = 2
mon_data_avail_crit = 1
mon_max_pg_per_osd = 1000
osd_data = {folder}/osd
osd_journal =
paxos_propose_interval = 0.05
paxos_min_wait = 0.01
rgw_data = {folder}/rgw
rgw_frontends = beast endpoint=127.0.0.1:{gateway}
"""
_CAPABILITIES = {
    "mon.": {"mon": "allow *"},
    "client.admin": {"mon": "allow *", "osd": "allow *"},
    _GATEWAY: {"mon": "allow rwx", "osd": "allow rwx"},
    "osd.0": {"mon": "allow profile osd", "osd": "allow *"},
}


class CephMissing(RuntimeError):
    """Programs that are not installed."""


class CephFailed(RuntimeError):
    """A program that ended badly, or a daemon that did not come up."""


@dataclass(frozen=True)
class Ceph:
    """A running server and one user of it."""

    endpoint: str
    access_key: str
    secret_key: str

    @property
    def variables(self) -> dict[str, str]:
        """What a process needs in its environment to reach it as that user."""
        return {
            "ASCEND_S3_ENDPOINT": self.endpoint,
            "ASCEND_S3_ADDRESSING": "path",
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_DEFAULT_REGION": _REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def client(self) -> Any:
        """A client of boto3's own: what does something to the server behind the store's back."""
        import boto3
        from botocore.config import Config

        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name=_REGION,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            config=Config(
                s3={"addressing_style": "path"},
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )

    def new_bucket(self, *, versioned: bool = False) -> str:
        """A bucket that nobody else uses."""
        name = f"b-{secrets.token_hex(8)}"
        client = self.client()
        client.create_bucket(Bucket=name)
        if versioned:
            client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        return name


@contextmanager
def running_ceph(folder: Path) -> Iterator[Ceph]:
    """A server in a folder, empty at first. Raises `CephMissing`, `CephFailed`."""
    missing = [name for name in _PROGRAMS if shutil.which(name) is None]
    if missing:
        raise CephMissing(
            f"these tests run against a real Ceph, and {', '.join(missing)} cannot be found. "
            f"On Debian or Ubuntu: apt-get install --no-install-recommends {' '.join(PACKAGES)}"
        )
    with ExitStack() as daemons:
        yield _start(_Cluster(folder, daemons))


@dataclass(frozen=True)
class _Cluster:
    folder: Path
    daemons: ExitStack

    def run(self, *argv: str) -> None:
        """Run a program to its end. Raises `CephFailed`."""
        try:
            done = subprocess.run(
                (argv[0], "--conf", str(self.folder / "ceph.conf"), *argv[1:]),
                cwd=self.folder,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_UP_WITHIN,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise CephFailed(f"{' '.join(argv)} did not end within {_UP_WITHIN:.0f} s. {self._logs()}") from error
        if done.returncode:
            raise CephFailed(f"{' '.join(argv)} ended with {done.returncode}: {done.stderr[-2000:]}\n{self._logs()}")

    def daemon(self, *argv: str) -> "subprocess.Popen[bytes]":
        """Start a daemon that is killed at the end, and with the thread that started it."""
        dies_with_us = ("setpriv", "--pdeathsig", "KILL")
        process = subprocess.Popen(
            (*dies_with_us, argv[0], "--conf", str(self.folder / "ceph.conf"), *argv[1:], "-f"),
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        # Its data are in memory and in the caller's folder: nothing is lost by a kill.
        self.daemons.callback(process.wait)
        self.daemons.callback(process.kill)
        return process

    def wait_for(self, url: str, daemon: "subprocess.Popen[bytes]") -> None:
        """Until the gateway answers. Raises `CephFailed`."""
        end = time.monotonic() + _UP_WITHIN
        while daemon.poll() is None and time.monotonic() < end:
            try:
                with urllib.request.urlopen(url, timeout=5):  # noqa: S310 - our own loopback address
                    return
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                time.sleep(0.05)
        raise CephFailed(f"radosgw did not answer at {url}. {self._logs()}")

    def _logs(self) -> str:
        tails = (f"{log.name}:\n{log.read_text(errors='replace')[-1500:]}" for log in sorted(self.folder.glob("*.log")))
        return "\n".join(tails)


def _start(cluster: _Cluster) -> Ceph:
    fsid, osd = str(uuid.uuid4()), str(uuid.uuid4())
    monitor, gateway = _free_ports(2)
    user = Ceph(f"http://127.0.0.1:{gateway}", secrets.token_hex(10), secrets.token_hex(20))
    text = _CONFIGURATION.format(fsid=fsid, folder=cluster.folder, monitor=monitor, gateway=gateway)
    (cluster.folder / "ceph.conf").write_text(text)
    for name in ("mon", "osd", "rgw"):
        (cluster.folder / name).mkdir()
    _make_keys(cluster)
    cluster.run("monmaptool", "--create", "--fsid", fsid, "--addv", "a", f"[v2:127.0.0.1:{monitor}/0]", "monmap")
    cluster.run("ceph-mon", "--mkfs", "-i", "a", "--monmap", "monmap", "--keyring", "all.keyring")
    cluster.daemon("ceph-mon", "-i", "a")
    cluster.run("ceph", "--connect-timeout", "60", "osd", "new", osd, "0")
    # mkfs must be told the uuid that the monitor knows.
    cluster.run("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", osd)
    cluster.daemon("ceph-osd", "-i", "0")
    keys = ("--access-key", user.access_key, "--secret-key", user.secret_key)
    cluster.run("radosgw-admin", "-n", _GATEWAY, "user", "create", "--uid", "ada", "--display-name", "Ada", *keys)
    cluster.wait_for(user.endpoint, cluster.daemon("radosgw", "-n", _GATEWAY))
    return user


def _make_keys(cluster: _Cluster) -> None:
    """A keyring per daemon and client, and one of all for the monitor, which is the first to know them."""
    cluster.run("ceph-authtool", "--create-keyring", "all.keyring")
    for name, capabilities in _CAPABILITIES.items():
        keyring = f"{'mon.a' if name == 'mon.' else name}.keyring"
        caps = (word for part, may in capabilities.items() for word in ("--cap", part, may))
        cluster.run("ceph-authtool", "--create-keyring", keyring, "--gen-key", "-n", name, *caps)
        cluster.run("ceph-authtool", "all.keyring", "--import-keyring", keyring)


def _free_ports(count: int) -> list[int]:
    with ExitStack() as open_ones:
        sockets = [open_ones.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [one.getsockname()[1] for one in sockets]
