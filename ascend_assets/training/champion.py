"""The champion: the release that a challenger has to beat.

Here belongs finding it, and saying that it is still the one that a challenger was compared with. Not here: running it
(`evaluating.py`).
"""

from dataclasses import dataclass

from ascend_assets.production.layout import environment
from ascend_assets.spec import ModelSpec
from ascend_assets.stage import Tools
from ascend_assets.training.records import Champion
from resources.registry.releases import Release

LATEST = "latest"


@dataclass(frozen=True)
class Found:
    """A release, and where it is live: an environment, or `latest` where it is only the highest version."""

    release: Release
    where: str

    @property
    def champion(self) -> Champion:
        """What a record says of it."""
        return Champion(
            version=self.release.version,
            release=self.release.digest,
            onnx=self.release.onnx.sha256,
            where=self.where,
        )


def find(tools: Tools, spec: ModelSpec) -> Found | None:
    """The release that is live in the environment whose production is looked at, else the highest version, else none.

    Raises `RegistryError` and `LedgerBroken` where these cannot be read: nobody then knows who the champion is.
    """
    where = environment(spec)
    live = tools.ledger.live(where, spec.name)
    if live is not None:
        return Found(tools.registry.get(spec.name, live.version, digest=live.release_digest), where)
    newest = tools.registry.latest(spec.name)
    return Found(newest, LATEST) if newest is not None else None


def objection(compared: Champion | None, present: Found | None) -> str:
    """Why a comparison says nothing of today; empty where it does."""
    now = present.champion if present is not None else None
    if (compared.release if compared else None) == (now.release if now else None):
        return ""
    was = f"{compared.version} ({compared.where})" if compared else "no champion"
    is_now = f"{now.version} ({now.where})" if now else "none"
    return f"it was compared with {was}, and the champion now is {is_now}: train again"
