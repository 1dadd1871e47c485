"""Telling a forge how a commit does.

Here belong the status that is told, which is the same for all forges, and choosing the forge. Not here: what each of
them wants (`github.py`, `gitlab.py`, `gitee.py`).
"""

import re
from dataclasses import dataclass, field
from typing import Literal

from resources.forges import gitee, github, gitlab
from resources.forges.errors import ForgeDenied
from resources.forges.told import Status
from resources.forges.transport import SECONDS, checked_token

__all__ = ["Forge", "Status", "report"]

Kind = Literal["gitee", "github", "gitlab"]

_SENDERS = {"gitee": gitee.send, "github": github.send, "gitlab": gitlab.send}
_HOMES = {"gitee": gitee.API, "github": github.API, "gitlab": gitlab.API}
_SHA = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


@dataclass(frozen=True)
class Forge:
    """A project on a forge. `api`: empty for the forge's own; `variable`: the environment variable of the token."""

    kind: Kind
    project: str
    api: str
    token: str = field(repr=False)
    variable: str = ""


def report(forge: Forge, status: Status, seconds: float = SECONDS) -> None:
    """Set a commit's status, which may be set already. Raises `ForgeBusy`, `ForgeDenied`, `StatusRefused`."""
    if not _SHA.fullmatch(status.sha):
        raise ValueError(f"{status.sha!r} is no commit id")
    parts = forge.project.split("/")
    if any(part in {"", ".", ".."} for part in parts) or (forge.kind != "gitlab" and len(parts) != 2):  # noqa: PLR2004
        raise ForgeDenied(f"status.project: {forge.project} is no project of {forge.kind}: write owner/name")
    token = checked_token(forge.token, forge.variable)
    _SENDERS[forge.kind]((forge.api or _HOMES[forge.kind]).rstrip("/"), forge.project, token, status, seconds)
