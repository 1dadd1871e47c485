"""When a candidate is refused and nobody watches: its page is written, and the dossier asset says where.

Here belongs noticing that a run failed. Runs from the command line are left out, for they write the page themselves.
Not here: gathering the page (`ascend_assets/refusal.py`).
"""

import dagster as dg

from ascend_assets import graph, history, models, refusal
from ascend_assets.assets.source import FOLDER
from ascend_assets.spec import ModelSpec
from resources.configurable import AscendToolchain, Project, Warehouse
from resources.home import home


@dg.run_failure_sensor(
    name="refused_candidates",
    description="Writes the page of a candidate that a gate refused, and observes it on the model's dossier.",
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=30,
)
def refused_candidates(
    context: dg.RunFailureSensorContext, store: Warehouse, toolchain: AscendToolchain, project: Project
) -> dg.SensorResult | dg.SkipReason:
    """One failed run: skip it with a reason, or observe the refused candidate."""
    run = context.dagster_run
    model = run.tags.get(history.MODEL_TAG, "")
    if run.tags.get(history.STARTED_BY_TAG):
        return dg.SkipReason("the command line wrote the page itself")
    spec = _spec(project, model)
    if spec is None:
        return dg.SkipReason(f"the run is of no model that loads here ({model or 'no tag'})")
    tools = graph.tools(store, toolchain, project)
    found = refusal.of_run(context.instance, spec, tools, store, run.run_id, home().dossiers)
    if found is None:
        return dg.SkipReason("no gate refused it: see the run's own error")
    names = [verdict.criterion for verdict in found.refused]
    return dg.SensorResult(
        asset_events=[
            dg.AssetObservation(
                asset_key=[model, "dossier"],
                description=f"{found.candidate} was refused: {', '.join(dict.fromkeys(names))}",
                metadata={
                    history.CANDIDATE: found.candidate,
                    "page": dg.MetadataValue.path(found.page),
                    "verdicts": dg.MetadataValue.md(found.summary),
                    "causes": dg.MetadataValue.md(found.causes["en"]),
                    "原因": dg.MetadataValue.md(found.causes["zh"]),
                },
            )
        ]
    )


def _spec(project: Project, model: str) -> ModelSpec | None:
    folder = next((f for f in models.folders(project.path / FOLDER) if f.name == model), None)
    try:
        return models.load(folder) if folder else None
    except models.BadModel:
        return None
