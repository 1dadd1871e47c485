"""Reading a trigger's cursor, and keeping it small.

Here belongs that one which cannot be read, because another version wrote it, counts for none; and what stands in it for
a digest. Not here: what a cursor holds, or why beginning anew starts nothing twice (each trigger says so).

Dagster keeps the whole cursor in the row of every tick, for a week and longer: what stands in it per model is paid some
thousand times a day.
"""

import base64
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from resources.digests import canonical_json, sha256_bytes

MARK = 10
"""Characters of a mark, of 64 letters each: 60 bits.

A thousand models that change ten times a day for a hundred years make 4e8 comparisons of two marks that differ: that
any two of them are the same has a chance of 3e-10.
"""

Kind = TypeVar("Kind", bound=BaseModel)


def read(kind: type[Kind], text: str | None) -> Kind:
    """The cursor, or an empty one; every field of `kind` has a default."""
    try:
        return kind.model_validate_json(text or "{}")
    except ValidationError:
        return kind()


def mark(*of: str) -> str:
    """A short mark of what is compared for equality alone, and never looked up or trusted: letters, digits, - and _."""
    digest = bytes.fromhex(sha256_bytes(canonical_json(list(of))))
    return base64.urlsafe_b64encode(digest)[:MARK].decode()
