"""What an environment demands of a release: evidence, limits, signatures, time. `environments.yaml` says it.

Here belong the policy's types. Not here: reading it, or the one in force (`policy_file.py`), whether a release meets it
(`gates/`), a model's own limits (`defs.yaml`), or what is deployed (the ledger).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, FiniteFloat, StringConstraints

from ascend_assets.strict import Strict
from resources.ascend.toolchain import Origin
from resources.registry.documents import Document, Name

EvidenceOrigin = Origin | Literal["inspected"]
"""`inspected`: read off a file, the same on any machine; neither measured on an NPU nor emulated."""

ROLLOUT_RESULT = "rollout_result"
"""Required check: a canary or A/B test of this release, against what is live, has ended well."""


class Hardware(Strict):
    """Where releases run. `soc_versions`: a release must be compiled for one of them; empty for any."""

    description: Annotated[str, StringConstraints(max_length=200)] = ""
    soc_versions: tuple[str, ...] = ()
    cards: Annotated[int, Field(ge=1, le=100_000)] = 1


class Approvals(Strict):
    """Signatures. `required` different people; `signers`: the text of the allowed_signers file."""

    required: Annotated[int, Field(ge=0, le=20)] = 0
    author_may_sign: bool = False
    signers: Annotated[str, StringConstraints(max_length=256 * 1024)] = ""


class Environment(Document):
    """A place that a release can be deployed to, and what it takes to get there.

    Stored as a blob, and named by its digest in ledger entries and signed statements.
    """

    name: Name
    hardware: Hardware = Hardware()
    evidence: Annotated[tuple[Origin, ...], Field(min_length=1)] = ("measured",)
    """Evidence of another origin is no evidence here."""
    may_stay_unjudged: tuple[str, ...] = ()
    """Criteria that nobody could judge and that do not keep a candidate out."""
    required_checks: tuple[str, ...] = ()
    """Criteria that must have been judged, and `rollout_result`."""
    allows_dirty: bool = False
    """Whether a candidate from an uncommitted tree may enter."""
    approvals: Approvals = Approvals()
    rollout: Literal["direct", "blue_green", "canary", "ab"] = "direct"
    soak_hours: Annotated[FiniteFloat, Field(ge=0, le=24 * 365)] = 0.0
    """How long a release must have been live in the environment before."""
    limits: dict[str, FiniteFloat] = Field(default_factory=dict)
    """Criterion -> its limit here, in place of the criterion's default. A model's `defs.yaml` may give its own."""

    @property
    def origins(self) -> frozenset[EvidenceOrigin]:
        """Origins of evidence that count here."""
        return frozenset({*self.evidence, "inspected"})


@dataclass(frozen=True)
class Environments:
    """All environments, in the order in which a release walks through them."""

    all: tuple[Environment, ...]

    def __iter__(self) -> Iterator[Environment]:
        return iter(self.all)

    @property
    def names(self) -> tuple[str, ...]:
        """Their names, in order."""
        return tuple(e.name for e in self.all)

    @property
    def first(self) -> Environment:
        """Where a candidate that passes its gates is deployed by itself."""
        return self.all[0]

    def get(self, name: str) -> Environment:
        """The environment of that name. Raises `NoSuchEnvironment`."""
        for environment in self.all:
            if environment.name == name:
                return environment
        raise NoSuchEnvironment(f"no environment {name!r}; there are: {', '.join(self.names)}")

    def before(self, name: str) -> Environment | None:
        """The environment that a release comes from; None for the first. Raises `NoSuchEnvironment`."""
        place = self.names.index(self.get(name).name)
        return self.all[place - 1] if place else None


class NoSuchEnvironment(Exception):
    """A name that no environment has."""
