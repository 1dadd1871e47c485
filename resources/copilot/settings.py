"""Whether a language model may be asked, and which: the environment variables.

    ASCEND_COPILOT_URL           https://host/v1, the address before /chat/completions; unset: the copilot is off
    ASCEND_COPILOT_MODEL         the model's name there, for example Qwen3-Coder-Next
    ASCEND_COPILOT_KEY_ENV       the environment variable that holds the key; unset: none is sent
    ASCEND_COPILOT_MAX_TOKENS    tokens of one answer, 4096
    ASCEND_COPILOT_SECONDS       seconds for one question with all that is tried again, 60
    ASCEND_COPILOT_DAILY_TOKENS  tokens of all questions and answers of a day (UTC) on this machine, 200000

Here belong reading and checking them. Not here: what is done with them (`client.py`).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from resources.copilot.errors import CopilotMisconfigured

if TYPE_CHECKING:
    from urllib.parse import SplitResult

URL, MODEL, KEY_ENV = "ASCEND_COPILOT_URL", "ASCEND_COPILOT_MODEL", "ASCEND_COPILOT_KEY_ENV"
MAX_TOKENS, SECONDS = "ASCEND_COPILOT_MAX_TOKENS", "ASCEND_COPILOT_SECONDS"
DAILY_TOKENS = "ASCEND_COPILOT_DAILY_TOKENS"
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_LONGEST_URL = 500
_MODEL = re.compile(r"[A-Za-z0-9][\w./:@+-]{0,199}", re.ASCII)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_KEY = re.compile(r"[\x21-\x7e]{1,4000}")


@dataclass(frozen=True)
class Settings:
    """A checked configuration. `key`: empty where none is sent; it is in no representation of this object."""

    url: str
    model: str
    key: str = field(default="", repr=False)
    max_tokens: int = 4096
    seconds: float = 60.0
    daily_tokens: int = 200_000

    @property
    def place(self) -> str:
        """Scheme, host and port, for messages."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"


def read(environ: Mapping[str, str]) -> Settings | None:
    """What is configured; None where no URL is set. Raises `CopilotMisconfigured`."""
    url = environ.get(URL, "").strip()
    if not url:
        return None
    model = environ.get(MODEL, "").strip()
    if not _MODEL.fullmatch(model):
        raise CopilotMisconfigured(
            f"{MODEL} must name a model of that endpoint, letters, digits and ._/:@+- alone, for example "
            "Qwen3-Coder-Next"
        )
    return Settings(
        url=_url(url),
        model=model,
        key=_key(environ),
        max_tokens=int(_number(environ, MAX_TOKENS, 4096, 64, 65_536)),
        seconds=_number(environ, SECONDS, 60.0, 1.0, 600.0),
        daily_tokens=int(_number(environ, DAILY_TOKENS, 200_000, 1000, 1_000_000_000)),
    )


def _url(text: str) -> str:
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise CopilotMisconfigured(f"{URL} is no address: give https://host/v1") from error
    if parts.scheme not in {"http", "https"} or not host or port == 0:
        raise CopilotMisconfigured(f"{URL} is no http(s) address: give https://host/v1")
    _check_whole(text, parts)
    if parts.scheme == "http" and host not in LOOPBACK:
        raise CopilotMisconfigured(
            f"{URL}: http would show the key and the questions to everybody on the way: give https, or an address of "
            "this machine"
        )
    return text.rstrip("/")


def _check_whole(text: str, parts: "SplitResult") -> None:
    if parts.username is not None or parts.password is not None:
        raise CopilotMisconfigured(f"{URL} holds a user or a password: give the key by {KEY_ENV}")
    if parts.query or parts.fragment or "?" in text or "#" in text:
        raise CopilotMisconfigured(f"{URL} has a query or a fragment: give https://host/v1 alone")
    if len(text) > _LONGEST_URL or not text.isascii() or not text.isprintable() or " " in text:
        raise CopilotMisconfigured(f"{URL} is too long, or has characters that no address has: give https://host/v1")


def _key(environ: Mapping[str, str]) -> str:
    variable = environ.get(KEY_ENV, "").strip()
    if not variable:
        return ""
    if not _VARIABLE.fullmatch(variable):
        raise CopilotMisconfigured(f"{KEY_ENV} must be the name of an environment variable, not the key itself")
    key = environ.get(variable, "").strip()
    if not _KEY.fullmatch(key):
        raise CopilotMisconfigured(
            f"{KEY_ENV} names {variable}, which {'holds what can be no key' if key else 'is not set'}"
        )
    return key


def _number(environ: Mapping[str, str], name: str, default: float, low: float, high: float) -> float:
    text = environ.get(name, "").strip()
    if not text:
        return default
    if not re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,6})?", text) or not low <= float(text) <= high:
        raise CopilotMisconfigured(f"{name} must be a number from {low:g} to {high:g}")
    return float(text)
