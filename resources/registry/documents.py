"""The registry's documents: small JSON objects that are written once, named by digest, and read with suspicion.

Here belong the types that they share and their encoding. Not here: which documents there are (`releases.py`,
`ledger.py`) or where they are kept (`resources/store`).
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, ClassVar, Self, TypeVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from resources.digests import NotCanonical, canonical_json, sha256_bytes

NAME = r"^[a-z][a-z0-9_]{0,62}$"
"""Names of models and environments: lower case, so that no file system takes two names for one."""

SCHEMA_VERSION = 2
"""The layout that is written now."""

MAX_DOCUMENT_BYTES = 16 * 1024 * 1024

Name = Annotated[str, StringConstraints(pattern=NAME)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Text = Annotated[str, StringConstraints(max_length=20_000)]
Person = Annotated[str, StringConstraints(min_length=1, max_length=200)]


def _in_utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


Utc = Annotated[AwareDatetime, AfterValidator(_in_utc)]
"""A moment; it is stored in UTC, as ISO 8601."""


class InvalidName(ValueError):
    """A text that names no model and no environment."""


class BadDocument(Exception):
    """A stored document that is not what it should be. The message names it and says what is wrong."""


class Document(BaseModel):
    """Base of the documents. `schema_version` is the layout's number: a reader refuses one that it does not know.

    A document of an older layout is read and encoded as it was written: without the fields that came `SINCE`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")

    SINCE: ClassVar[Mapping[str, int]] = {}
    """Field -> the layout that brought it. Such a field has a default, which says what its absence means."""

    schema_version: Annotated[int, Field(ge=1, le=SCHEMA_VERSION)] = SCHEMA_VERSION

    @model_validator(mode="after")
    def _holds_what_its_layout_knows(self) -> Self:
        for name in self._unknown():
            if getattr(self, name) != type(self).model_fields[name].get_default(call_default_factory=True):
                raise ValueError(f"{name}: layout {self.schema_version} does not know this field")
        return self

    def encoded(self) -> bytes:
        """The bytes that are stored, hashed and signed."""
        return canonical_json(self.model_dump(mode="json", exclude=self._unknown()))

    def _unknown(self) -> set[str]:
        """Fields that came after this document's layout."""
        return {name for name, since in self.SINCE.items() if since > self.schema_version}

    @property
    def digest(self) -> str:
        """Sha256 of the stored bytes."""
        return sha256_bytes(self.encoded())


AnyDocument = TypeVar("AnyDocument", bound=Document)


def check_name(name: str) -> str:
    """The name, if it is one. Raises `InvalidName`."""
    if not re.fullmatch(NAME, name):
        raise InvalidName(f"{name[:80]!r} is no name: lower-case letters, digits and '_', at most 63, a letter first")
    return name


def decode(kind: type[AnyDocument], data: bytes, where: str) -> AnyDocument:
    """Read a document strictly: known fields, and exactly the bytes that it is encoded to, so nothing is coerced.

    A document's `digest` is therefore that of the stored bytes. `where` names it in the message. Raises `BadDocument`.
    """
    try:
        document = kind.model_validate_json(data)
        encoded = document.encoded()
    except NotCanonical as error:
        raise BadDocument(f"{where}: {error}") from error
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        field = ".".join(map(str, problem["loc"])) or "document"
        raise BadDocument(f"{where}: {field}: {problem['msg']}") from error
    if encoded != data:
        raise BadDocument(f"{where}: not in canonical JSON: it was written or edited by something else")
    return document
