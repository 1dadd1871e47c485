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
from ascend_assets.component import AscendModel, model_definitions
from ascend_assets.io_manager import RecordIOManager
from ascend_assets.spec import ModelSpec
from ascend_assets.triggers import Triggers
from resources.configurable import AscendToolchain, Project, Warehouse
from resources.home import PROJECT
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
        parts, specs = _models(folder)
    else:
        parts = [model_definitions(spec) for spec in specs.values()]
    settings = triggers_file.in_force() if settings is None else settings
    return dg.Definitions.merge(
        *parts,
        dg.Definitions(
            resources={**default_resources(), **(resources or {})},
            jobs=operator_jobs.JOBS,
            sensors=wiring.sensors(tuple(specs.values()), _jobs(parts), settings),
            # One process: a stage's real work runs outside Python's lock or in a child process, and a step of its own
            # process would cost more than most stages.
            executor=dg.in_process_executor,
        ),
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


def _models(folder: Path) -> tuple[list[dg.Definitions], dict[str, ModelSpec]]:
    """All models, and what the good ones are.

    Dagster's own loader where every file is good; otherwise the good ones, and the bad ones shown.
    """
    good, bad = models.load_all(folder)
    if not bad and folder.is_relative_to(PROJECT):
        return [dg.load_from_defs_folder(path_within_project=folder)], good
    for error in bad.values():
        _LOG.error("model not loaded:\n%s", error)
    healthy = [dg.build_defs_for_component(AscendModel(spec)) for spec in good.values()]
    return [*healthy, *(_shown(name, error) for name, error in bad.items())], good


def _shown(name: str, error: models.BadModel) -> dg.Definitions:
    """A bad model file as an asset that cannot be made, with everything that is wrong in its description."""
    return dg.Definitions(
        assets=[
            dg.AssetSpec(
                [name, "not_loaded"],
                description=f"This model's file cannot be used, so its assets are missing.\n\n```\n{error}\n```",
                kinds={"yaml"},
                group_name="models_not_loaded",
            )
        ]
    )


@dg.definitions
def defs() -> dg.Definitions:
    """What Dagster loads."""
    return build_defs()
