"""What an environment admits: which origin of evidence, and what may stay unjudged there.

Here belong the environments and their order. Not here: limits of a criterion (`gates/criteria.py`, a model's
`defs.yaml`) or what is deployed (the ledger).
"""

from dataclasses import dataclass
from typing import Literal

from resources.ascend.toolchain import Origin
from resources.digests import canonical_json, sha256_bytes

EvidenceOrigin = Origin | Literal["inspected"]
"""`inspected`: read off a file, the same on any machine; neither measured on an NPU nor emulated."""


@dataclass(frozen=True)
class Environment:
    """A place a release can be deployed to."""

    name: str
    origins: frozenset[EvidenceOrigin]
    """Evidence of another origin is no evidence here."""
    may_stay_unjudged: frozenset[str]
    """Criteria that nobody could judge and that do not keep a candidate out."""
    allows_dirty: bool
    """Whether a candidate from an uncommitted tree may enter."""


DEV = Environment(
    name="dev",
    origins=frozenset({"measured", "emulated", "inspected"}),
    may_stay_unjudged=frozenset({"cve_high", "task_metric_drop", "latency_regression"}),
    allows_dirty=True,
)
STAGING = Environment(
    name="staging",
    origins=frozenset({"measured", "inspected"}),
    # A first release has nothing to be compared with.
    may_stay_unjudged=frozenset({"latency_regression"}),
    allows_dirty=False,
)
PROD = Environment(
    name="prod",
    origins=frozenset({"measured", "inspected"}),
    may_stay_unjudged=frozenset({"latency_regression"}),
    allows_dirty=False,
)

ENVIRONMENTS: tuple[Environment, ...] = (DEV, STAGING, PROD)
"""In the order in which a release walks through them."""

ENVIRONMENT_NAMES: tuple[str, ...] = tuple(e.name for e in ENVIRONMENTS)


def policy_digest() -> str:
    """Sha256 of the policy in force: a ledger entry names it, so that an auditor knows by which rules it was made."""
    rules = [
        {
            "name": e.name,
            "origins": sorted(e.origins),
            "may_stay_unjudged": sorted(e.may_stay_unjudged),
            "allows_dirty": e.allows_dirty,
        }
        for e in ENVIRONMENTS
    ]
    return sha256_bytes(canonical_json(rules))
