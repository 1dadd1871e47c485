"""What a stage's pod may use: CPU, memory, disk, time, and the defaults.

Here belong one size and the sizes of all stages. Not here: the rest of a pod (`pod.py`).

CPU is asked for and limited alike, as memory is: a pod whose requests equal its limits is evicted last (Kubernetes'
class Guaranteed), and a benchmark with whole CPUs gets cores of its own where the kubelet's CPU manager is `static`.

Disk is what a pod writes to its node's: temporary files and its log. What it reads from the store is laid down on the
volume of `ASCEND_STATE`, and does not count. A node takes only as many pods as its disk has room for all that they ask
for, however little they write: with more than the cards of a node need together, cards stay idle.
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


# They read records and write records and pages, of a few MB.
_SMALL = Size(cpu="500m", memory="1Gi", disk="1Gi")

DEFAULTS: Mapping[str, Size] = {
    # A model's folder and its archive side by side; a file of a hub may be 20 GB (`hub.max_file_gb`).
    "source": Size(cpu="500m", memory="2Gi", disk="20Gi"),
    # A model's own code exports, and may train: a day, as its `timeout_minutes` may at most be.
    "onnx": Size(cpu="4", memory="8Gi", disk="20Gi", minutes=25 * 60),
    # The unpacked folder, and trivy's list of vulnerabilities.
    "lint": Size(cpu="1", memory="4Gi", disk="5Gi"),
    # The compiled model, and the kernels that atc compiles for it.
    "om": Size(cpu="4", memory="8Gi", disk="10Gi", minutes=8 * 60),
    # Every node's output of one batch in FP32, and what the device dumped of it, twice where fusion is tried off. Of
    # ResNet-50 in batches of 16 the former is 1.7 GB, by its shapes: a model that has more needs more than this.
    "precision": Size(cpu="4", memory="16Gi", disk="15Gi", minutes=8 * 60),
    # The compiled model, one batch, and msprof's records.
    "benchmark": Size(cpu="4", memory="8Gi", disk="4Gi", minutes=4 * 60),
    "dossier": Size(cpu="1", memory="2Gi", disk="1Gi"),
    "release": _SMALL,
    "deployment": _SMALL,
    "judging": _SMALL,
    "challenger": Size(cpu="4", memory="8Gi", disk="20Gi", minutes=25 * 60),
    "repair": Size(cpu="4", memory="8Gi", disk="20Gi", minutes=12 * 60),
    "production": Size(cpu="1", memory="4Gi", disk="10Gi"),
    "metrics": _SMALL,
    "proposed_limits": _SMALL,
    "drift": Size(cpu="1", memory="4Gi", disk="5Gi"),
    "operation": Size(cpu="1", memory="2Gi", disk="10Gi", minutes=6 * 60),
}
"""Stage -> its size. `judging`: a check that is a step of its own; `operation`: a job of the people who release."""
