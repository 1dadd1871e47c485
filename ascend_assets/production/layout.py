"""The columns that a model's samples and feedback have, from its definition.

Not here: what the values may be (`schema.py`), or how files are read (`resources/production/reading.py`).
"""

import math

from ascend_assets.policy_file import in_force
from ascend_assets.spec import Input, ModelSpec
from resources.production.reading import Answer, InputColumn, Layout


def of_samples(spec: ModelSpec) -> Layout:
    """A model's samples: the batch dimension is left out, and what is left is flattened."""
    return Layout(answer=answer(spec), inputs={one.name: _column(one) for one in spec.inputs})


def of_feedback(spec: ModelSpec) -> Layout:
    """A model's feedback."""
    return Layout(answer=answer(spec), labels=True)


def answer(spec: ModelSpec) -> Answer:
    """Whether the model answers with a class or with a value."""
    return "class" if spec.evaluation is not None and spec.evaluation.metric in {"top1", "top5"} else "value"


def environment(spec: ModelSpec) -> str:
    """Whose production is looked at: what the model says, else the last environment."""
    named = spec.production.environment if spec.production else ""
    return named or in_force().names[-1]


def _column(one: Input) -> InputColumn:
    """The first dimension is the batch; a later one that has only a name makes the number of values free."""
    rest = one.shape[1:]
    if not rest:
        return InputColumn(one.dtype, 0)
    numbers = [size for size in rest if isinstance(size, int)]
    return InputColumn(one.dtype, math.prod(numbers) if len(numbers) == len(rest) else None)
