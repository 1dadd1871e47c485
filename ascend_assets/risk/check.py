"""The check that warns before a model is compiled: `conversion_risk` on `[model, "onnx"]`. It blocks nothing.

Here belongs how the estimate reads in Dagster's UI. Not here: the estimate (`estimate.py`).
"""

import dagster as dg

from ascend_assets import declared, graph
from ascend_assets.cluster import pods
from ascend_assets.declared import Parts
from ascend_assets.records import OnnxRecord, Record
from ascend_assets.risk import facts, past
from ascend_assets.risk.estimate import Risk, learn
from ascend_assets.spec import ModelSpec
from ascend_assets.walk import key_of
from resources import onnx_files

NAME = "conversion_risk"
WARNS_ABOVE = 0.3
"""A probability above which somebody should look before hours are spent on compiling."""


def definitions(spec: ModelSpec) -> Parts:
    """The check of one model."""
    return Parts(checks=(_check(spec),))


def result(found: dict[str, Risk]) -> dg.AssetCheckResult:
    """The check's result. `found`: target -> its risk, of which the largest counts."""
    worst = max(found, key=lambda target: found[target].probability)
    risk = found[worst]
    return dg.AssetCheckResult(
        passed=risk.probability <= WARNS_ABOVE,
        check_name=NAME,
        severity=dg.AssetCheckSeverity.WARN,
        description=said(worst, risk),
        metadata={
            "probability": risk.probability,
            "suspects": dg.MetadataValue.md(_suspects(risk)),
            "past": f"{risk.conversions} compilations, {risk.refused} refused",
            **_score(risk),
            **{f"probability {target}": each.probability for target, each in found.items()},
        },
    )


def said(target: str, risk: Risk) -> str:
    """The estimate in a sentence."""
    said = f"{risk.probability:.0%} likely that the compiler refuses it for {target}"
    if not risk.conversions:
        return f"{said}: a guess, for nothing was compiled here before"
    first = risk.suspects[0] if risk.suspects else None
    blamed = f"; most likely {first.what}, refused in {first.blamed} of {first.seen}" if first and first.blamed else ""
    return f"{said}, by {risk.conversions} compilations of which {risk.refused} were refused{blamed}"


def _suspects(risk: Risk) -> str:
    rows = [f"| {each.what} | {each.probability:.1%} | {each.blamed} of {each.seen} |" for each in risk.suspects]
    return "\n".join(("| operator or setting | probability | refused |", "|---|---|---|", *rows))


def _score(risk: Risk) -> dict[str, str | float]:
    if risk.score is None:
        return {"Brier score": "not told: too little past to hold some of it out"}
    return {
        "Brier score": risk.score.brier,
        "Brier score of the plain rate": risk.score.plain,
        "held out": float(risk.score.held_out),
    }


def _check(spec: ModelSpec) -> declared.Check:
    @declared.check(
        asset=list(key_of(spec, "onnx")),
        name=NAME,
        required_resource_keys=set(graph.RESOURCES),
        # It reads the model itself, as lint does.
        op_tags=pods.op_tags_beside("lint"),
        blocking=False,
        description=(
            "How likely the compiler is to refuse the model, from operators, opset, options and outcome of what was "
            f"compiled before. It warns above {WARNS_ABOVE:.0%} and blocks nothing."
        ),
    )
    def _conversion_risk(context: dg.AssetCheckExecutionContext, record: Record) -> dg.AssetCheckResult:
        if not isinstance(record, OnnxRecord):
            raise TypeError(f"{spec.name}/onnx holds a record of {record.stage}")
        tools = graph.tools_of(context.resources, context.log.info)
        model = onnx_files.parse(tools.blobs.path(record.file))
        learnt = learn(past.conversions(context.instance))
        options = {target.key: target.options(spec.inputs) for target in spec.targets}
        return result({name: learnt.risk(facts.of_model(model, each)) for name, each in options.items()})

    return _conversion_risk
