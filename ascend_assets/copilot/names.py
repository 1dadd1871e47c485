"""Neutral names for what a model names: `n1` a node, `in1` an input, `t1` a constant, `Op1` and `d1` what ONNX lacks.

A model's own names may hold instructions or secrets, and mean nothing to a repair. Here belongs replacing them, also
inside texts, and finding them again. Not here: which of them are shown (`facts.py`). Only what was shown can be found
again: an answer can name nothing else.
"""

import re
from collections.abc import Iterable
from functools import cache
from typing import Literal

from resources.onnx_files.structure import shown

Kind = Literal["n", "in", "t", "Op", "d"]
_SHORTEST = 2
_A_WORD = re.compile(r"[A-Za-z]{1,20}")
"""A name that says nothing but a word, which texts may use as well."""
_KNOWN_DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml", "com.microsoft"})


class Names:
    """Given as things are first shown, and the same throughout one question.

    `others`: names of the model that are not shown, and that no text may hold either.
    """

    def __init__(self, others: Iterable[str] = ()) -> None:
        self._others = {form: "name" for name in others if not _A_WORD.fullmatch(name) for form in _forms(name)}
        self._given: dict[tuple[Kind, str], str] = {}
        self._real: dict[tuple[Kind, str], str] = {}

    def node(self, name: str) -> str:
        """A node's neutral name."""
        return self._give("n", name)

    def input(self, name: str) -> str:
        """An input's neutral name."""
        return self._give("in", name)

    def tensor(self, name: str) -> str:
        """A constant's neutral name."""
        return self._give("t", name)

    def op(self, name: str) -> str:
        """An operator: ONNX's own names stay."""
        return self._same("Op", name) if name in known_operators() else self._give("Op", name)

    def domain(self, name: str) -> str:
        """A domain: those that everybody knows stay."""
        return self._same("d", name or "ai.onnx") if name in _KNOWN_DOMAINS else self._give("d", name)

    def real(self, kind: Kind, neutral: str) -> str:
        """What was shown by that name. Raises `KeyError`."""
        return self._real[kind, neutral]

    def hidden(self, text: str) -> str:
        """A text with neutral names in place of the model's own, also where those were escaped or cut."""
        given = {form: neutral for (_, name), neutral in self._given.items() for form in _forms(name)}
        spelt = {form: neutral for form, neutral in (self._others | given).items() if form in text}
        for form in sorted(spelt, key=len, reverse=True):
            text = re.sub(rf"(?<!\w){re.escape(form)}(?!\w)", spelt[form], text)
        return text

    def _same(self, kind: Kind, name: str) -> str:
        self._real[kind, name] = name
        return name

    def _give(self, kind: Kind, name: str) -> str:
        if (kind, name) not in self._given:
            neutral = f"{kind}{1 + sum(1 for one, _ in self._given if one == kind)}"
            self._given[kind, name] = neutral
            self._real[kind, neutral] = name
        return self._given[kind, name]


def _forms(name: str) -> set[str]:
    return {form for form in (name, shown(name), shown(name).removesuffix("...")) if len(form) >= _SHORTEST}


@cache
def known_operators() -> frozenset[str]:
    """Names of the operators that ONNX defines."""
    import onnx

    return frozenset(schema.name for schema in onnx.defs.get_all_schemas())
