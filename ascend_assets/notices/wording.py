"""A message in words, in one language, as plain text.

Here belong the frame around a kind's own texts: severity, times, counts, where to look; and its bound. Not here: the
texts (`texts_en.py`, `texts_zh.py`), or what goes into a message (`grouping.py`).
"""

# ruff: noqa: RUF001 - Chinese has punctuation of its own

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from urllib.parse import quote

from ascend_assets.notices.grouping import Message
from ascend_assets.notices.kinds import TEXTS, Language
from ascend_assets.notices.text import Text
from resources.notify.notice import Notice

MAX_BYTES = 1900
"""Title and body in UTF-8: WeCom takes 2048 bytes, the least of all channels."""
_TITLE_BYTES = 300
_SHOWN = 6
"""Notices that a message names one by one."""
_LINES = 15
"""Parts of a summary that are named."""

_FRAME: Mapping[Language, Mapping[str, str]] = {
    "en": {
        "error": "[error]",
        "warning": "[warning]",
        "info": "[info]",
        "over": "[over]",
        "passed": "[was]",
        "again": "goes on",
        "times": "{title} ({count} times)",
        "more": "{title} (and {count} more)",
        "summary": "{count} notices in one: too many for one by one",
        "at": "When: {at}",
        "since": "Since: {since}",
        "lasted": "From {since} to {until}",
        "where": "Where: {where}",
        "todo": "To do: {todo}",
        "rest": "... and {count} more: `ascend notices`",
        "dropped": "{count} earlier notices were dropped for want of room: `ascend notices`",
        "doubtful": "(This may have been sent before.)",
    },
    "zh": {
        "error": "[错误]",
        "warning": "[警告]",
        "info": "[信息]",
        "over": "[恢复]",
        "passed": "[已过]",
        "again": "仍在持续",
        "times": "{title}（共 {count} 次）",
        "more": "{title}（另有 {count} 条）",
        "summary": "{count} 条通知合并发送：数量过多，不再逐条发送",
        "at": "时间：{at}",
        "since": "开始于：{since}",
        "lasted": "从 {since} 到 {until}",
        "where": "位置：{where}",
        "todo": "处理：{todo}",
        "rest": "……另有 {count} 条：`ascend notices`",
        "dropped": "由于积压过多，较早的 {count} 条通知已丢弃：`ascend notices`",
        "doubtful": "（这条消息可能已发送过。）",
    },
}
_TAGS = re.compile(r"<(?=[^\s\d=.<-])")
"""What chat services read, even in plain text: `<at id=all>`, `<!channel>`; and not `0.91 < 0.99`."""
_MENTIONS = re.compile(r"@(?=(?:all|everyone|here|channel)\b)", re.IGNORECASE)


def written(message: Message, language: Language, dagster_url: str | None = None) -> tuple[str, str]:
    """Title and body, together at most `MAX_BYTES`. `dagster_url`: where the UI is, for links."""
    frame = _FRAME[language]
    if message.what == "summary":
        count = len(message.notices)
        title = f"{frame[message.severity]} {frame['summary'].format(count=count)}"
        lines = [_headline(part, language) for part in message.parts]
        body = _limited(lines, _LINES, frame)
    else:
        title = _headline(message, language)
        body = list(_body(message, language, dagster_url))
    if message.dropped:
        body.append(frame["dropped"].format(count=message.dropped))
    if message.doubtful:
        body.append(frame["doubtful"])
    title = _cut(title, _TITLE_BYTES)
    return title, _cut("\n".join(body), MAX_BYTES - len(title.encode()) - 1)


def _headline(message: Message, language: Language) -> str:
    """One line: how bad, and what."""
    frame, first = _FRAME[language], message.notices[0]
    mark = message.what if message.what in {"over", "passed"} else message.severity
    title = filled(_text(first, language), first, over=message.what == "over").title
    others = len(message.notices) - 1
    if others:
        same = len({n.subject for n in message.notices}) == 1
        name = "times" if same else "more"
        title = frame[name].format(title=title, count=others + 1 if same else others)
    again = f" - {frame['again']}" if message.what == "again" else ""
    return f"{frame[mark]} {title}{again}"


def _body(message: Message, language: Language, dagster_url: str | None) -> Iterator[str]:
    frame, first = _FRAME[language], message.notices[0]
    texts = [filled(_text(n, language), n, over=message.what == "over") for n in message.notices]
    if message.what == "over":
        if len(texts) > 1:
            yield from _limited([text.title for text in texts], _SHOWN, frame)
    elif len(texts) == 1:
        yield texts[0].what
    else:
        yield from _limited(list(dict.fromkeys(f"{t.title}: {t.what}" for t in texts)), _SHOWN, frame)
    yield _when(message, frame)
    where = list(_where(first, dagster_url))
    yield from (frame["where"].format(where=place) for place in where)
    if message.what not in {"over", "passed"}:
        yield frame["todo"].format(todo=texts[0].todo)


def _when(message: Message, frame: Mapping[str, str]) -> str:
    first, last = message.notices[0], message.notices[-1]
    if message.what in {"over", "passed"} and first.began:
        return frame["lasted"].format(since=moment(first.began), until=moment(last.at))
    return frame["since" if message.what == "again" else "at"].format(since=moment(first.at), at=moment(first.at))


def _where(notice: Notice, dagster_url: str | None) -> Iterator[str]:
    """Links into Dagster's UI where it has an address, else what to look for there; and files."""
    base, facts = (dagster_url or "").rstrip("/"), notice.facts
    if facts.get("run"):
        yield f"{base}/runs/{quote(facts['run'])}" if base else f"run {facts['run'][:8]}"
    elif facts.get("asset"):
        yield f"{base}/assets/{quote(facts['asset'])}" if base else f"asset {_plain(facts['asset'])}"
    elif facts.get("sensor"):
        yield f"{base}/automation" if base else f"sensor {_plain(facts['sensor'])}"
    if facts.get("page"):
        yield _plain(facts["page"])


def filled(text: Text, notice: Notice, *, over: bool = False) -> Text:
    """A kind's text with a notice's facts in it."""
    facts = {name: _plain(value) for name, value in notice.facts.items()}
    title = text.over if over and text.over else text.title
    return Text(
        title=title.format_map(_Facts(facts)),
        what=text.what.format_map(_Facts(facts)),
        todo=text.todo.format_map(_Facts(facts)),
    )


def _text(notice: Notice, language: Language) -> Text:
    """The texts of a kind; of one that another version knew, its name."""
    return TEXTS[language].get(notice.kind) or Text(notice.kind, notice.subject, "`ascend notices`")


class _Facts(dict[str, str]):
    """A fact that is missing is shown as such: a message that lacks a word is better than none."""

    def __missing__(self, key: str) -> str:
        return "?"


def _plain(text: str) -> str:
    """Text from outside that no chat service takes for a mention or a tag of its own."""
    return _TAGS.sub("‹", _MENTIONS.sub("@ ", text))


def moment(at: float) -> str:
    """A time as a person reads it."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _limited(lines: list[str], at_most: int, frame: Mapping[str, str]) -> list[str]:
    rest = len(lines) - at_most
    return [*lines[:at_most], frame["rest"].format(count=rest)] if rest > 0 else lines


def _cut(text: str, size: int) -> str:
    """At most so many bytes of UTF-8, no character cut in two."""
    data = text.encode()
    return text if len(data) <= size else data[: size - 3].decode(errors="ignore") + "..."
