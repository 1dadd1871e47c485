"""The base of what people write in YAML.

Here belongs what holds for all of it. Not here: the fields (`spec.py`, `spec_production.py`, `environments.py`,
`triggers.py`).
"""

from pydantic import BaseModel, ConfigDict


class Strict(BaseModel):
    """Frozen, and an unknown field is an error: a typo must not disarm a gate, a policy or a trigger."""

    model_config = ConfigDict(frozen=True, extra="forbid")
