"""What a person's sentence says plainly, read by rules: the card, what must not get worse, sizes, a well-known model.

Here belong the words, English and Chinese. Not here: what is made of them (`drafting.py`). What is not recognised is
left to a language model or to the person; nothing is guessed here.
"""

import re
from dataclasses import dataclass

from ascend_assets.copilot.families import FAMILIES, Family
from resources.ascend.soc import soc_names
from resources.copilot.redaction import visible

MAX_SENTENCE = 2000
_FIRST_GENERATION = "Ascend910B"
"""ATC's name of a 30-core part; people who say 910B mean Ascend910B1 to B4."""
_AMBIGUOUS = frozenset({"310", "910", "910b"})
"""Names of SoCs that are said of whole families."""
_SOC = re.compile(
    r"(?<![0-9A-Za-z.])(?P<prefix>(?:ascend|昇腾|昇騰|升腾|升騰)[\s_-]*)?(?P<number>310|910)(?P<rest>[A-Za-z_-][0-9A-Za-z_-]*)?"
    r"(?![0-9A-Za-z.]*\d)",
    re.IGNORECASE,
)
_BOARDS = (
    (re.compile(r"300I\s*(?:Pro|Duo)|300V\s*Pro", re.IGNORECASE), "310P3"),
    (re.compile(r"200I\s*(?:DK\s*)?A2|orange\s*pi|香橙派", re.IGNORECASE), "310B"),
    (re.compile(r"800[IT]\s*A2|900\s*A2", re.IGNORECASE), "910B"),
    (re.compile(r"800[IT]\s*A3|910C", re.IGNORECASE), "910_93"),
)
_MUST_NOT_DROP = re.compile(
    r"(?:精度|准确率|精确度|效果)[^,。;,.;可]{0,6}?(?:不能|不可以|不可|不要|不许|不得|别|不准|不允许|没有|无|不)\s*(?:再)?"
    r"(?:掉|降|下降|降低|损失|变差|丢|受影响)|不(?:能)?(?:掉|降|损失)(?:任何)?精度|无损|(?:保证|保持|确保|维持)[^,。;,.;]{0,6}精度|"
    r"精度(?:要|必须|得|需)?(?:一致|对齐|不变)|"
    r"(?:no|without|zero)\b[^.,;]{0,25}(?:accuracy|precision)(?:\s+(?:loss|drop|degradation))?|"
    r"(?:accuracy|precision)[^.,;]{0,12}(?:must|may|can|should|shall)\s*(?:not|n't|never)|cannot\s+lose|lossless|"
    r"(?:keep|preserv\w+|maintain\w*|same)\s+(?:the\s+|its\s+|full\s+)?(?:accuracy|precision)",
    re.IGNORECASE,
)
_MAY_DROP = re.compile(
    r"(?:精度|准确率)[^,。;,.;不]{0,4}(?:可以|允许|能|可)[^,。;,.;]{0,4}(?:掉|降|损失)|"
    r"(?:accuracy|precision)[^.,;]{0,12}(?:may|can|could)\s+(?!not)(?:drop|fall|lose|degrade)|some\s+accuracy\s+loss",
    re.IGNORECASE,
)
_DROP = re.compile(
    r"(?:(?:精度|准确率)[^。;.;]{0,12}?(?:不超过|不大于|小于|低于|以内|在)|(?:accuracy|top-?1)[^.;]{0,30}?(?:at\s+most|less\s+than|"
    r"under|below|within|<=?|≤))\s*(?P<value>\d{1,2}(?:\.\d{1,4})?)\s*[%\uff05]",
    re.IGNORECASE,
)
_LATENCY = re.compile(r"(?P<value>\d{1,5}(?:\.\d{1,3})?)\s*(?:ms|毫秒|millisecond)", re.IGNORECASE)
_BATCH = re.compile(
    r"(?:batch(?:\s*size)?|批(?:次|量|大小)?)\s*(?:of|为|是|=|:|:)?\s*(?P<value>\d{1,4})(?!\d)", re.IGNORECASE
)


@dataclass(frozen=True)
class Understood:
    """What a sentence says. `card`: the words for the SoC; `socs`: the versions that these can mean, likeliest first.

    `may_drop`: it asks for looser limits, which no draft gives. `task_drop`: the largest loss, as a share.
    """

    card: str = ""
    socs: tuple[str, ...] = ()
    family: Family | None = None
    name: str = ""
    must_not_drop: bool = False
    may_drop: bool = False
    task_drop: float | None = None
    latency_ms: float | None = None
    batch: int | None = None


def read(sentence: str) -> Understood:
    """Read a sentence of at most `MAX_SENTENCE` characters; the rest is not looked at."""
    text = visible(sentence[:MAX_SENTENCE])
    card, socs = _card(text)
    family, name = _family(text)
    may = bool(_MAY_DROP.search(text))
    drop = _DROP.search(text)
    latency, batch = _LATENCY.search(text), _BATCH.search(text)
    return Understood(
        card=card,
        socs=socs,
        family=family,
        name=name,
        must_not_drop=not may and bool(_MUST_NOT_DROP.search(text)),
        may_drop=may,
        task_drop=float(drop["value"]) / 100 if drop else None,
        latency_ms=float(latency["value"]) if latency and float(latency["value"]) > 0 else None,
        batch=min(4096, max(1, int(batch["value"]))) if batch else None,
    )


def choices(card: str) -> tuple[str, ...]:
    """SoC versions that words like `910`, `910B` or `310P3` can mean, likeliest first; empty for none."""
    wanted = re.sub(r"[\s_-]", "", card).lower()
    known = {re.sub(r"[_-]", "", name.removeprefix("Ascend")).lower(): name for name in soc_names()}
    if wanted in known and wanted not in _AMBIGUOUS:
        return (known[wanted],)
    wanted = "91093" if wanted.startswith("910c") else wanted
    found = [name for key, name in known.items() if wanted and key.startswith(wanted)]
    return tuple(sorted(found, key=lambda name: (name == _FIRST_GENERATION, soc_names().index(name))))


def _card(text: str) -> tuple[str, tuple[str, ...]]:
    for found in _SOC.finditer(text):
        card = f"{found['number']}{found['rest'] or ''}".rstrip("-_")
        socs = choices(card)
        # A bare number may count images; with its maker's name or a letter behind it is a card.
        if socs and (found["prefix"] or found["rest"] or len(text) == len(found[0])):
            return found[0].strip(), socs
    for pattern, card in _BOARDS:
        board = pattern.search(text)
        if board:
            return board[0], choices(card)
    return "", ()


def _family(text: str) -> tuple[Family | None, str]:
    for family in FAMILIES:
        found = re.search(rf"(?<![A-Za-z0-9]){family.pattern}", text, re.IGNORECASE)
        if found:
            name = re.sub(r"[^a-z0-9]+", "_", found[0].lower()).strip("_")
            return family, name
    return None, ""
