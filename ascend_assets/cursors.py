"""Reading a trigger's cursor.

Here belongs that one which cannot be read, because another version wrote it, counts for none. Not here: what a cursor
holds, or why beginning anew starts nothing twice (each trigger says so).
"""

from typing import TypeVar

from pydantic import BaseModel, ValidationError

Kind = TypeVar("Kind", bound=BaseModel)


def read(kind: type[Kind], text: str | None) -> Kind:
    """The cursor, or an empty one; every field of `kind` has a default."""
    try:
        return kind.model_validate_json(text or "{}")
    except ValidationError:
        return kind()
