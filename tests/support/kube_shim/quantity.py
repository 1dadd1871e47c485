"""Kubernetes' quantities: `500m`, `2Gi`, `1e3`, as exact numbers.

Pure. The grammar is that of k8s.io/apimachinery, pkg/api/resource/quantity.go.
"""

import re
from collections.abc import Mapping
from fractions import Fraction
from functools import lru_cache

_BINARY = {name: Fraction(1024) ** power for power, name in enumerate(("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"))}
_DECIMAL = {"n": -3, "u": -2, "m": -1, "k": 1, "M": 2, "G": 3, "T": 4, "P": 5, "E": 6}
_SUFFIXES = _BINARY | {name: Fraction(1000) ** power for name, power in _DECIMAL.items()}
_FORM = re.compile(
    r"(?P<number>[+-]?(?:\d{1,20}(?:\.\d{0,20})?|\.\d{1,20}))(?:[eE](?P<power>[+-]?\d{1,2})|(?P<suffix>[A-Za-z]{0,2}))"
)


class NotAQuantity(ValueError):
    """A text that is none."""


@lru_cache(maxsize=4096)
def parse(value: object) -> Fraction:
    """The number. Raises `NotAQuantity`."""
    found = _FORM.fullmatch(str(value)) if isinstance(value, str | int | float) else None
    if not found or (found["suffix"] or "") not in _SUFFIXES:
        raise NotAQuantity(
            "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
        )
    power = Fraction(10) ** int(found["power"] or 0)
    return Fraction(found["number"]) * power * _SUFFIXES[found["suffix"] or ""]


def amounts(resources: Mapping[str, object]) -> dict[str, Fraction]:
    """Resources by name. Raises `NotAQuantity`."""
    return {name: parse(value) for name, value in resources.items()}


def is_extended(resource: str) -> bool:
    """Whether it is one that a device plugin offers: a domain of one's own before the slash."""
    domain, slash, _ = resource.partition("/")
    return bool(slash) and not domain.endswith("kubernetes.io")
