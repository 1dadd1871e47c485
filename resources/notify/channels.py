"""Handing messages to channels, within a time that is known beforehand, and without one holding up another.

Here belong the child process per channel and its bounds. Not here: Apprise (`post.py`), which messages are due
(`ascend_assets/notices/grouping.py`), or what is remembered of it (`outbox.py`).
"""

import os
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from resources import process
from resources.home import PROJECT
from resources.notify.post import ADDRESS, MESSAGES, Message, Posted
from resources.process import Limits, ProcessError, ProcessTimeout

SECONDS = 8.0
"""A channel may take so long for all that it is given in one go."""
AT_ONCE = 8
"""Channels that are served at the same time."""
MEMORY = 2 * 1024**3
"""Bytes of address space: a service may answer with anything."""
_OUTPUT = 256 * 1024
NETWORK = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE")
"""Variables that say how the network is reached; also in small letters."""


@dataclass(frozen=True)
class Errand:
    """Messages for one channel. `variable` names what holds the address; empty for none."""

    channel: str
    variable: str
    messages: tuple[Message, ...]


@dataclass(frozen=True)
class Result:
    """How an errand ended. `taken`: ids of the messages that arrived. `why`: why the first other one did not."""

    channel: str
    taken: frozenset[str]
    why: str = ""


def address_of(variable: str, environ: Mapping[str, str]) -> str:
    """The address that a variable holds; empty for none."""
    return environ.get(variable, "").strip() if variable else ""


def missing(variable: str) -> str:
    """What is said where there is no address."""
    return (
        f"{variable} is not set where the code location runs: it holds the channel's address"
        if variable
        else "no url_env is given in triggers.yaml"
    )


def deliver(errands: Sequence[Errand], environ: Mapping[str, str] = os.environ) -> tuple[Result, ...]:
    """Run the errands, each in a child of its own; all within `SECONDS` and a little. Never raises for what is outside.

    More than `AT_ONCE` are not begun: hand over no more.
    """

    def run(errand: Errand) -> Result:
        return _run(errand, environ)

    return _together(run, errands[:AT_ONCE])


def _together(run: Callable[[Errand], Result], errands: Sequence[Errand]) -> tuple[Result, ...]:
    if not errands:
        return ()
    with ThreadPoolExecutor(max_workers=len(errands), thread_name_prefix="notices") as pool:
        return tuple(pool.map(run, errands))


def check(variable: str, environ: Mapping[str, str] = os.environ) -> str:
    """Why nothing can be sent with that address; empty where it is well-formed. Nothing is sent."""
    return _run(Errand("", variable, ()), environ).why


def _run(errand: Errand, environ: Mapping[str, str]) -> Result:
    address = address_of(errand.variable, environ)
    if not address:
        return Result(errand.channel, frozenset(), missing(errand.variable))
    why = ""
    with tempfile.TemporaryDirectory(prefix="ascend-notices-") as scratch:
        source = Path(scratch) / "messages.json"
        source.write_bytes(MESSAGES.dump_json(errand.messages))
        try:
            said = process.run(
                [sys.executable, "-m", "resources.notify.post"],
                cwd=PROJECT,
                limits=Limits(timeout=SECONDS, output=_OUTPUT, memory=MEMORY),
                env={**_network(environ), ADDRESS: address},
                stdin=source,
            ).stdout
        except ProcessTimeout as error:
            said, why = error.completed.stdout, f"the service did not answer within {SECONDS:g} s"
        except ProcessError as error:
            # What the child printed may hold anything, the address among it.
            said, why = error.completed.stdout, f"sending failed with exit code {error.completed.returncode}"
    posted = tuple(_read(line) for line in said.splitlines())
    taken = frozenset(one.id for one in posted if one is not None and not one.why)
    refused = next((one.why for one in posted if one is not None and one.why), "")
    lost = "" if {m.id for m in errand.messages} <= taken else "it did not say how it went"
    return Result(errand.channel, taken, refused or why or lost)


def _network(environ: Mapping[str, str]) -> dict[str, str]:
    names = (*NETWORK, *(name.lower() for name in NETWORK))
    return {name: environ[name] for name in names if name in environ}


def _read(line: str) -> Posted | None:
    try:
        return Posted.model_validate_json(line)
    except ValidationError:
        return None
