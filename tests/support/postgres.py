"""A real PostgreSQL for tests: Debian's own server as a plain process on loopback.

Here belong starting and ending it, its faults, a database for whoever asks, and Dagster's settings for one. Not here:
what is tested with it (`tests/postgres`).

Whatever happens to the tests, even a kill -9, the server dies with the thread that started it: the kernel is told so
(`setpriv --pdeathsig`), and its own children end when they see that it is gone. It refuses to run as root, so root
starts it as the user that Debian's package makes, in a folder of that user's.
"""

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sql
import yaml

PACKAGES = ("postgresql",)
VARIABLE = "POSTGRES_URL"
"""Variable that names the database of Dagster's records. Where tests run with it, what they start uses that."""
_PROGRAMS = Path("/usr/lib/postgresql")
_USER = "postgres"
_ADMINISTRATOR = "dagster"
_WITHIN = 60.0
_SERVER = {
    "unix_socket_directories": "",
    "listen_addresses": "127.0.0.1",
    # Several processes per test, and each of Dagster's opens a connection per question.
    "max_connections": "200",
    "shared_buffers": "64MB",
    # The data die with the tests; a killed server loses nothing by this, only a machine without power would.
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "log_min_messages": "warning",
}


class PostgresMissing(RuntimeError):
    """Programs, or the user, that are not installed."""


class PostgresFailed(RuntimeError):
    """A program that ended badly, or a server that did not come up."""


@dataclass
class Postgres:
    """A server and its administrator. `folder` is the server's own."""

    programs: Path
    folder: Path
    port: int
    password: str = field(repr=False)
    _server: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        """The database that is there from the start, as SQLAlchemy and Dagster take it."""
        return self.url_of("postgres")

    @property
    def variables(self) -> dict[str, str]:
        """What a process needs in its environment to use `url` with `dagster_yaml()`."""
        return {VARIABLE: self.url}

    def url_of(self, database: str) -> str:
        """A database of this server. The driver is named, for SQLAlchemy 2.1 takes another by default than is here."""
        return f"postgresql+psycopg2://{_ADMINISTRATOR}:{self.password}@127.0.0.1:{self.port}/{database}"

    def new_database(self) -> str:
        """The address of an empty database that nobody else uses."""
        name = f"d_{secrets.token_hex(8)}"
        self.execute(f"CREATE DATABASE {name}")
        return self.url_of(name)

    def execute(self, statement: str, url: str = "") -> None:
        """Do something to the server behind Dagster's back. `url`: the database, if not the one of the start."""
        engine = sql.create_engine(url or self.url, isolation_level="AUTOCOMMIT", poolclass=sql.NullPool)
        with engine.connect() as connection:
            connection.execute(sql.text(statement))

    def start(self) -> None:
        """Start it, on the same port as ever, and wait until it answers. Raises `PostgresFailed`."""
        end = time.monotonic() + _WITHIN
        while True:
            self._server = self._start()
            while self._server.poll() is None and time.monotonic() < end:
                if self._answers():
                    return
                time.sleep(0.05)
            if time.monotonic() > end:
                self.kill()
                raise PostgresFailed(f"the server did not answer within {_WITHIN:.0f} s: {self.log()[-2000:]}")
            # Children of one that was killed hold its memory for a moment longer.
            time.sleep(0.2)

    def stop(self) -> None:
        """End it as an administrator does who waits for nobody: sessions are cut."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """End it as a crash does."""
        self._end(signal.SIGKILL)

    def log(self) -> str:
        """What the server wrote."""
        path = self.folder / "server.log"
        return path.read_text(errors="replace") if path.exists() else "there is no log"

    def _start(self) -> "subprocess.Popen[bytes]":
        settings = (word for name, value in _SERVER.items() for word in ("-c", f"{name}={value}"))
        argv = (str(self.programs / "postgres"), "-D", str(self.folder / "data"), "-p", str(self.port), *settings)
        with (self.folder / "server.log").open("ab") as log:
            return subprocess.Popen(
                (*_as_nobody_else("--pdeathsig", "KILL"), *argv),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _answers(self) -> bool:
        asked = (str(self.programs / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port), "-t", "5")
        return subprocess.run(asked, check=False).returncode == 0

    def _end(self, how: signal.Signals) -> None:
        if self._server is None:
            return
        self._server.send_signal(how)
        try:
            self._server.wait(_WITHIN)
        finally:
            self._server.kill()
            self._server = None


@contextmanager
def running_postgres(folder: Path) -> Iterator[Postgres]:
    """A server, empty at first, in a folder or, for root, in one that its user may enter.

    Raises `PostgresMissing`, `PostgresFailed`.
    """
    programs = _programs()
    with _own(folder) as own:
        postgres = Postgres(programs, own, _free_port(), secrets.token_hex(16))
        _initialise(postgres)
        postgres.start()
        try:
            yield postgres
        finally:
            postgres.stop()


def dagster_yaml() -> str:
    """The part of `dagster.yaml` by which Dagster keeps its records in the database that `VARIABLE` names."""
    return yaml.safe_dump({"storage": {"postgres": {"postgres_url": {"env": VARIABLE}}}})


def settings(text: str) -> str:
    """A shipped `dagster.yaml`, on Postgres where `VARIABLE` is set."""
    if VARIABLE not in os.environ:
        return text
    found = yaml.safe_load(text)
    del found["event_log_storage"]
    return f"{yaml.safe_dump(found, sort_keys=False)}\n{dagster_yaml()}"


def _programs() -> Path:
    """The newest version's."""
    found = [path.parent for path in _PROGRAMS.glob("*/bin/postgres") if path.parent.parent.name.isdecimal()]
    if not found or shutil.which("setpriv") is None or (os.geteuid() == 0 and _user() is None):
        raise PostgresMissing(
            "these tests run against a real PostgreSQL, which cannot be found. "
            f"On Debian or Ubuntu: apt-get install --no-install-recommends {' '.join(PACKAGES)}"
        )
    return max(found, key=lambda path: int(path.parent.name))


def _user() -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(_USER)
    except KeyError:
        return None


@contextmanager
def _own(folder: Path) -> Iterator[Path]:
    """A folder that the server's user may write. Those of tests are their user's alone."""
    user = _user()
    if os.geteuid() != 0 or user is None:
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="ascend-postgres-") as name:
        os.chown(name, user.pw_uid, user.pw_gid)
        yield Path(name)


def _as_nobody_else(*options: str) -> tuple[str, ...]:
    """The beginning of a command that runs as this user, or, for root, as the server's."""
    drop = ("--reuid", _USER, "--regid", _USER, "--init-groups") if os.geteuid() == 0 else ()
    return ("setpriv", *drop, *options)


def _initialise(postgres: Postgres) -> None:
    password = postgres.folder / "password"
    password.write_text(postgres.password)
    password.chmod(0o644)  # in a folder that nobody else may enter
    done = subprocess.run(
        (
            *(*_as_nobody_else(), str(postgres.programs / "initdb"), "-D", str(postgres.folder / "data")),
            *("-U", _ADMINISTRATOR, "--auth", "scram-sha-256", f"--pwfile={password}", "--no-sync"),
            *("-E", "UTF8", "--locale", "C"),
        ),
        cwd=postgres.folder,
        capture_output=True,
        text=True,
        timeout=_WITHIN,
        check=False,
    )
    password.unlink()
    if done.returncode:
        raise PostgresFailed(f"initdb ended with {done.returncode}: {done.stderr[-2000:]}")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port
