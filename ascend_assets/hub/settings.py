"""The hub of this installation, as `triggers.yaml` has it.

Here belongs turning settings into what `resources/hub` takes. Not here: the settings' types (`triggers.py`).
"""

import os
from pathlib import Path

from ascend_assets import triggers
from resources import tarball
from resources.home import home
from resources.hub import client
from resources.hub.client import Hub
from resources.hub.download import GIB, Limits

HUB_FOLDER = "hub"
"""Where, among a candidate's frozen files, those of a model hub lie."""


def connected(settings: triggers.Hub, seconds: float = client.SECONDS) -> Hub:
    """The hub, with the token that the settings' variable holds, if any. `seconds`: how long a question may take."""
    token = os.environ.get(settings.token_env, "") if settings.token_env else ""
    return client.connect(settings.endpoint, token, seconds)


def limits(settings: triggers.Hub) -> Limits:
    """Bounds of a version's files. All of them go into a candidate's archive, which has its own."""
    return Limits(file=int(settings.max_file_gb * GIB), total=tarball.DEFAULT.size)


def copies_folder() -> Path:
    """Where versions' copies are on this machine."""
    return home().state / "hub"
