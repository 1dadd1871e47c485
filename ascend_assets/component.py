"""AscendModel: the Dagster component that turns one `defs.yaml` into one model's assets, gates and jobs.

Here belongs the component alone. Not here: what a model may be (`spec.py`), its stages (`walk.py`), or reading files
for the command line (`models.py`).
"""

import dagster as dg
from pydantic import BaseModel

from ascend_assets import checks, deployments, freshness, graph, history
from ascend_assets.declared import Job, Parts, together
from ascend_assets.drift import assets as drift
from ascend_assets.production import assets as production
from ascend_assets.repair import assets as repair
from ascend_assets.risk import check as risk
from ascend_assets.spec import ModelSpec
from ascend_assets.training import assets as training
from ascend_assets.walk import stages


class AscendModel(dg.Component):
    """One model: its assets in the order of a candidate's walk, a blocking check per criterion, and two jobs.

    Environments after the first have a deployment that no run makes. Every deployment has checks that only inform, and
    every compiled model one, which says whether the toolchain in force compiled it.

    `<model>_candidate` builds a candidate from source to dev; `<model>_regate` judges what is there again and releases
    it if every gate lets it pass; `<model>_repair` repairs one that was refused. A model with `production` is looked at
    by `<model>_production`, and one with `retraining` is trained again by `<model>_retrain`.
    """

    def __init__(self, spec: ModelSpec) -> None:
        self.spec = spec

    @classmethod
    def get_model_cls(cls) -> type[BaseModel]:
        """The schema of `attributes`."""
        return ModelSpec

    @classmethod
    def load(cls, attributes: BaseModel | None, context: dg.ComponentLoadContext) -> "AscendModel":  # noqa: ARG003
        """Made from validated attributes."""
        if not isinstance(attributes, ModelSpec):
            raise TypeError("attributes: must hold the model's fields")
        return cls(attributes)

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:  # noqa: ARG002
        """Assets, checks and jobs. Resources come from `definitions.py`."""
        return model_definitions(self.spec)


def model_definitions(spec: ModelSpec) -> dg.Definitions:
    """Assets, checks and jobs of one model."""
    return declare(spec).build()


def declare(spec: ModelSpec) -> Parts:
    """The same, declared."""
    walk = stages(spec)
    last = (stage for stage in walk if stage.name in {"release", "deployment"})
    tags = {history.MODEL_TAG: spec.name, **history.WHOLE_AGAIN}
    walked = Parts(
        assets=(*(graph.build_asset(spec, stage) for stage in walk), *deployments.build_specs(spec)),
        checks=(*checks.build_checks(spec), *freshness.build_checks(spec), *deployments.build_checks(spec)),
        jobs=(
            Job(
                f"{spec.name}_candidate",
                tuple(dg.AssetKey(list(stage.asset)) for stage in walk),
                tags=tags,
                description=f"Build a candidate of {spec.name} and carry it to dev if every gate lets it pass.",
            ),
            Job(
                f"{spec.name}_regate",
                tuple(dg.AssetKey(list(stage.asset)) for stage in last),
                checks=tuple(separate_checks(spec)),
                tags=tags,
                description=f"Judge the candidate of {spec.name} that is there again, and release it if it may pass.",
            ),
        ),
    )
    return together((walked, risk.definitions(spec), repair.definitions(spec), *_beside_the_walk(spec)))


def _beside_the_walk(spec: ModelSpec) -> list[Parts]:
    """What is known of the model in production and what is drawn from it; nothing for a model that has none."""
    if spec.production is None:
        return []
    looks = [production.definitions(spec), drift.definitions(spec)]
    return [*looks, Parts(jobs=(production.build_job(spec, looks),)), training.definitions(spec)]


def separate_checks(spec: ModelSpec) -> list[dg.AssetCheckKey]:
    """Checks that are steps of their own, and so can be evaluated again without making an asset."""
    return [
        dg.AssetCheckKey(dg.AssetKey(list(stage.asset)), name)
        for stage in stages(spec)
        if stage.name in checks.ON_STAGE and stage.name not in checks.IN_STEP
        for name in checks.ON_STAGE[stage.name]
    ]
