"""The front door: every model, every resource, every sensor, wired.

Here belongs the wiring, and showing a model whose file is bad without losing the others. `build_defs` takes overrides,
so that a test assembles a variant of the whole.
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg

from ascend_assets import models, operator_jobs, triggers_file
from ascend_assets.cluster.executor import executor
from ascend_assets.component import declare
from ascend_assets.declared import Parts
from ascend_assets.fleet.repository import Fleet, FleetRepository
from ascend_assets.io_manager import RecordIOManager
from ascend_assets.spec import ModelSpec
from ascend_assets.triggers import Triggers
from resources.configurable import AscendToolchain, Project, Warehouse
from sensors import wiring
from sensors.jobs import Job

_LOG = logging.getLogger("ascend_assets")


def build_defs(
    *,
    folder: Path = models.DEFS,
    specs: Mapping[str, ModelSpec] | None = None,
    resources: Mapping[str, Any] | None = None,
    settings: Triggers | None = None,
) -> dg.Definitions:
    """Wire everything.

    `folder` holds one folder per model; `specs` replaces what is read from it (a candidate of an older commit, say);
    `resources` replaces resources by name, `settings` what `triggers.yaml` says.
    """
    if specs is None:
        files = ModelFiles(folder)
        specs, parts = files.specs(), [files.declare(name) for name in files.names]
    else:
        parts = [declare(spec) for spec in specs.values()]
    settings = triggers_file.in_force() if settings is None else settings
    built = [each.build() for each in parts]
    triggers = wiring.sensors(tuple(specs.values()), _jobs(built), settings)
    return dg.Definitions.merge(*built, _common(resources), dg.Definitions(sensors=triggers))


def _common(resources: Mapping[str, Any] | None = None) -> dg.Definitions:
    """What is no model's."""
    return dg.Definitions(
        resources={**default_resources(), **(resources or {})}, jobs=operator_jobs.JOBS, executor=executor()
    )


def _jobs(parts: Sequence[dg.Definitions]) -> dict[str, Job]:
    """Every job of every model, by name."""
    return {job.name: job for part in parts for job in part.jobs or ()}


def default_resources(store: Warehouse | None = None) -> dict[str, Any]:
    """Resources of the local profile, with another store if one is given."""
    store = store or Warehouse()
    return {
        "store": store,
        "records": RecordIOManager(store=store),
        "toolchain": AscendToolchain(),
        "project": Project(),
    }


class ModelFiles:
    """The models below a folder, each read when it is asked for and once."""

    def __init__(self, folder: Path) -> None:
        self._folders = {folder.name: folder for folder in models.folders(folder)}
        self._read: dict[str, ModelSpec | models.BadModel] = {}
        self._declared: dict[str, Parts] = {}

    @property
    def names(self) -> Sequence[str]:
        """Every model, good or bad."""
        return tuple(self._folders)

    def specs(self) -> dict[str, ModelSpec]:
        """The good ones."""
        return {name: found for name in self.names if isinstance(found := self._one(name), ModelSpec)}

    def declare(self, name: str) -> Parts:
        """What a model declares; of a bad one, an asset that says what is wrong with it."""
        if name not in self._declared:
            found = self._one(name)
            self._declared[name] = declare(found) if isinstance(found, ModelSpec) else _shown(name, found)
        return self._declared[name]

    def _one(self, name: str) -> ModelSpec | models.BadModel:
        if name not in self._read:
            try:
                self._read[name] = models.load(self._folders[name])
            except models.BadModel as error:
                _LOG.error("model not loaded:\n%s", error)
                self._read[name] = error
        return self._read[name]


def _shown(name: str, error: models.BadModel) -> Parts:
    """A bad model file as an asset that cannot be made, with everything that is wrong in its description."""
    return Parts(
        assets=(
            dg.AssetSpec(
                [name, "not_loaded"],
                description=f"This model's file cannot be used, so its assets are missing.\n\n```\n{error}\n```",
                kinds={"yaml"},
                group_name="models_not_loaded",
            ),
        )
    )


def build_repository(folder: Path = models.DEFS) -> FleetRepository:
    """The same for Dagster's servers, of every model below `folder`: nothing is read or built before it is needed."""
    files = ModelFiles(folder)
    return FleetRepository(
        Fleet(
            files, _common(), lambda jobs: wiring.sensors(tuple(files.specs().values()), jobs, triggers_file.in_force())
        )
    )


def _triggers(files: ModelFiles, jobs: Mapping[str, Job]) -> list[dg.SensorDefinition]:
    return wiring.sensors(tuple(files.specs().values()), jobs, triggers_file.in_force())


@dg.definitions  # type: ignore[arg-type] # it takes a repository, too
def defs() -> FleetRepository:
    """What Dagster loads."""
    return build_repository()
