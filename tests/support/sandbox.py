"""Projects of a test's own: a git repository with one tiny model, and what runs in it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg

from ascend_assets import component, definitions, graph, models
from ascend_assets.spec import ModelSpec
from ascend_assets.stage import Tools
from resources.configurable import AscendToolchain, Project, Warehouse

CODE = ("ascend_assets", "resources", "sensors", "deploy")
FILES = ("pyproject.toml", "requirements.lock", "environments.yaml", "triggers.yaml", "workspace.yaml", ".gitignore")


GIT = shutil.which("git") or "git"


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "commit.gpgsign=false")
    done = subprocess.run([GIT, *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@dataclass(frozen=True)
class Sandbox:
    """A project in git, a store and a Dagster instance, all of one test's own."""

    root: Path
    instance: dg.DagsterInstance

    @property
    def model(self) -> Path:
        return self.root / "ascend_assets" / "defs" / "tiny"

    @property
    def spec(self) -> ModelSpec:
        return models.load(self.model)

    @property
    def store(self) -> Warehouse:
        return Warehouse(location=str(self.root.parent / "store"))

    def definitions(self, **resources: Any) -> dg.Definitions:
        own = {**definitions.default_resources(self.store), "project": Project(folder=str(self.root))}
        return definitions.build_defs(specs={"tiny": self.spec}, resources={**own, **resources})

    @property
    def commit_id(self) -> str:
        return git(self.root, "rev-parse", "HEAD")

    def run(self, job: str = "tiny_candidate", *, commit: str = "", **resources: Any) -> dg.ExecuteInProcessResult:
        config = {"ops": {"tiny__source": {"config": {"commit": commit}}}} if commit else None
        return (
            self.definitions(**resources)
            .resolve_job_def(job)
            .execute_in_process(run_config=config, instance=self.instance, raise_on_error=False)
        )

    def materialise(self, *keys: str, checks: bool = True) -> dg.ExecuteInProcessResult:
        """What a click on Materialize does: these assets and, as the UI does by default, their checks."""
        selection: dg.AssetSelection = dg.AssetSelection.assets(*(key.split("/") for key in keys))
        if not checks:
            selection = selection - dg.AssetSelection.checks(*component.separate_checks(self.spec))
        job = dg.define_asset_job("clicked", selection)
        merged = dg.Definitions.merge(self.definitions(), dg.Definitions(jobs=[job]))
        return merged.resolve_job_def("clicked").execute_in_process(instance=self.instance, raise_on_error=False)

    def tools(self) -> Tools:
        return graph.tools(self.store, AscendToolchain(), Project(folder=str(self.root)))

    def commit(self, message: str = "change") -> str:
        git(self.root, "add", "-A")
        git(self.root, "commit", "-qm", message)
        return git(self.root, "rev-parse", "HEAD")


@dataclass(frozen=True)
class Checkout:
    """A copy of this project's code with one tiny model, in git: what real processes run in."""

    root: Path

    def run(self, *argv: str, timeout: float = 120, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            argv, cwd=self.root, env=self.env(env), capture_output=True, text=True, timeout=timeout, check=False
        )

    def ascend(self, *arguments: str, timeout: float = 120, **env: str) -> subprocess.CompletedProcess[str]:
        return self.run(sys.executable, "-m", "ascend_assets.cli", *arguments, timeout=timeout, **env)

    def env(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("ASCEND_", "DAGSTER_", "GIT_"))}
        own = {
            "PYTHONPATH": str(self.root),
            "DAGSTER_HOME": str(self.root / ".ascend" / "dagster"),
            "DAGSTER_DISABLE_TELEMETRY": "1",
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        }
        return {**kept, **own, **(extra or {})}
