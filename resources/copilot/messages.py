"""A question and its answer as values: what is asked, what identifies it, and what counts as an answer.

Here belongs the form on the wire, as OpenAI's chat completions have it. Not here: sending (`client.py`), or what the
JSON object of an answer means (`ascend_assets/copilot`).
"""

import hashlib
import json
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import from_json

from resources.copilot.errors import BadAnswer

MAX_QUESTION = 200_000
"""Bytes of a question."""
MAX_ANSWER = 2 * 1024 * 1024
"""Bytes of an answer's HTTP body."""
_MAX_CONTENT = 200_000


@dataclass(frozen=True)
class Question:
    """`system`: our own instructions; `user`: data alone, as JSON. `schema`: JSON Schema of the answer's object."""

    name: str
    system: str
    user: str
    schema: dict[str, Any]

    @property
    def size(self) -> int:
        """Bytes of what is sent, an upper bound of its tokens: none is shorter than a byte."""
        return len(self.system.encode()) + len(self.user.encode()) + len(json.dumps(self.schema).encode())

    def key(self, model: str, max_tokens: int) -> str:
        """sha256 of the canonical request: the same question to the same model is the same."""
        fields = (self.name, self.system, self.user, self.schema, model, max_tokens)
        return hashlib.sha256(json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()).hexdigest()

    def messages(self) -> list[dict[str, str]]:
        """As a chat."""
        schema = json.dumps(self.schema, separators=(",", ":"))
        system = f"{self.system}\n\nAnswer with one JSON object alone, by this JSON Schema:\n{schema}"
        return [{"role": "system", "content": system}, {"role": "user", "content": self.user}]


@dataclass(frozen=True)
class Answer:
    """The JSON object that came. `tokens`: as charged; 0 for one from the cache."""

    content: dict[str, Any]
    tokens: int
    cached: bool


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    content: Annotated[str, Field(max_length=_MAX_CONTENT)] | None = None
    refusal: str | None = None


class _Choice(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    message: _Message
    finish_reason: str | None = None


class _Usage(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    total_tokens: Annotated[int, Field(ge=0, le=10_000_000)] = 0


class _Envelope(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    choices: Annotated[tuple[_Choice, ...], Field(min_length=1, max_length=16, strict=False)]
    usage: _Usage | None = None


def read(body: bytes) -> tuple[dict[str, Any], int]:
    """The JSON object of a chat completion, and the tokens that it says it took (0 where it says nothing).

    Raises `BadAnswer`.
    """
    try:
        envelope = _Envelope.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"][:4])
        raise BadAnswer(f"the answer is no chat completion: {where or 'body'}: {first['type']}") from None
    choice = envelope.choices[0]
    if choice.message.refusal:
        raise BadAnswer("the model declined to answer")
    if choice.finish_reason == "length":
        raise BadAnswer("the answer was cut off by its length: raise ASCEND_COPILOT_MAX_TOKENS")
    if choice.finish_reason == "content_filter":
        raise BadAnswer("the endpoint's content filter withheld the answer")
    return content(choice.message.content or ""), envelope.usage.total_tokens if envelope.usage else 0


def content(text: str) -> dict[str, Any]:
    """The one JSON object that a text is. A fence around it and thoughts before it are taken off; nothing else is.

    Raises `BadAnswer`.
    """
    text = text.strip()
    if text.startswith("<think>"):
        text = text.partition("</think>")[2].strip()
    if text.startswith("```") and text.endswith("```") and "\n" in text:
        text = text.partition("\n")[2].removesuffix("```").strip()
    try:
        found = from_json(text, allow_inf_nan=False)
    except ValueError:
        raise BadAnswer("the answer is no JSON" if text else "the answer is empty") from None
    if not isinstance(found, dict):
        raise BadAnswer("the answer is JSON, and no object")
    return found
