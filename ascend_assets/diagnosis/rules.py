"""What each observation means, as data: one YAML file a family in the folder `rules/`.

A rule names the kind of observation it is about, conditions on its values, a confidence, what to tell a person in
English and Chinese, the kinds of remedies in the order in which they are worth a try, and where it is known from. Here
belong the form of a rule and the reading of the files. Not here: seeing facts (`observers/`), or drawing conclusions
(`diagnose.py`).
"""

import string
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import ConfigDict, Field, FiniteFloat, ValidationError, field_validator, model_validator

from ascend_assets.diagnosis.case import Value
from ascend_assets.diagnosis.cause import Frozen
from ascend_assets.remedies.kinds import AnyRemedy

Concern = Literal["conversion", "precision", "speed", "environment"]
"""What fails through a cause: the compilation, the numbers, time or memory, or the machine."""


def _kinds() -> frozenset[str]:
    union = get_args(AnyRemedy)[0]
    return frozenset(member.model_fields["kind"].default for member in get_args(union))


REMEDY_KINDS: frozenset[str] = _kinds()
"""Every kind of remedy that a rule may name."""

FREE_NAMES = frozenset({"nodes", "count", "says", "soc"})
"""What every template may name besides an observation's values: its nodes, how many, its own words, the SoC."""

_NAME = r"^[a-z][a-z0-9_]{1,39}$"
_ID = r"^[a-z][a-z0-9_]{1,39}\.[a-z][a-z0-9_]{1,59}$"
_MAX_BYTES = 256 * 1024

Number = int | FiniteFloat
Bound = Annotated[str, Field(max_length=200)] | Number


class BadRules(Exception):
    """A file of rules that cannot be used. The message names the file, the rule and the field."""


def placeholders(template: str) -> tuple[str, ...]:
    """The names in braces. Raises `ValueError` for anything but `{name}`: no attributes, indices or formats."""
    found = []
    for _, name, spec, conversion in string.Formatter().parse(template):
        if name is None:
            continue
        if spec or conversion or not name.isidentifier():
            raise ValueError(f"{{{name}}} is no plain {{name}}: write {{{{ for a brace")
        found.append(name)
    return tuple(found)


class Words(Frozen):
    """A template in English and Chinese; both name the same values."""

    en: Annotated[str, Field(min_length=10, max_length=2000)]
    zh: Annotated[str, Field(min_length=4, max_length=2000)]

    @model_validator(mode="after")
    def _same(self) -> Self:
        if set(placeholders(self.en)) != set(placeholders(self.zh)):
            raise ValueError("en and zh do not name the same values")
        if not (self.en + self.zh).isprintable():
            raise ValueError("a text holds a line break or another character that cannot be printed")
        if not any("\u4e00" <= character <= "\u9fff" for character in self.zh):
            raise ValueError("zh holds no Chinese")
        return self

    @property
    def names(self) -> frozenset[str]:
        """Every value that the templates name."""
        return frozenset(placeholders(self.en))


class Condition(Frozen):
    """One value of an observation compared with a constant. A value that is not there meets no condition."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    value: Annotated[str, Field(pattern=_NAME)]
    test: Annotated[Literal["above", "below", "equal", "one_of", "not"], Field(alias="is")]
    than: Bound | Annotated[tuple[Bound, ...], Field(min_length=1, max_length=100)]

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if (self.test == "one_of") != isinstance(self.than, tuple):
            raise ValueError("one_of takes a list, every other comparison a single value")
        if self.test in {"above", "below"} and isinstance(self.than, str):
            raise ValueError(f"{self.test} compares numbers")
        return self

    def holds(self, values: Mapping[str, Value]) -> bool:
        """Whether an observation's values meet it. NaN is neither above nor below anything."""
        if self.value not in values:
            return False
        value = values[self.value]
        if isinstance(self.than, tuple):
            return value in self.than
        if self.test == "equal":
            return value == self.than
        if self.test == "not":
            return value != self.than
        if isinstance(value, str) or isinstance(self.than, str):
            return False
        return value > self.than if self.test == "above" else value < self.than


class Rule(Frozen):
    """What one kind of observation means.

    `confidence`: of a fact that the failure's own evidence shows; `diagnose.py` lowers it for one that merely exists.
    `concerns`: which failure it explains. `fallback`: only for a message that no other rule explains.
    """

    id: Annotated[str, Field(pattern=_ID)]
    observation: Annotated[str, Field(pattern=_NAME)]
    concerns: Concern
    where: Annotated[tuple[Condition, ...], Field(max_length=10)] = ()
    confidence: Annotated[FiniteFloat, Field(gt=0, lt=1)]
    fallback: bool = False
    explanation: Words
    advice: Words
    remedies: Annotated[tuple[str, ...], Field(max_length=10)] = ()
    source: Annotated[str, Field(min_length=10, max_length=500)]

    @field_validator("remedies")
    @classmethod
    def _known(cls, kinds: tuple[str, ...]) -> tuple[str, ...]:
        unknown = sorted(set(kinds) - REMEDY_KINDS)
        if unknown:
            raise ValueError(f"no remedy is called {unknown[0]!r}; there are {', '.join(sorted(REMEDY_KINDS))}")
        return kinds

    @property
    def family(self) -> str:
        """The part of the id before the dot."""
        return self.id.partition(".")[0]

    @property
    def names(self) -> frozenset[str]:
        """Every value that the rule's texts or conditions name, without those that are always there."""
        named = self.explanation.names | self.advice.names | {condition.value for condition in self.where}
        return named - FREE_NAMES

    def matches(self, kind: str, values: Mapping[str, Value]) -> bool:
        """Whether the rule is about an observation."""
        return kind == self.observation and all(condition.holds(values) for condition in self.where)


class Family(Frozen):
    """One file: rules whose ids begin with the family's name."""

    family: Annotated[str, Field(pattern=_NAME)]
    rules: Annotated[tuple[Rule, ...], Field(min_length=1, max_length=200)]

    @model_validator(mode="after")
    def _named(self) -> Self:
        for rule in self.rules:
            if rule.family != self.family:
                raise ValueError(f"rule {rule.id} does not begin with the family's name {self.family}")
        ids = [rule.id for rule in self.rules]
        if len(set(ids)) < len(ids):
            raise ValueError("two rules have the same id")
        return self


@cache
def load() -> tuple[Rule, ...]:
    """Every rule, families in the order of their files' names. Raises `BadRules`."""
    folder = files("ascend_assets.diagnosis") / "rules"
    texts = {entry.name: entry.read_bytes() for entry in folder.iterdir() if entry.name.endswith(".yaml")}
    return tuple(rule for name in sorted(texts) for rule in parse(name, texts[name]))


def parse(name: str, text: bytes) -> Iterator[Rule]:
    """The rules of one file. Raises `BadRules` for what is not whole, strict and bounded."""
    import yaml

    if len(text) > _MAX_BYTES:
        raise BadRules(f"{name}: larger than {_MAX_BYTES // 1024} KiB: make two families of it")
    try:
        document: Any = yaml.safe_load(text)
        family = Family.model_validate(document)
    except (yaml.YAMLError, RecursionError, ValidationError, UnicodeDecodeError) as error:
        raise BadRules(f"{name}: {error}") from error
    if f"{family.family}.yaml" != name:
        raise BadRules(f"{name}: holds the family {family.family}: a family's file bears its name")
    yield from family.rules
