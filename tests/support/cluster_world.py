"""The whole of profile k8s on loopback: PostgreSQL, S3, a Kubernetes API, and the platform's processes over a checkout.

Here belongs starting and ending it, and what a test asks of it. Not here: the site's configuration
(`cluster_site.py`), the API server (`kube_shim`), pods that were seen (`pod_watch.py`), or what is tested
(`tests/k8s`).
"""

import os
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import dagster as dg
import git_server
import helm_values
import yaml
from ceph import Ceph
from clicks import Browser
from cluster_site import CANN, IMAGE, LOCATION, Site, cluster, role
from daemon import PATIENCE, Daemon
from installation import commit, model_folder
from kept_process import KeptProcess
from kube_shim import Shim, running_shim
from npu_nodes import nodes
from pod_watch import PodWatch, SeenPod, watching
from postgres import Postgres
from project_fixtures import make_checkout
from s3_server import s3_store
from sandbox import Checkout, git
from webserver import running_webserver

from resources.store.s3 import S3Store

_BIN = Path(sys.executable).parent
_PREFIX = "team/"


@dataclass
class World(Daemon):
    """Everything, with the daemon on top: it is started, killed and asked as everywhere (`daemon.py`)."""

    site: Site = field(kw_only=True)
    shim: Shim = field(kw_only=True)
    pods: PodWatch = field(kw_only=True)
    browser: Browser = field(kw_only=True)
    store: S3Store = field(kw_only=True)
    code_server: KeptProcess = field(kw_only=True)

    @property
    def home(self) -> Path:
        return self.site.home

    def _store(self) -> S3Store:
        return self.store

    def run(self, run_id: str) -> dg.DagsterRun:
        found = self.instance.get_run_by_id(run_id)
        assert found is not None
        return found

    def push(self, model: str, file: str, more: str) -> str:
        """A commit at the remote that adds to a model's file; its id."""
        author = self.site.folder / "author"
        if not author.exists():
            git(self.site.folder, "clone", "-q", self.site.remote, str(author))
        path = model_folder(author, model) / file
        path.write_text(path.read_text() + more)
        made = commit(author, f"{model}: another {file}")
        git(author, "push", "-q", "origin", "main")
        return made

    def end_of(self, run_id: str, *, seconds: float = PATIENCE) -> dg.DagsterRun:
        """The run, as soon as it is over."""
        return self.wait_for(f"the end of {run_id}", lambda: self._over(run_id), seconds=seconds)

    def last_of(self, run_id: str, *, seconds: float = PATIENCE) -> dg.DagsterRun:
        """The last of a run and of those that Dagster starts in its place, as soon as no other will follow."""
        return self.wait_for(f"the end of {run_id} and its retries", lambda: self._settled(run_id), seconds=seconds)

    def running(self, run_id: str, step: str) -> SeenPod:
        """The pod that works on a step of a run, `model__stage`, as soon as one does."""
        return self.wait_for(f"{step} runs", lambda: self._at_work(run_id, step), every=0.05)

    def why(self, run_id: str) -> str:
        """All that a run's page says of what failed, in order."""
        events = [record.dagster_event for record in self.instance.all_logs(run_id) if record.dagster_event]
        return "\n".join(text for event in events for text in _said(event))

    def held_slots(self) -> dict[str, int]:
        """Pool -> how many of its slots are taken."""
        storage = self.instance.event_log_storage
        infos = storage.get_concurrency_infos([pool.name for pool in storage.get_pool_limits()])
        return {name: info.active_slot_count for name, info in infos.items() if info.active_slot_count}

    def story(self) -> str:
        server = "runs" if self.code_server.alive() else f"ended with {self.code_server.process.returncode}"
        return f"{super().story()}\npods:\n{self.pods.story()}\nthe code server {server}"

    def _at_work(self, run_id: str, step: str) -> SeenPod | None:
        pods = self.pods.of_run(run_id, step) if step else self.pods.workers(run_id)
        return next((pod for pod in pods if pod.began is not None and pod.ended is None), None)

    def _over(self, run_id: str) -> dg.DagsterRun | None:
        run = self.run(run_id)
        return run if run.is_finished else None

    def _settled(self, run_id: str) -> dg.DagsterRun | None:
        run = self.run(run_id)
        while run.is_finished and (follower := run.tags.get("dagster/auto_retry_run_id")):
            run = self.run(follower)
        waits = run.status == dg.DagsterRunStatus.FAILURE and run.tags.get("dagster/will_retry") != "false"
        return run if run.is_finished and not waits else None


@dataclass(frozen=True)
class Backing:
    """What a world stands on, started once for a session."""

    postgres: Postgres
    ceph: Ceph


@contextmanager
def running_world(
    folder: Path,
    backing: Backing,
    cards: Mapping[str, int],
    *,
    promised: Mapping[str, int] | None = None,
    lay_out: Callable[[Checkout], None],
    **cluster_fields: Any,
) -> Iterator[World]:
    """A world in a folder, the daemon running.

    `cards`: SoC version -> how many there are; `promised`: what cluster.yaml says besides, and no node has. `lay_out`
    writes models into the checkout, the image's content. `cluster_fields`: more of cluster.yaml.
    """
    checkout = make_checkout(folder / "image")
    lay_out(checkout)
    git(checkout.root, "add", "-A")
    git(checkout.root, "commit", "-qm", "an installation")
    git_server.bare_copy(checkout.root, folder / "remote.git")
    (checkout.root / ".ascend").mkdir()
    with ExitStack() as stack:
        machines = nodes(folder / "nodes", cards, f"{_BIN}{os.pathsep}{os.environ['PATH']}")
        shim = stack.enter_context(
            running_shim(
                folder / "shim",
                machines,
                env={"LANG": "C.UTF-8", "PYTHONPATH": str(checkout.root)},
                namespaces=(helm_values.NAMESPACE,),
                images={IMAGE, *CANN.values()},
                allow=role(),
            )
        )
        bucket = backing.ceph.new_bucket()
        site = Site(
            folder=folder,
            kubeconfig=shim.kubeconfig,
            database=backing.postgres.new_database(),
            store=f"s3://{bucket}/{_PREFIX.rstrip('/')}",
            s3=backing.ceph.variables,
            remote=(folder / "remote.git").as_uri(),
        )
        site.write(cluster({**cards, **(promised or {})}, **cluster_fields))
        for made in site.objects():
            shim.create(made, helm_values.NAMESPACE)
        stack.enter_context(mock.patch.dict(os.environ, site.environment()))
        pods = stack.enter_context(watching(shim.admin_kubeconfig, helm_values.NAMESPACE))
        bootstrap(checkout, site)
        code_server = stack.enter_context(_code_server(checkout, site))
        webserver = stack.enter_context(running_webserver(checkout, **site.environment()))
        instance = stack.enter_context(dg.DagsterInstance.from_config(str(site.home)))
        world = World(
            checkout,
            instance,
            site.environment(),
            site=site,
            shim=shim,
            pods=pods,
            browser=Browser(webserver, LOCATION),
            code_server=code_server,
            store=s3_store(backing.ceph.endpoint, bucket, folder / "cache", _PREFIX),
        )
        stack.callback(world.kill)
        world.start()
        world.wait_for("the code location", world.browser.sees_all)
        yield world


def bootstrap(checkout: Checkout, site: Site) -> None:
    """What the bootstrap Job does."""
    done = checkout.ascend("init", timeout=PATIENCE, **site.environment())
    assert done.returncode == 0, done.stderr + done.stdout


@contextmanager
def _code_server(checkout: Checkout, site: Site) -> Iterator[KeptProcess]:
    """The code server, which the rest of the platform finds through workspace.yaml, as the chart writes it."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    arguments = helm_values.user_deployment(site.values())["codeServerArgs"]
    server = KeptProcess.start(
        (str(_BIN / "dagster"), "code-server", "start", "-h", "127.0.0.1", "-p", str(port), *arguments),
        cwd=checkout.root,
        env=checkout.env({**site.environment(), **site.of_code_server()}),
        log=site.folder / "code-server.log",
    )
    workspace = {"load_from": [{"grpc_server": {"host": "127.0.0.1", "port": port, "location_name": LOCATION}}]}
    (checkout.root / "workspace.yaml").write_text(yaml.safe_dump(workspace))
    try:
        yield server
    finally:
        server.kill()


def _said(event: dg.DagsterEvent) -> Iterator[str]:
    data: Any = event.event_specific_data
    if event.is_failure or event.is_step_up_for_retry or event.event_type == dg.DagsterEventType.ENGINE_EVENT:
        yield str(event.message or "")
    error = getattr(data, "error", None)
    if error is not None:
        yield error.to_string()
