"""The page on remedies names every kind, under what it may touch."""

import re
from typing import get_args

from ascend_assets.remedies.kinds import AnyRemedy, Reformulate
from resources.home import PROJECT

PAGE = (PROJECT / "docs" / "remedies.md").read_text()
TOUCHES = {"Options": "options", "Graph": "graph", "Constants": "constants", "Weights: a person decides": "weights"}


def test_every_kind_stands_under_what_it_may_touch() -> None:
    union, _ = get_args(AnyRemedy)
    wanted = {(each.model_fields["kind"].default, each.touches) for each in get_args(union)}
    sections = re.split(r"^## (.*)$", PAGE, flags=re.MULTILINE)[1:]
    found = {
        (kind, TOUCHES[title])
        for title, text in zip(sections[::2], sections[1::2], strict=True)
        for kind in re.findall(r"^\| `(\w+)`", text, re.MULTILINE)
    }
    assert found == wanted
    assert f"{len(wanted)} kinds" in PAGE


def test_every_pattern_is_told() -> None:
    patterns = get_args(Reformulate.model_fields["pattern"].annotation)
    assert all(f"`reformulate` `{pattern}`" in PAGE for pattern in patterns)
