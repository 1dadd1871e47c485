"""A candidate's walk as data: every stage of one model, in order.

Here belongs which stage takes what. Not here: what a stage does (`assets/`), or how Dagster runs it (`graph.py`).
"""

from functools import partial

from ascend_assets.assets import benchmark, deployment, dossier, lint, om, onnx, precision, release, source
from ascend_assets.environments import Environments
from ascend_assets.policy_file import in_force
from ascend_assets.spec import ModelSpec, Target
from ascend_assets.stage import AssetKey, Stage


def stages(spec: ModelSpec) -> tuple[Stage, ...]:
    """Source, onnx, lint, then om, precision and benchmark per target, then dossier, release and dev's deployment."""
    # Whatever is declared of a model asks for its walk, one after the other. Specs and environments never change.
    asked, environments, found = _newest.walk
    if asked is not spec or environments is not in_force():
        common = _common(spec)
        per_target = tuple(stage for target in spec.targets for stage in _target_stages(spec, target))
        found = (*common, *per_target, *_last(spec, (*common, *per_target)))
        _newest.walk = (spec, in_force(), found)
    return found


class _Newest:
    """The walk that was asked for last, of which model and in which environments."""

    walk: tuple[ModelSpec | None, Environments | None, tuple[Stage, ...]] = (None, None, ())


_newest = _Newest()


def key_of(spec: ModelSpec, stage: str, target: str = "") -> AssetKey:
    """The asset key of a stage."""
    return (spec.name, target, stage) if target else (spec.name, stage)


def _common(spec: ModelSpec) -> tuple[Stage, ...]:
    fields = spec.model_dump(mode="json")
    source_key, onnx_key = key_of(spec, "source"), key_of(spec, "onnx")
    return (
        Stage(
            asset=source_key,
            make=partial(source.make, spec=spec),
            inputs={},
            options=fields,
            description="The model's files at the candidate's commit, as one archive.",
            kinds=frozenset({"git"}),
            reusable=False,
        ),
        Stage(
            asset=onnx_key,
            make=partial(onnx.make, spec=spec),
            inputs={"source": source_key},
            options={name: fields[name] for name in ("source", "inputs", "evaluation", "remedies")},
            description="The model as ONNX, trained or exported from its source, with its evaluation data.",
            kinds=frozenset({"onnx", "python"}),
        ),
        Stage(
            asset=key_of(spec, "lint"),
            make=partial(lint.make, spec=spec),
            inputs={"source": source_key, "onnx": onnx_key},
            options={**{name: fields[name] for name in ("source", "inputs", "requirements")}, **lint.scanners()},
            description="What reading the ONNX file and the model's own code finds, before anything is compiled.",
            kinds=frozenset({"onnx"}),
        ),
    )


def _target_stages(spec: ModelSpec, target: Target) -> tuple[Stage, ...]:
    onnx_key, om_key = key_of(spec, "onnx"), key_of(spec, "om", target.key)
    options = {"target": target.model_dump(mode="json"), "inputs": [i.model_dump(mode="json") for i in spec.inputs]}
    evaluation = spec.evaluation.model_dump(mode="json") if spec.evaluation else None
    return (
        Stage(
            asset=om_key,
            make=partial(om.make, spec=spec, target=target),
            inputs={"onnx": onnx_key, "lint": key_of(spec, "lint")},
            options=options,
            description=f"The model compiled for {target.soc_version}.",
            kinds=frozenset({"ascend"}),
        ),
        Stage(
            asset=key_of(spec, "precision", target.key),
            make=partial(precision.make, spec=spec, target=target),
            inputs={"onnx": onnx_key, "om": om_key},
            options={**options, "evaluation": evaluation},
            description=f"Every layer and the task metric on {target.soc_version}, against FP32 ONNX.",
            kinds=frozenset({"ascend", "numpy"}),
        ),
        Stage(
            asset=key_of(spec, "benchmark", target.key),
            make=partial(benchmark.make, target=target),
            inputs={"om": om_key},
            options=options,
            description=f"Latency, throughput, utilisation and memory on {target.soc_version}.",
            kinds=frozenset({"ascend"}),
        ),
    )


def _last(spec: ModelSpec, before: tuple[Stage, ...]) -> tuple[Stage, ...]:
    evidence = {"__".join(stage.asset[1:]): stage.asset for stage in before}
    dossier_key, release_key = key_of(spec, "dossier"), key_of(spec, "release")
    return (
        Stage(
            asset=dossier_key,
            make=partial(dossier.make, spec=spec),
            inputs=evidence,
            options=spec.model_dump(mode="json"),
            description="All evidence about one candidate, and a verdict on every criterion: for a reviewer to decide.",
            kinds=frozenset({"html"}),
            context=partial(dossier.context, spec),
        ),
        Stage(
            asset=release_key,
            make=partial(release.make, spec=spec),
            inputs={"dossier": dossier_key},
            options={},
            description="An immutable, versioned manifest of exactly these artefacts.",
            kinds=frozenset({"json"}),
            reusable=False,
        ),
        Stage(
            asset=key_of(spec, "deployment", in_force().first.name),
            make=partial(deployment.make, environment=in_force().first.name),
            inputs={"release": release_key},
            options={},
            description=f"What the ledger of {in_force().first.name} says is deployed there.",
            kinds=frozenset({in_force().first.name}),
            reusable=False,
        ),
    )
