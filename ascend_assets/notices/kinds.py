"""Every kind of notice: how severe it is, and whether it lasts. All of it is data.

Here belongs the list. Not here: the words (`texts_en.py`, `texts_zh.py`), filling them in (`wording.py`), or when there
is such a notice (`gathering.py`, `states.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from ascend_assets.notices import texts_en, texts_zh
from ascend_assets.notices.text import Text
from resources.notify.notice import Severity

Language = Literal["en", "zh"]
TEXTS: Mapping[Language, Mapping[str, Text]] = {"en": texts_en.TEXTS, "zh": texts_zh.TEXTS}


@dataclass(frozen=True)
class Kind:
    """One kind. `severity` is the usual one; a check's own may say otherwise. `lasts`: it goes on until it is over."""

    severity: Severity
    lasts: bool = False


KINDS: Mapping[str, Kind] = {
    "run_failed": Kind("error"),
    "refused": Kind("warning"),
    "check_failed": Kind("warning", lasts=True),
    "signatures": Kind("warning", lasts=True),
    "rollback": Kind("warning"),
    "source_down": Kind("warning", lasts=True),
    "breaker": Kind("warning", lasts=True),
    "downloads": Kind("warning", lasts=True),
    "error_rate": Kind("error", lasts=True),
    "slow_load": Kind("warning", lasts=True),
    "drift": Kind("warning", lasts=True),
    "retraining_begun": Kind("info"),
    "retraining_released": Kind("info"),
    "retraining_refused": Kind("warning"),
    "repair_released": Kind("warning"),
    "repair_refused": Kind("warning"),
    "sensor_stopped": Kind("error", lasts=True),
    "channel_down": Kind("warning", lasts=True),
    "test": Kind("info"),
}
"""Name -> kind. `channels: about:` in triggers.yaml takes these names."""
