"""A sentence -> a draft of `defs.yaml` for a person to review.

Here belongs who is believed about what: an ONNX file about its inputs, the person's own words about the card and about
limits, a language model about the rest, and only within what the types allow. Not here: reading the sentence
(`sentence.py`), or the text of the file (`draft_file.py`). Limits are only ever tightened.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ascend_assets.copilot import prompts, sentence
from ascend_assets.copilot.draft_file import Choice, Plan, limits, text_of
from ascend_assets.copilot.said import told
from ascend_assets.copilot.sentence import Understood
from ascend_assets.diagnosis.cause import Text
from ascend_assets.new_model import Declared
from ascend_assets.spec import NAME, Input
from resources.ascend.soc import soc_names
from resources.copilot.errors import CopilotError
from resources.copilot.messages import Question
from resources.copilot.redaction import Redactor

if TYPE_CHECKING:
    from resources.copilot.client import Copilot

_MAX_UNCLEAR, _MAX_INPUTS, _MAX_DIM = 5, 8, 65_536
_UNKNOWN_CARD = ("Ascend310P3", "Ascend910B1", "Ascend910B2", "Ascend910B3", "Ascend910B4", "Ascend310B4", "Ascend910A")

_DATA = Choice(
    "evaluation",
    Text(
        en="which data and metric? Without them no loss of the task's own metric can be judged",
        zh="请提供评估数据与指标,否则无法判断任务精度是否下降",
    ),
)


@dataclass(frozen=True)
class Draft:
    """`text`: the file, valid as it is. `assumed`: what nobody said. `open`: what a person has to decide.

    `read_by`: `rules`, or the language model's name where one was asked as well. `notes`: what of its answer was left
    out, or why there was none.
    """

    text: str
    name: str
    assumed: tuple[Text, ...]
    open: tuple[Choice, ...]
    read_by: str
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """One JSON object."""
        return {
            "name": self.name,
            "draft": self.text,
            "assumed": [one.model_dump() for one in self.assumed],
            "to_decide": [
                {"field": one.field, **one.ask.model_dump(), "choices": list(one.choices)} for one in self.open
            ],
            "read_by": self.read_by,
            "notes": list(self.notes),
        }


class _Form(BaseModel):
    """What a language model may say of a sentence."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: str | None = None
    task: str | None = None
    soc: Annotated[list[str], Field(max_length=50)] = []
    precision: Literal["must_not_drop", "unsaid"] = "unsaid"
    metric: Literal["top1", "top5", "mean_absolute_error"] | None = None
    inputs: Annotated[list[dict[str, Any]], Field(max_length=64)] = []
    unclear_en: Annotated[list[str], Field(max_length=50)] = []
    unclear_zh: Annotated[list[str], Field(max_length=50)] = []


def draft(
    words: str,
    *,
    inputs: Sequence[Declared] = (),
    soc: str = "",
    name: str = "",
    copilot: "Copilot | None" = None,
) -> Draft:
    """Draft a model's file from a sentence.

    `inputs`: those of an ONNX file; `soc` and `name`: what a person stated besides. What the sentence lacks is assumed,
    and said to be. Raises `pydantic.ValidationError` for a name that cannot be one.
    """
    understood = sentence.read(words)
    form, notes = _asked(words, understood, inputs, copilot) if copilot else (_Form(), ())
    settled = _plan(understood, form, tuple(inputs), soc, name)
    read_by = copilot.settings.model if copilot and form != _Form() else "rules"
    return Draft(text_of(settled, words), settled.name, settled.assumed, settled.open, read_by, notes)


def _asked(
    words: str, understood: Understood, inputs: Sequence[Declared], copilot: "Copilot"
) -> tuple[_Form, tuple[str, ...]]:
    facts = {
        "sentence": Redactor().line(words, sentence.MAX_SENTENCE),
        "understood": {
            "soc": understood.socs,
            "model": understood.name,
            "must_not_drop": understood.must_not_drop,
            "batch": understood.batch,
        },
        "inputs": [{"dtype": one.dtype, "rank": len(one.shape)} for one in inputs],
        "soc_versions": soc_names(),
    }
    question = Question("draft", prompts.draft(), json.dumps(facts, ensure_ascii=False), prompts.draft_schema())
    try:
        return _Form.model_validate_json(json.dumps(copilot.ask(question).content)), ()
    except ValidationError:
        return _Form(), ("the language model's answer has another form and was left out",)
    except (CopilotError, OSError) as error:
        return _Form(), (f"the language model was not heard: {error}",)


def _plan(understood: Understood, form: _Form, inputs: tuple[Declared, ...], soc: str, name: str) -> Plan:
    assumed: list[Text] = []
    opened: list[Choice] = []
    target = _soc(understood, form, soc, opened)
    taken = inputs or _inputs(understood, form, assumed)
    tight = understood.must_not_drop or (form.precision == "must_not_drop" and not understood.may_drop)
    _say_of_limits(understood, form, assumed, tight=tight)
    task = (understood.family.task if understood.family else "") or _task(form) or "inference"
    metric = (understood.family.metric if understood.family else "") or form.metric or ""
    if tight or understood.task_drop is not None:
        opened.append(_DATA)
    opened += [Choice("", Text(en=en, zh=zh or en)) for en, zh in _unclear(form)]
    return Plan(
        name=name or _name(understood, form, assumed),
        task=task,
        soc=target,
        inputs=taken,
        batch=understood.batch or 1,
        metric=metric,
        careful=tight,
        gates=limits(
            must_not_drop=tight or understood.task_drop is not None,
            task_drop=understood.task_drop,
            latency_ms=understood.latency_ms,
        ),
        assumed=tuple(assumed),
        open=tuple(opened),
    )


def _soc(understood: Understood, form: _Form, soc: str, opened: list[Choice]) -> str:
    """The SoC version; where several may be meant the likeliest stands in the draft, and the person is asked."""
    if soc:
        return soc
    proposed = [one for one in dict.fromkeys(form.soc) if one in soc_names()]
    meant = understood.socs or tuple(proposed) or _UNKNOWN_CARD
    if len(understood.socs) == 1:
        return meant[0]
    card = told(understood.card)
    said = f"{card!r} can mean several cards" if understood.socs else "the sentence names no card for certain"
    zh = f"“{card}”可指多种芯片" if understood.socs else "句中没有明确的芯片型号"
    ask = Text(en=f"{said}: which one? npu-smi info shows it", zh=f"{zh},请确认型号(npu-smi info 可查)")
    opened.append(Choice("targets.soc_version", ask, meant))
    return next((one for one in proposed if one in meant), meant[0])


def _inputs(understood: Understood, form: _Form, assumed: list[Text]) -> tuple[Declared, ...]:
    """Inputs where no file states them."""
    if understood.family:
        en = f"inputs as usual ({understood.family.source}); the ONNX file decides"
        assumed.append(Text(en=en, zh="输入按该类模型的常见导出填写,以 ONNX 文件为准"))
        return understood.family.inputs
    proposed = [one for one in map(_input, form.inputs[:_MAX_INPUTS]) if one is not None]
    if proposed and len({one.name for one in proposed}) == len(proposed):
        assumed.append(
            Text(
                en="inputs proposed by a language model; the ONNX file decides",
                zh="输入由语言模型猜测,以 ONNX 文件为准",
            )
        )
        return tuple(proposed)
    assumed.append(
        Text(
            en="one image input, as nobody says; the ONNX file decides",
            zh="未说明输入,暂按一个图像输入填写,以 ONNX 文件为准",
        )
    )
    return (Declared("input", "float32", ("batch", 3, 224, 224)),)


def _input(raw: dict[str, Any]) -> Declared | None:
    try:
        found = Input.model_validate_json(json.dumps(raw))
    except ValidationError:
        return None
    plain = re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.]{0,63}", found.name)
    small = len(found.shape) <= 8 and all(isinstance(dim, str) or dim <= _MAX_DIM for dim in found.shape)  # noqa: PLR2004
    return Declared(found.name, found.dtype, found.shape) if plain and small else None


def _name(understood: Understood, form: _Form, assumed: list[Text]) -> str:
    if re.fullmatch(NAME, understood.name):
        return understood.name
    if re.fullmatch(NAME, form.name or ""):
        assumed.append(Text(en="the name, by a language model", zh="名称由语言模型给出"))
        return str(form.name)
    assumed.append(Text(en="the name my_model, as nobody says another", zh="未说明名称,暂用 my_model"))
    return "my_model"


def _task(form: _Form) -> str:
    return told(form.task or "", 100)


def _unclear(form: _Form) -> list[tuple[str, str]]:
    zh = [*form.unclear_zh, *[""] * len(form.unclear_en)]
    pairs = [(told(one, 200), told(other, 200)) for one, other in zip(form.unclear_en, zh, strict=False)]
    return [(one, other) for one, other in pairs if one][:_MAX_UNCLEAR]


def _say_of_limits(understood: Understood, form: _Form, assumed: list[Text], *, tight: bool) -> None:
    if understood.may_drop:
        en = "the sentence accepts a loss; no draft loosens a limit, the defaults stand"
        assumed.append(Text(en=en, zh="句中允许精度损失,但草稿不会放宽任何门限,仍用默认值"))
    if tight:
        by = "a language model reads the sentence so" if not understood.must_not_drop else "the sentence says so"
        en = f"limits of precision tightened and mixed precision chosen: {by}"
        assumed.append(Text(en=en, zh="按“精度不能掉”收紧了精度门限,并选用混合精度"))
    if not (understood.family and understood.family.metric) and form.metric:
        en = f"the metric {form.metric}, by a language model"
        assumed.append(Text(en=en, zh=f"评估指标 {form.metric} 由语言模型猜测"))
