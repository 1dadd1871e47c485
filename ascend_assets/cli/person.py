"""Who works here. Not here: whether that person may do it; a ledger's actor is a note, a signature is proof."""

import os
import pwd

_LONGEST = 200
"""Characters that a ledger keeps of a name."""


def actor() -> str:
    """The user's name, for manifests and ledgers."""
    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        name = f"uid-{os.getuid()}"  # a container may run as a number that nobody has named
    return (os.environ.get("USER") or os.environ.get("LOGNAME") or name)[:_LONGEST]
