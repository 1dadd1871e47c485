"""What a stage's pod may use: CPU, memory, disk, time, and the defaults.

Here belong one size and the sizes of all stages. Not here: the rest of a pod (`pod.py`).

CPU is asked for and limited alike, as memory is: a pod whose requests equal its limits is evicted last (Kubernetes'
class Guaranteed), and a benchmark with whole CPUs gets cores of its own where the kubelet's CPU manager is `static`.
"""

from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints


def _whole(cpus: object) -> object:
    return str(cpus) if type(cpus) is int else cpus


Cpu = Annotated[str, StringConstraints(pattern=r"^([1-9][0-9]{0,3}|[1-9][0-9]{1,5}m)$"), BeforeValidator(_whole)]
Bytes = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{0,5}(Mi|Gi)$")]


class Size(BaseModel):
    """`cpu` as Kubernetes counts it (4, 500m), `memory` and `disk` in Mi or Gi, the latter the pod's own files.

    `minutes`: how long the step may work, waiting not counted: a backstop above the bounds that its tools have.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    cpu: Cpu
    memory: Bytes
    disk: Bytes = "10Gi"
    minutes: Annotated[int, Field(ge=1, le=14 * 24 * 60)] = 60


_SMALL = Size(cpu="500m", memory="1Gi")
_MIDDLE = Size(cpu="1", memory="4Gi")

DEFAULTS: Mapping[str, Size] = {
    "source": Size(cpu="500m", memory="2Gi", disk="20Gi"),
    # A model's own code exports, and may train: a day, as its `timeout_minutes` may at most be.
    "onnx": Size(cpu="4", memory="8Gi", disk="20Gi", minutes=25 * 60),
    "lint": _MIDDLE,
    "om": Size(cpu="4", memory="8Gi", disk="20Gi", minutes=8 * 60),
    "precision": Size(cpu="4", memory="16Gi", disk="40Gi", minutes=8 * 60),
    "benchmark": Size(cpu="4", memory="8Gi", disk="20Gi", minutes=4 * 60),
    "dossier": Size(cpu="1", memory="2Gi"),
    "release": _SMALL,
    "deployment": _SMALL,
    "judging": _SMALL,
    "challenger": Size(cpu="4", memory="8Gi", disk="20Gi", minutes=25 * 60),
    "repair": Size(cpu="4", memory="8Gi", disk="20Gi", minutes=12 * 60),
    "production": Size(cpu="1", memory="4Gi", disk="20Gi"),
    "metrics": _SMALL,
    "proposed_limits": _SMALL,
    "drift": _MIDDLE,
    "operation": Size(cpu="1", memory="2Gi", disk="20Gi", minutes=6 * 60),
}
"""Stage -> its size. `judging`: a check that is a step of its own; `operation`: a job of the people who release."""
