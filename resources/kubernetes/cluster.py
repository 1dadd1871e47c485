"""What a Kubernetes cluster has for us, as `cluster.yaml` says it: NPUs by SoC, images by CANN version, sizes by stage.

Here belong the types and the rules between their fields. Not here: reading the file
(`ascend_assets/cluster/cluster_file.py`), or a pod (`pod.py`).

Names of resources, labels and annotations are MindCluster's: device plugin, `pkg/common/constants.go`, and its
scheduling guide.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from resources.ascend.families import family
from resources.kubernetes.sizes import DEFAULTS, Size

WHOLE: Mapping[str, frozenset[str]] = {
    "huawei.com/Ascend310": frozenset({"310"}),
    "huawei.com/Ascend310P": frozenset({"310P"}),
    "huawei.com/Ascend910": frozenset({"910", "A2", "A3"}),
    "huawei.com/npu": frozenset({"310", "310P", "310B", "910", "A2", "A3", "950"}),
}
"""Resource of whole chips -> the families of SoCs that it may stand for."""

PARTS: Mapping[str, tuple[str, ...]] = {
    "huawei.com/Ascend310P": ("1c", "2c", "2c.1cpu", "4c", "4c.3cpu", "4c.3cpu.ndvpp", "4c.4cpu.dvpp"),
    "huawei.com/Ascend910": (
        *("2c", "4c", "8c", "16c", "5c.1cpu.8g", "5c.1cpu.16g", "6c.1cpu.16g"),
        *("10c.3cpu.16g", "10c.3cpu.16g.ndvpp", "10c.4cpu.16g.dvpp", "12c.3cpu.32g"),
    ),
}
"""Resource of whole chips -> templates of its parts (vNPUs), whose resource is `huawei.com/Ascend310P-2c`, say."""

_LABEL_VALUE = r"^([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?$"
_QUALIFIED = r"^([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$"
_IMAGE = re.compile(
    r"[a-z0-9]([a-z0-9.-]{0,200}[a-z0-9])?(:[0-9]{1,5})?(/[a-z0-9]+(([._]|__|-+)[a-z0-9]+)*){1,20}"
    r"(:(?P<tag>\w[\w.-]{0,127}))?(@sha256:(?P<digest>[0-9a-f]{64}))?",
    re.ASCII,
)


def _fixed(image: str) -> str:
    """An image that is the same tomorrow: by digest, or by a tag that somebody chose."""
    found = _IMAGE.fullmatch(image)
    if found is None:
        raise ValueError("is no image: write registry.example/name@sha256:<64 hex digits> or registry.example/name:tag")
    if found["digest"] is None and found["tag"] in (None, "latest"):
        raise ValueError("says nothing of the version: name a digest (better) or a tag, and not `latest`")
    return image


Image = Annotated[str, StringConstraints(max_length=500), AfterValidator(_fixed)]
LabelName = Annotated[str, StringConstraints(pattern=_QUALIFIED)]
LabelValue = Annotated[str, StringConstraints(pattern=_LABEL_VALUE)]
Labels = Annotated[dict[LabelName, LabelValue], Field(max_length=20)]
Annotations = Annotated[dict[LabelName, Annotated[str, StringConstraints(max_length=1000)]], Field(max_length=20)]
ObjectName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9.-]{0,200}[a-z0-9])?$")]
Version = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,3}\.[0-9][0-9A-Za-z.]{0,30}$")]
SocVersion = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{3,40}$")]


class Strict(BaseModel):
    """Frozen, and an unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Toleration(Strict):
    """A taint that a pod bears, by Kubernetes' own fields."""

    key: LabelName
    operator: Literal["Equal", "Exists"] = "Exists"
    value: LabelValue | None = None
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None


Tolerations = Annotated[tuple[Toleration, ...], Field(max_length=20)]


class Npus(Strict):
    """The NPUs of one SoC version. `cards`: how many `resource` there are for us, which is the pool's limit."""

    resource: Annotated[str, StringConstraints(max_length=100)]
    cards: Annotated[int, Field(ge=1, le=100_000)]
    node_selector: Labels = Field(default_factory=dict)
    tolerations: Tolerations = ()
    labels: Labels = Field(default_factory=dict)
    annotations: Annotations = Field(default_factory=dict)

    @property
    def whole(self) -> str:
        """The resource of whole chips that this one is, or is a part of."""
        return self.resource.rpartition("/")[0] + "/" + self.resource.rpartition("/")[2].partition("-")[0]

    @property
    def is_part(self) -> bool:
        """Whether it is a vNPU."""
        return self.resource != self.whole

    @field_validator("resource")
    @classmethod
    def _known(cls, resource: str) -> str:
        whole, dash, template = resource.partition("-")
        if whole in WHOLE and (not dash or template in PARTS.get(whole, ())):
            return resource
        if dash and whole in PARTS:
            raise ValueError(f"{template!r} is no part of {whole}: {', '.join(PARTS[whole])}")
        raise ValueError(f"must be one of {', '.join(WHOLE)}, or a part: huawei.com/Ascend310P-2c, say")


class Images(Strict):
    """Images of steps. `cann`: CANN version -> the image of steps that compile or use an NPU."""

    cann: Annotated[dict[Version, Image], Field(min_length=1, max_length=50)]


class Cluster(Strict):
    """A cluster. `name` stands in names of pools.

    `runtime`: whether nodes have ascend-docker-runtime, or pods mount the driver themselves. `driver_group`: the group
    id of HwHiAiUser on the nodes, to whom /dev/davinci* belongs. `node_selector` and `tolerations`: of every step's
    pod; an NPU's own are added, and its labels go before these. `git_secret`: the Secret with the key by which
    operations reach git. `waiting_minutes`: how long a pod may wait for a node or an image before its step fails.
    `compiling` and `exporting`: how many such steps at once; without it as many as there are.
    """

    name: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,30}$")]
    runtime: Literal["ascend-docker-runtime", "mounts"]
    scheduler: Literal["default", "volcano"] = "default"
    queue: Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")] | None = None
    service_account: ObjectName | None = None
    git_secret: ObjectName | None = None
    node_selector: Labels = Field(default_factory=dict)
    tolerations: Tolerations = ()
    driver_group: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = None
    waiting_minutes: Annotated[int, Field(ge=1, le=7 * 24 * 60)] = 30
    npus: Annotated[dict[SocVersion, Npus], Field(max_length=100)] = Field(default_factory=dict)
    images: Images
    resources: dict[str, Size] = Field(default_factory=dict)
    compiling: Annotated[int, Field(ge=1, le=100_000)] | None = None
    exporting: Annotated[int, Field(ge=1, le=100_000)] | None = None

    def size(self, stage: str) -> Size:
        """CPU, memory, disk and time of a stage: the file's own, and the stage's default for what that leaves out."""
        given = self.resources.get(stage)
        said = {field: getattr(given, field) for field in given.model_fields_set} if given else {}
        return DEFAULTS[stage].model_copy(update=said)

    @field_validator("resources")
    @classmethod
    def _known_stages(cls, resources: dict[str, Size]) -> dict[str, Size]:
        unknown = sorted(resources.keys() - DEFAULTS.keys())
        if unknown:
            raise ValueError(f"{', '.join(unknown)}: no stage; allowed: {', '.join(DEFAULTS)}")
        return resources

    @field_validator("npus")
    @classmethod
    def _resource_is_of_the_soc(cls, npus: dict[str, Npus]) -> dict[str, Npus]:
        for soc, entry in npus.items():
            found = family(soc)
            if not found:
                raise ValueError(f"{soc} is no SoC version as `atc --soc_version` takes it: Ascend310P3, Ascend910B3")
            if found not in WHOLE[entry.whole]:
                raise ValueError(f"{soc}: {entry.resource} is the resource of other chips")
        return npus

    @model_validator(mode="after")
    def _queue_is_volcanos(self) -> Self:
        if self.queue and self.scheduler != "volcano":
            raise ValueError("queue: only the scheduler volcano has queues")
        return self
