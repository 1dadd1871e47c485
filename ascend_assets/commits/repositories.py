"""A repository of `triggers.yaml`: its address, its token, and what is to be fetched of it.

Here belongs what the sensor and the fetch job do in the same way. Not here: how git talks to a remote
(`resources/git_remote.py`).
"""

import os
from collections.abc import Collection, Mapping
from pathlib import Path

from ascend_assets.commits import refs
from ascend_assets.commits.refs import Followed
from ascend_assets.triggers import Repository
from resources import git_address, git_remote
from resources.git_address import BadAddress, Remote
from resources.git_remote import Listing


def remote_of(repo: Path, settings: Repository, environ: Mapping[str, str] = os.environ) -> Remote | None:
    """Where the repository is; None where it has no address and the project no remote of that name.

    Raises `BadAddress`, also where the token's variable is empty: asking as nobody would say "not found" for ever.
    """
    address = settings.url or git_remote.own_address(repo, settings.name)
    if not address:
        return None
    token = environ.get(settings.token_env, "").strip() if settings.token_env else ""
    if settings.token_env and not token:
        raise BadAddress(
            f"token_env: {settings.token_env} is not set where this runs: the daemon and the code server need it"
        )
    return git_address.remote(address, token)


def followed(settings: Repository, listing: Listing, before: Collection[str]) -> Followed:
    """The branches and tags that are followed. `before`: those that were, which go first where there are too many."""
    return refs.chosen(listing.tips, settings.branches, settings.tags, before)


def to_fetch(repo: Path, settings: Repository, listing: Listing, before: Collection[str]) -> tuple[str, ...]:
    """Followed branches and tags that are not here as they are there. What is gone is removed. Raises `GitError`."""
    tips = followed(settings, listing, before).tips
    here = git_remote.mirrored(repo, settings.name)
    git_remote.forget(repo, settings.name, sorted(here.keys() - tips.keys()))
    return tuple(ref for ref, tip in tips.items() if here.get(ref) != tip.oid)
