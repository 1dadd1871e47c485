"""An installation of this project for a daemon: a checkout with several models, its remote, and an author elsewhere.

Here belongs laying it out, by the files that a user would edit. Not here: the daemon (`daemon.py`).
"""

import json
import textwrap
from dataclasses import dataclass
from pathlib import Path

import git_server
from project_fixtures import make_checkout
from sandbox import Checkout, git
from tiny import write_tiny

ENVIRONMENTS = """\
environments:
  - {name: dev, hardware: {description: a CPU}, evidence: [emulated], allows_dirty: true,
     may_stay_unjudged: [cve_high, task_metric_drop, latency_regression]}
  - {name: staging, hardware: {description: a CPU}, evidence: [emulated],
     may_stay_unjudged: [cve_high, task_metric_drop, latency_regression]}
  - {name: prod, hardware: {description: a cluster}, evidence: [measured],
     approvals: {required: 2, signers: deploy/signers/prod}}
"""
"""Staging takes a candidate that was made without NPUs, and nobody signs for it."""


def model_folder(root: Path, name: str) -> Path:
    return root / "ascend_assets" / "defs" / name


def write_model(root: Path, name: str, *, seed: int = 0, scale: float = 1.0) -> Path:
    """A tiny model of another name, whose defs.yaml stays as it is where there is one."""
    folder = model_folder(root, name)
    definition = folder / "defs.yaml"
    before = definition.read_text() if definition.exists() else ""
    write_tiny(folder, seed=seed, scale=scale)
    definition.write_text(before or definition.read_text().replace("name: tiny", f"name: {name}"))
    return folder


def commit(root: Path, message: str) -> str:
    """Everything as it is now, committed; the commit's id."""
    git(root, "add", "-A")
    git(root, "commit", "-qm", message)
    return git(root, "rev-parse", "HEAD")


@dataclass(frozen=True)
class Installation:
    """`checkout`: what the daemon serves. `remote`: bare. `author`: somebody's clone, whose pushes are new commits."""

    checkout: Checkout
    remote: Path
    author: Path

    @classmethod
    def make(cls, folder: Path) -> "Installation":
        """With environments for a CPU; `share` makes the remote."""
        checkout = make_checkout(folder / "checkout")
        (checkout.root / "environments.yaml").write_text(ENVIRONMENTS)
        return cls(checkout, folder / "remote.git", folder / "author")

    def triggers(self, text: str) -> None:
        """Edit triggers.yaml."""
        (self.checkout.root / "triggers.yaml").write_text(textwrap.dedent(text))

    def share(self, url: str = "") -> None:
        """Make the remote and an author of what is committed. `url`: where the remote is going to be served."""
        git_server.bare_copy(self.checkout.root, self.remote)
        git(self.checkout.root, "remote", "add", "origin", url or self.remote.as_uri())
        git(self.remote.parent, "clone", "-q", str(self.remote), str(self.author))

    def push(self) -> None:
        """What the author committed reaches the remote."""
        git(self.author, "push", "-q", "origin", "main")

    def ascend(self, *arguments: str) -> None:
        """The command line, which has to succeed."""
        done = self.checkout.ascend(*arguments)
        assert done.returncode == 0, done.stderr

    def launch(self, job: str, step: str, **form: str) -> None:
        """What a person does who fills in a job's form: the run waits in the queue for the daemon."""
        config = json.dumps({"ops": {step: {"config": form}}})
        done = self.checkout.run("dagster", "job", "launch", "-w", "workspace.yaml", "-j", job, "--config-json", config)
        assert done.returncode == 0, done.stderr
