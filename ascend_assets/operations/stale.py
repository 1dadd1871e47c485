"""stale: was every compiled model made by the toolchain that is in force here?

Another CANN compiles another `.om` from the same ONNX model, and no evidence about the one speaks for the other. Here
belong that judgement, pure, and what is live in which environment. Nothing is built or moved: whoever asks decides. Not
here: what candidates hold (`ascend_assets/freshness.py`, which reads Dagster's records), or rebuilding (`ascend run`).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from ascend_assets.stage import Tools
from resources.ascend.toolchain import ToolchainIdentity
from resources.digests import canonical_json, sha256_bytes
from resources.registry import released
from resources.registry.ledger import Entry, LedgerBroken
from resources.registry.manifests import RegistryError
from resources.store.objects import StoreError

State = Literal["current", "stale", "foreign"]
"""`current`: of the toolchain in force. `stale`: of another version of it. `foreign`: of another toolchain."""

CANDIDATE = "candidate"
"""Where a compiled model is that is in no environment yet."""


@dataclass(frozen=True)
class Compiled:
    """A compiled model. `where`: `candidate` or an environment. `name`: the candidate, or the release's version."""

    model: str
    target: str
    where: str
    name: str
    toolchain: ToolchainIdentity


@dataclass(frozen=True)
class Freshness:
    """What was judged of one compiled model, and why, in a sentence."""

    compiled: Compiled
    state: State
    why: str

    def __bool__(self) -> bool:
        return self.state == "current"


@dataclass(frozen=True)
class Live:
    """What is live. `troubles`: what could not be read, in words: nobody knows whether it is stale."""

    compiled: tuple[Compiled, ...]
    troubles: tuple[str, ...] = ()


def judge(compiled: Compiled, now: ToolchainIdentity) -> Freshness:
    """Whether the toolchain in force made it."""
    made_by = compiled.toolchain
    if made_by.name != now.name:
        return Freshness(compiled, "foreign", f"compiled by {_spelt(made_by)}; here is {_spelt(now)}")
    if made_by == now:
        return Freshness(compiled, "current", f"compiled by {_spelt(now)}, which is in force")
    return Freshness(
        compiled, "stale", f"compiled by {_spelt(made_by)}; in force is {_spelt(now)}: compile it again and measure it"
    )


def matrix(compiled: Iterable[Compiled], now: ToolchainIdentity) -> tuple[Freshness, ...]:
    """Every compiled model judged, by model, target and where it is."""
    return tuple(judge(one, now) for one in sorted(compiled, key=lambda c: (c.model, c.target, c.where)))


def to_rebuild(judged: Iterable[Freshness]) -> tuple[str, ...]:
    """Models of which a new candidate is needed, by name.

    A model whose candidate is current was built again: what is live of it waits for a promotion. What another toolchain
    compiled is another machine's to rebuild.
    """
    every = tuple(judged)
    built = {one.compiled.model for one in every if one.compiled.where == CANDIDATE}
    stale = (one.compiled for one in every if one.state == "stale")
    return tuple(sorted({c.model for c in stale if c.where == CANDIDATE or c.model not in built}))


def live(tools: Tools, names: Iterable[str]) -> Live:
    """Every target of every release that is live in an environment. `names`: models and bundles. Writes nothing."""
    found: list[Compiled] = []
    troubles: list[str] = []
    for name in names:
        for environment in tools.environments.names:
            try:
                entry = tools.ledger.live(environment, name)
                found += _targets(tools, entry) if entry else []
            except (LedgerBroken, RegistryError, StoreError) as error:
                troubles.append(f"{name} in {environment}: {error}")
    return Live(tuple(found), tuple(troubles))


def _targets(tools: Tools, entry: Entry) -> list[Compiled]:
    whole = released.find(tools.registry.store, entry.model, entry.version, digest=entry.release_digest)
    suffix = f" in {whole.name} {whole.version}" if whole.is_bundle else ""
    return [
        Compiled(release.model, target, entry.environment, f"{release.version}{suffix}", release.toolchain)
        for release in whole.releases
        for target in release.targets
    ]


def mark(subject: str, now: ToolchainIdentity) -> str:
    """What a judgement was about: a record's digest, and a digest of the toolchain in force."""
    return f"{subject[:12]} {sha256_bytes(canonical_json(now.model_dump(mode='json')))[:12]}"


def _spelt(toolchain: ToolchainIdentity) -> str:
    return f"{toolchain.name} {toolchain.version} (CANN {toolchain.cann})"
