"""What README and docs tell a newcomer is true: links lead somewhere, commands and make targets exist."""

import re
import shlex
from pathlib import Path

import click
import pytest

from ascend_assets.cli.commands import cli
from resources.home import PROJECT

PAGES = sorted([*PROJECT.glob("*.md"), *(PROJECT / "docs").glob("*.md")])
LINK = re.compile(r"\]\((?!https?:)([^)#]+)[^)]*\)")
FENCE = re.compile(r"^```(sh|console)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def commands(page: Path) -> list[list[str]]:
    text = page.read_text()
    lines = [
        line
        for kind, block in FENCE.findall(text)
        for line in block.splitlines()
        if kind == "sh" or line.startswith("$ ")
    ]
    lines += re.findall(r"`((?:ascend|make|python -m) [^`]+)`", text.replace("\n", " "))
    found = []
    for line in lines:
        words = shlex.split(line.removeprefix("$ "), comments=True)
        if words and words[0] in {"ascend", "make", "python"}:
            found.append(words[: words.index("|")] if "|" in words else words)
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(page.read_text()):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_exist(page: Path) -> None:
    for words in commands(page):
        if words[0] == "make":
            targets = re.findall(r"^([a-z0-9-]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE)
            assert words[1] in targets, words
        elif words[0] == "ascend":
            _parses(words[1:])
        elif words[1] == "-m" and words[2].startswith("benchmarks."):
            place = PROJECT / words[2].replace(".", "/")
            assert place.with_suffix(".py").is_file() or (place / "__main__.py").is_file(), words


def test_the_pages_hold_commands() -> None:
    assert len(commands(PROJECT / "README.md")) > 10
    assert [w[:2] for w in commands(PROJECT / "README.zh-CN.md")][:2] == [["make", "run"], ["make", "test"]]


def _parses(words: list[str]) -> None:
    """Every word of a command line is known to click: the command, its options, the number of its arguments."""
    command: click.Command = cli
    context = click.Context(cli, info_name="ascend")
    while isinstance(command, click.Group) and words:
        name, words = words[0], words[1:]
        found = command.get_command(context, name)
        assert found is not None, name
        command = found
    if words:
        command.make_context("ascend", list(words), resilient_parsing=False)
