"""An installation with 100 models and 10,000 past candidates, made in a minute: what `ticks.py` measures sensors on.

Here belong the project in git, the services on loopback, and what is live. One candidate of one model is built for
real; its release and its ledger are then copied under the names of the other models. Not here: its past
(`ticks_past.py`), or measuring.
"""

import json
import shutil
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import dagster as dg
import numpy as np
import onnx

from ascend_assets import definitions, models
from ascend_assets.spec import ModelSpec
from ascend_assets.triggers import Triggers
from benchmarks import ticks_past
from benchmarks.ticks_past import FIRST
from benchmarks.two_layers import labels, two_layers
from resources.configurable import Project, Warehouse
from resources.home import Home
from resources.registry.admissions import Admission
from resources.registry.ledger import Entry, entry_key
from resources.registry.releases import Registry, Release
from resources.store.blobs import Blobs
from resources.store.folder import FolderStore
from resources.store.objects import blob_key

_GIT = shutil.which("git") or "git"

_DEFS = """\
type: ascend_assets.component.AscendModel
attributes:
  name: {name}
  task: classification
  source: {source}
  inputs:
    - {{name: x, shape: [batch, 8]}}
  targets:
    - {{soc_version: Ascend310P3, batch: 4}}
  evaluation: {{metric: top1, data: evaluation.npz}}
  production: {{environment: dev}}
{more}  owners: [team:vision]
"""
_HUB = "{{modelscope: somebody/{name}, since: v1.0.0, files: [model.onnx, config.json], onnx: model.onnx}}"
_RETRAINING = "  retraining: {started_by: [accuracy, drift, data], minimum_labelled: 500}\n"


@dataclass(frozen=True)
class World:
    """What was made. `origin`: the repository that the project's `origin` is, with a working copy to commit in."""

    project: Path
    origin: Path
    instance: dg.DagsterInstance
    definitions: dg.Definitions
    specs: Mapping[str, ModelSpec]

    def push(self, message: str) -> None:
        """A commit that changes every model."""
        work = self.origin.parent / "work"
        for name in self.specs:
            (work / "ascend_assets" / "defs" / name / "note.txt").write_text(message)
        git(work, "add", "-A")
        git(work, "commit", "-qm", message)
        git(work, "push", "-q", "origin", "main")


def git(folder: Path, *arguments: str) -> str:
    """Run git there. Raises `CalledProcessError`."""
    own = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "commit.gpgsign=false")
    return subprocess.run([_GIT, *own, *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout


def build(places: Home, root: Path, count: int, candidates: int, address: str) -> World:
    """The installation below `root`. `address`: of the server that answers for hub, forge and channel."""
    project, origin = _project(root, count)
    specs, bad = models.load_all(project / "ascend_assets" / "defs")
    if bad:
        raise ValueError("; ".join(map(str, bad.values())))
    store = Warehouse(location=places.store)
    resources = {**definitions.default_resources(store), "project": Project(folder=str(project))}
    defs = definitions.build_defs(specs=specs, resources=resources, settings=settings(address))
    instance = dg.DagsterInstance.get()
    quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    done = defs.resolve_job_def(f"{FIRST}_candidate").execute_in_process(instance=instance, run_config=quiet)
    if not done.success:
        raise ValueError("the candidate that all others are copies of did not pass")
    world = World(project, origin, instance, defs, specs)
    _releases(FolderStore(Path(places.store)), list(specs)[1:])
    _production(places.production, list(specs))
    ticks_past.past(instance, done.run_id, list(specs), candidates)
    ticks_past.looks(instance, store.blobs(), [spec.name for spec in specs.values() if spec.retraining])
    return world


def settings(address: str) -> Triggers:
    """Everything that `triggers.yaml` can switch on."""
    status = {"forge": "github", "project": "acme/models", "api": address, "token_env": "ASCEND_BENCHMARK_TOKEN"}
    return Triggers.model_validate(
        {
            "repositories": [{"name": "origin", "branches": ["*"], "tags": ["v*"], "status": status}],
            "hub": {"endpoint": address},
            "notices": {
                "channels": [{"name": "hook", "url_env": "ASCEND_BENCHMARK_CHANNEL"}],
                "dagster_url": "https://dagster.example",
            },
        }
    )


@contextmanager
def server() -> Iterator[str]:
    """A hub that has nothing newer, a forge and a channel that take everything, on loopback."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            """Nothing is logged."""

        def do_GET(self) -> None:
            tags = [{"Revision": "v1.0.0", "CreatedAt": 1_700_000_000}]
            data = {"RevisionMap": {"Tags": tags, "Branches": []}, "Visibility": 5}
            self._answer({"Code": 200, "Success": True, "Data": data})

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self._answer({})

        def _answer(self, body: object) -> None:
            raw = json.dumps(body).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

    made = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.daemon_threads = True
    threading.Thread(target=made.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{made.server_port}"
    finally:
        made.shutdown()
        made.server_close()


def _project(root: Path, count: int) -> tuple[Path, Path]:
    """A project of so many models in git: a third from a hub, a third trained again by itself."""
    work, origin, project = root / "work", root / "origin.git", root / "project"
    work.mkdir(parents=True)
    model, evaluation = two_layers(), np.random.default_rng(7).normal(size=(64, 8)).astype(np.float32)
    for number in range(count):
        name = f"m_{number:03}"
        folder = work / "ascend_assets" / "defs" / name
        folder.mkdir(parents=True)
        kind = number % 3
        source = {0: "{onnx: model.onnx}", 1: _HUB.format(name=name), 2: "{python: train.py}"}[kind]
        more = _RETRAINING if kind == 2 else ""  # noqa: PLR2004 - the third third
        (folder / "defs.yaml").write_text(_DEFS.format(name=name, source=source, more=more))
        (folder / "train.py").write_text("# trains\n")
        onnx.save(model, str(folder / "model.onnx"))
        np.savez(folder / "evaluation.npz", x=evaluation, labels=labels(evaluation))
    (work / "requirements.lock").write_text("numpy==2.0 --hash=sha256:0\n")
    git(root, "init", "-q", "-b", "main", str(work))
    git(work, "add", "-A")
    git(work, "commit", "-qm", "models")
    git(root, "clone", "-q", "--bare", str(work), str(origin))
    git(work, "remote", "add", "origin", str(origin))
    git(root, "clone", "-q", str(origin), str(project))
    return project, origin


def _releases(store: FolderStore, names: Sequence[str]) -> None:
    """The first model's release and its entry in dev, for every other model."""
    registry = Registry(store)
    release = registry.releases(FIRST)[-1]
    entry = Entry.model_validate_json(store.get(entry_key("dev", FIRST, 1)))
    admission = Admission.model_validate_json(Blobs(store).read(entry.admission or ""))
    for name in names:
        own = Release.model_validate({**dict(release), "model": name})
        registry.publish(own)
        about = {"model": name, "release_digest": own.digest}
        admitted = Admission.model_validate({**dict(admission), **about})
        made = Entry.model_validate({**dict(entry), **about, "admission": admitted.digest})
        for key, data in ((blob_key(admitted.digest), admitted.encoded()), (entry_key("dev", name, 1), made.encoded())):
            path = store.root / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)


def _production(folder: Path, names: Sequence[str]) -> None:
    """A day of samples of every model, a file for each quarter of an hour: a tick reads names, not files."""
    for name in names:
        for part in ("samples", "feedback"):
            place = folder / name / "dev" / part
            place.mkdir(parents=True)
            for number in range(96):
                (place / f"{number:04}.parquet").write_bytes(b"PAR1")
