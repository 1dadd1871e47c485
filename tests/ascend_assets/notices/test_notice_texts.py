"""Every kind has its text in both languages, says the same in both, and names only commands that exist."""

# ruff: noqa: RUF001 - Chinese has punctuation of its own

import re
import shlex
from string import Formatter

import click
import pytest

from ascend_assets.cli.commands import cli
from ascend_assets.notices import wording
from ascend_assets.notices.grouping import Message, What
from ascend_assets.notices.kinds import KINDS, TEXTS, Language
from ascend_assets.notices.text import Text
from resources.notify.notice import Notice, State, notice

LANGUAGES: tuple[Language, ...] = ("en", "zh")
FACTS = {"model": "tiny", "environment": "staging", "channel": "team", "name": "hub/model 1.2.0", "asset": "tiny/drift"}


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def parts(text: Text) -> dict[str, str]:
    return {"title": text.title, "what": text.what, "todo": text.todo, "over": text.over}


def commands(kind: str, language: Language) -> list[str]:
    told = wording.filled(TEXTS[language][kind], made(kind))
    return re.findall(r"`(ascend [^`]+)`", " ".join(parts(told).values()))


def made(kind: str, cause: str = "1", *, state: State | None = None, subject: str = "tiny", **facts: str) -> Notice:
    lasting: State = "begun" if KINDS[kind].lasts else "happened"
    return notice(
        kind, KINDS[kind].severity, state or lasting, subject, cause=cause, at=1_700_000_000.0, facts=FACTS | facts
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_kind_has_its_words(language: Language) -> None:
    assert list(TEXTS[language]) == list(KINDS)
    for name, kind in KINDS.items():
        text = TEXTS[language][name]
        assert text.title
        assert text.what
        assert text.todo
        assert bool(text.over) == kind.lasts, name


@pytest.mark.parametrize("kind", KINDS)
def test_both_languages_name_the_same_facts_and_commands(kind: str) -> None:
    english, chinese = parts(TEXTS["en"][kind]), parts(TEXTS["zh"][kind])
    assert {part: fields(text) for part, text in english.items()} == {
        part: fields(text) for part, text in chinese.items()
    }
    assert commands(kind, "en") == commands(kind, "zh")


@pytest.mark.parametrize("kind", KINDS)
def test_chinese_is_chinese(kind: str) -> None:
    for text in parts(TEXTS["zh"][kind]).values():
        assert text in {"", "{why}"} or re.search(r"[\u4e00-\u9fff]", text), text
        assert not re.search(r"[\u4e00-\u9fff][,:;()]", text), f"{text}: Chinese has punctuation of its own"


@pytest.mark.parametrize("kind", KINDS)
def test_what_people_are_told_to_do_can_be_done(kind: str) -> None:
    for line in commands(kind, "en"):
        command: click.Command = cli
        context, words = click.Context(cli, info_name="ascend"), shlex.split(line)[1:]
        while isinstance(command, click.Group) and words:
            found = command.get_command(context, words.pop(0))
            assert found is not None, line
            command = found
        command.make_context("ascend", words)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_message_says_what_where_and_what_to_do(kind: str, language: Language) -> None:
    one = made(kind, run="0a1b2c3d-4e5f", why="it was too slow")
    what: What = "begun" if KINDS[kind].lasts else "happened"
    title, body = wording.written(Message(what, (one,)), language, "http://ui:3000/")
    assert title.startswith(("[", "【"))
    assert "http://ui:3000/runs/0a1b2c3d-4e5f" in body
    assert "2023-11-14 22:13 UTC" in body
    assert {"en": "To do: ", "zh": "处理："}[language] in body
    assert len(title.encode()) + len(body.encode()) <= wording.MAX_BYTES


def test_a_message_in_full() -> None:
    one = made("refused", candidate="20261120-1403-git-1a2b3c4d5e6f", criteria="cosine_similarity", why="0.91 < 0.99.")
    one = one.model_copy(update={"facts": {**one.facts, "run": "0a1b2c3d-4e5f", "page": "/state/tiny/page.html"}})
    title, body = wording.written(Message("happened", (one,)), "zh")
    assert title == "[警告] tiny：候选 20261120-1403-git-1a2b3c4d5e6f 未通过门禁"
    assert body.splitlines() == [
        "未通过的判据：cosine_similarity。0.91 < 0.99.",
        "时间：2023-11-14 22:13 UTC",
        "位置：run 0a1b2c3d",
        "位置：/state/tiny/page.html",
        "处理：请阅读候选页面，修正模型后提交，或手动构建：`ascend run tiny`",
    ]


@pytest.mark.parametrize("language", LANGUAGES)
def test_several_are_counted_or_named(language: Language) -> None:
    same = Message("happened", (made("run_failed", "1", job="j", step="s"), made("run_failed", "2", job="j", step="t")))
    title, body = wording.written(same, language)
    assert "2" in title
    assert "s" in body
    drift = tuple(made("drift", name, subject=name, check=name, why="far") for name in ("psi", "ks", "wasserstein"))
    title, body = wording.written(Message("begun", drift), language)
    assert "2" in title
    assert all(name in body for name in ("psi", "ks", "wasserstein"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_end_of_a_trouble_says_how_long_it_lasted(language: Language) -> None:
    end = made("drift", state="over", check="psi").model_copy(update={"began": 1_700_000_000.0, "at": 1_700_007_200.0})
    whats: tuple[What, ...] = ("over", "passed")
    for what in whats:
        _, body = wording.written(Message(what, (end,)), language)
        assert "2023-11-14 22:13 UTC" in body
        assert "2023-11-15 00:13 UTC" in body
    title, _ = wording.written(Message("over", (end,)), language)
    assert title.startswith({"en": "[over]", "zh": "[恢复]"}[language])


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_summary_counts_and_names_and_ends(language: Language) -> None:
    each = tuple(Message("happened", (made("run_failed", str(n), job=f"job{n}" + "x" * 200),)) for n in range(500))
    title, body = wording.written(
        Message("summary", tuple(n for m in each for n in m.notices), each, dropped=9), language
    )
    assert "500" in title
    assert "job0" in body
    assert len(title.encode()) + len(body.encode()) <= wording.MAX_BYTES


@pytest.mark.parametrize("language", LANGUAGES)
def test_strange_text_is_bounded_and_is_no_markup_and_no_format(language: Language) -> None:
    hostile = "<at id=all></at> <!channel> @all @Everyone {model.__class__} {0} %s " + "汉" * 5000
    one = made("run_failed", job="j", step="s", why=hostile)
    title, body = wording.written(Message("happened", (one,)), language)
    assert "<at" not in title + body
    assert "<!" not in title + body
    assert "@all" not in body
    assert "@Everyone" not in body
    assert "{model.__class__}" in body, "shown, not looked up"
    assert len(title.encode()) + len(body.encode()) <= wording.MAX_BYTES


def test_a_kind_or_a_fact_of_another_version_is_shown_as_well_as_can_be() -> None:
    unknown = notice("volcano", "error", "happened", "etna", cause="1", at=1.0)
    assert "volcano" in wording.written(Message("happened", (unknown,)), "en")[0]
    lacking = notice("run_failed", "error", "happened", "tiny", cause="1", at=1.0)
    assert wording.written(Message("happened", (lacking,)), "en")[0] == "[error] Run of ? failed"


def test_links_lead_into_the_ui() -> None:
    check = made("check_failed", check="current", asset="tiny/Ascend310P3/om", why="old")
    assert "http://ui/assets/tiny/Ascend310P3/om" in wording.written(Message("begun", (check,)), "en", "http://ui")[1]
    stopped = notice("sensor_stopped", "error", "begun", "s", cause="1", at=1.0, facts={"sensor": "s", "why": "w"})
    assert "http://ui/automation" in wording.written(Message("begun", (stopped,)), "en", "http://ui")[1]
