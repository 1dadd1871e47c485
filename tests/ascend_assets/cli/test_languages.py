"""The language of the answer: Chinese where the environment asks for it, else English."""

import pytest

from ascend_assets.cli.languages import LANGUAGES, preferred
from ascend_assets.cli.repair_words import WORDS


@pytest.mark.parametrize(
    ("environ", "language"),
    [
        ({}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "ZH_TW"}, "zh"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, "en"),
        ({"LANG": "en_US", "LC_MESSAGES": "zh_CN"}, "zh"),
        ({"LANG": "zh_CN", "LC_ALL": ""}, "zh"),
    ],
)
def test_the_first_variable_that_is_set_decides(environ: dict[str, str], language: str) -> None:
    assert preferred(environ) == language


def test_both_languages_have_the_same_words_with_the_same_fields() -> None:
    from string import Formatter

    def fields(text: str) -> set[str | None]:
        return {name for _, name, _, _ in Formatter().parse(text) if name}

    english, chinese = (WORDS[language] for language in LANGUAGES)
    assert english.keys() == chinese.keys()
    assert {name: fields(text) for name, text in english.items()} == {n: fields(t) for n, t in chinese.items()}
    assert all(any("\u4e00" <= letter <= "\u9fff" for letter in text) for text in chinese.values())
