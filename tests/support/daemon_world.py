"""An installation in which every trigger has its source on loopback: a git remote, a model hub, a forge, a chat.

Here belong its models and servers, and what it has lived through before the daemon starts. Not here: what happens
afterwards (`tests/daemon/test_daemon_triggers.py`).
"""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import forge_server
import git_server
import hub_server
import numpy as np
import webhook_server
from daemon import Daemon, daemon_of
from hub_project import HUB_MODEL, SOURCE, hub_files
from installation import Installation, commit, model_folder, write_model
from learner import write
from sklearn.datasets import load_digits

from resources.home import PROJECT
from sensors import toolchain_changed

TABLE = "resources/ascend/tables/published_throughput.csv"
"""A file that the emulator's version is taken of: a byte more, and what was compiled before is stale."""
BROKEN = "broken"
"""A sensor that somebody added here, and that never works."""

_TRIGGERS = """\
    repositories:
      - name: origin
        branches: [main]
        every_seconds: 10
        status: {{forge: github, project: somebody/models, api: "{forge}", token_env: FORGE_TOKEN}}
    hub: {{endpoint: "{hub}", every_seconds: 30}}
    notices:
      group_seconds: 0
      at_most_per_hour: 1000
      channels:
        - {{name: team, url_env: TEAM_CHAT, language: en}}
    """
_SENSOR = '''\
"""Added by somebody."""

import dagster as dg


@dg.sensor(name="broken", default_status=dg.DefaultSensorStatus.RUNNING, minimum_interval_seconds=30)
def broken() -> dg.SkipReason:
    raise RuntimeError("nobody tried this")
'''


@dataclass(frozen=True)
class World:
    """The installation, its servers, and the version of `tiny` that was live before the daemon started."""

    place: Installation
    daemon: Daemon
    hub: hub_server.FakeHub
    forge: forge_server.ForgeServer
    chat: webhook_server.Webhook
    before: str

    @property
    def production(self) -> Path:
        """Where the serving side of digits_cnn writes."""
        return self.place.checkout.root / ".ascend" / "production" / "digits_cnn" / "dev"

    def serve_white_on_black(self, half: int) -> None:
        """Samples and feedback of every second digit, inverted: a world that the model has never seen."""
        digits = load_digits()
        images = (1 - digits.images / 16).astype(np.float32)[half::2, None]
        write(self.production, {"image": images}, digits.target.astype(np.int64)[half::2], prefix=f"half{half}")

    def push(self, message: str, *, model: str = "pushed", seed: int = 0, scale: float = 1.0) -> str:
        """A commit of other weights, at the remote; its id."""
        write_model(self.place.author, model, seed=seed, scale=scale)
        made = commit(self.place.author, message)
        self.place.push()
        return made

    def told(self, *words: str) -> str:
        """A line of a message to the people that has all of these words; empty where there is none yet."""
        lines = (line for body in self.chat.bodies for line in f"{body['title']}\n{body['message']}".splitlines())
        return next((line for line in lines if all(word in line for word in words)), "")


@contextmanager
def lived_in(folder: Path) -> Iterator[World]:
    """The world up to now, and a daemon that has not been started."""
    place = Installation.make(folder)
    with ExitStack() as stack:
        hub = stack.enter_context(hub_server.serving())
        forge = stack.enter_context(forge_server.forge_server())
        chat = stack.enter_context(webhook_server.serving())
        env = {toolchain_changed.SWITCH: "1", "FORGE_TOKEN": "s3cret", "TEAM_CHAT": chat.address}
        daemon = stack.enter_context(daemon_of(place.checkout, **env))
        _furnish(place, hub, forge)
        place.ascend("run", "tiny")
        before = daemon.live("tiny")
        assert before is not None
        place.ascend("promote", "tiny", "--to", "staging", "--reason", "as it is")
        _upgrade(place.checkout.root)
        place.ascend("run", "digits_cnn")
        served = stack.enter_context(git_server.http_server(place.remote))
        place.share(served.url)
        yield World(place, daemon, hub, forge, chat, before.version)


def _furnish(place: Installation, hub: hub_server.FakeHub, forge: forge_server.ForgeServer) -> None:
    root = place.checkout.root
    write_model(root, "pushed")
    hub.publish(HUB_MODEL, "v1.0.0", hub_files(), at=1_700_000_000)
    of_hub = write_model(root, "hubbed")
    (of_hub / "model.onnx").unlink()
    source = f"source: {{modelscope: {HUB_MODEL}, since: v1.0.0, files: [model.onnx, config.json], onnx: model.onnx}}"
    _edit(of_hub / "defs.yaml", SOURCE, source)
    digits = model_folder(root, "digits_cnn")
    shutil.copytree(PROJECT / digits.relative_to(root), digits, ignore=shutil.ignore_patterns("__pycache__"))
    _edit(digits / "defs.yaml", "  production:\n", "  production:\n    every_minutes: 1\n")
    (root / "sensors" / "broken.py").write_text(_SENSOR)
    wiring = root / "sensors" / "wiring.py"
    _edit(wiring, "    return [\n", "    return [\n        broken.broken,\n", first=True)
    _edit(wiring, "from sensors import (\n", "from sensors import (\n    broken,\n")
    place.triggers(_TRIGGERS.format(forge=forge.address, hub=hub.endpoint))
    commit(root, "an installation")


def _upgrade(root: Path) -> None:
    table = root / TABLE
    table.write_text(table.read_text() + "\n")
    commit(root, "another toolchain")


def _edit(path: Path, old: str, new: str, *, first: bool = False) -> None:
    text = path.read_text()
    assert old in text, f"{path} has no {old!r}"
    path.write_text(text.replace(old, new, 1 if first else -1))
