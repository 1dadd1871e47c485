"""What a model's `defs.yaml` says about repairing candidates that were refused.

Here belong bounds and defaults of what a person writes. Not here: the model itself (`spec.py`), repairing (`repair/`),
or when it starts (`sensors/`).
"""

from typing import Annotated

from pydantic import Field

from ascend_assets.strict import Strict


class RepairSettings(Strict):
    """How a refused candidate is repaired. `automatic`: without a hand; a person can always start the job.

    `attempts` and `minutes` bound the search, over all targets.
    """

    automatic: bool = True
    attempts: Annotated[int, Field(ge=1, le=1000)] = 60
    minutes: Annotated[int, Field(ge=1, le=24 * 60)] = 10
