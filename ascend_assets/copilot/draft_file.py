"""The text of a drafted `defs.yaml`: written by this program from checked fields, and loaded before it is shown.

Here belongs the layout and how limits are tightened. Not here: where the fields come from (`drafting.py`). A sentence
and a language model's words appear in comments alone, on one line each.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import yaml

from ascend_assets import models
from ascend_assets.copilot.said import told
from ascend_assets.diagnosis.cause import Text
from ascend_assets.gates.criteria import CRITERIA
from ascend_assets.gates.verdict import default_limits
from ascend_assets.new_model import MODEL_FILE, Declared, input_lines, scalar, shape_lines
from ascend_assets.spec import ModelSpec

_NO_DROP = {"cosine_similarity": 0.999, "relative_euclidean_distance": 0.01, "task_metric_drop": 0.001}
"""What `must not drop` means in figures: a tenth or a fifth of what the defaults let pass."""


@dataclass(frozen=True)
class Choice:
    """Something for a person to decide. `field` is empty for what concerns no one field."""

    field: str
    ask: Text
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """Everything that a draft says. `careful`: mixed precision instead of FP16 throughout."""

    name: str
    task: str
    soc: str
    inputs: tuple[Declared, ...]
    batch: int
    metric: str
    careful: bool
    gates: Mapping[str, Mapping[str, float]]
    assumed: tuple[Text, ...]
    open: tuple[Choice, ...]


def limits(*, must_not_drop: bool, task_drop: float | None, latency_ms: float | None) -> dict[str, dict[str, float]]:
    """Criterion -> environment -> limit, each at least as tight as the default."""
    wanted = dict(_NO_DROP) if must_not_drop and task_drop is None else {}
    if task_drop is not None:
        wanted["task_metric_drop"] = task_drop
    if latency_ms is not None:
        wanted["latency_p99_ms"] = latency_ms
    return {name: _tightened(name, value) for name, value in wanted.items()}


def _tightened(name: str, wanted: float) -> dict[str, float]:
    criterion = CRITERIA[name]
    tighter = min if criterion.sense == "<=" else max
    return {environment: tighter(default, wanted) for environment, default in default_limits(criterion).items()}


def text_of(plan: Plan, sentence: str) -> str:
    """The file. Raises `pydantic.ValidationError` where a field of a person's own cannot be, a name for example."""
    lines = (
        "# A draft for a person to review: nothing was measured, and nothing here is decided.",
        f"# Asked for: {told(sentence, 300) or '(a sentence that is not repeated here)'}",
        *(f"# assumed: {one.en} / {one.zh}" for one in plan.assumed),
        *(f"# to decide: {one.ask.en} / {one.ask.zh}" for one in plan.open),
        f"type: {models.COMPONENT_TYPE}",
        "attributes:",
        f"  name: {scalar(plan.name)}",
        f"  task: {scalar(plan.task)}",
        "  source:",
        f"    onnx: {MODEL_FILE}",
        *input_lines(plan.inputs),
        *_targets(plan),
        *_evaluation(plan),
        *_gates(plan),
        "  # Who is asked about this model: team:NAME or an e-mail address.",
        "  # owners: [team:vision]",
        "",
    )
    text = "\n".join(lines)
    ModelSpec.model_validate(yaml.safe_load(text)["attributes"])
    return text


def _targets(plan: Plan) -> list[str]:
    lines = ["  targets:"]
    cards = next((one.choices for one in plan.open if one.field == "targets.soc_version"), ())
    lines += [f"    # to decide, one of: {', '.join(cards)}"] if cards else []
    lines += [f"    - soc_version: {scalar(plan.soc)}", f"      batch: {plan.batch}"]
    lines += list(shape_lines(plan.inputs))
    if plan.careful:
        lines += [
            "      # FP16 where the operator lists allow it, FP32 elsewhere: slower than force_fp16, ATC's default."
        ]
        lines += ["      precision_mode: allow_mix_precision"]
    return lines


def _evaluation(plan: Plan) -> list[str]:
    head = "  # What the task metric is computed on: an .npz in this folder, one array per input, and `labels`."
    if not plan.metric:
        return [head, "  # evaluation: {metric: top1, data: evaluation.npz}"]
    return [head, f"  # evaluation: {{metric: {plan.metric}, data: evaluation.npz}}"]


def _gates(plan: Plan) -> list[str]:
    if not plan.gates:
        return ["  # Limits keep their defaults; here they can be tightened.", "  # gates: {}"]
    lines = ["  # At least as tight as the defaults.", "  gates:"]
    for name, bounds in plan.gates.items():
        lines.append(f"    {name}: {{{', '.join(f'{where}: {bound!r}' for where, bound in bounds.items())}}}")
    return lines
