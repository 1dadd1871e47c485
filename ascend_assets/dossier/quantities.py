"""Numbers as a reader wants them: few digits, a unit, and no rounding that hides on which side of a limit they are.

Here belongs formatting. Not here: what a number means.
"""

import math

NOTHING = "\u2013"
"""What stands where there is no number: an en dash."""
MINUS = "\u2212"
TIMES = "\u00d7"

_SIGNIFICANT = 4
_THIN = "\u202f"
"""Narrow no-break space: a number stays with its unit."""


def number(value: float | None, digits: int = _SIGNIFICANT, *, fixed: bool = False) -> str:
    """`value` with `digits` significant digits; more just below 1. `fixed` keeps last zeros."""
    if value is None:
        return NOTHING
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else _signed(f"{value:+}".replace("inf", "∞").lstrip("+"))
    size = abs(value)
    if size == 0 or (not fixed and value == int(value) and size < 1e9):  # noqa: PLR2004 - beyond a billion digits stop being read
        return _signed(f"{int(value):,}")
    if size < 1e-3 or size >= 1e6:  # noqa: PLR2004 - outside, a row of zeros has to be counted
        mantissa, exponent = f"{value:.{max(1, digits - 2)}e}".split("e")
        return _signed(f"{mantissa}e{int(exponent)}")
    decimals = max(0, digits - 1 - math.floor(math.log10(size)))
    if 0.9 <= size < 1:  # noqa: PLR2004 - 0.99998 and 0.9998 must not both read 1.000
        decimals = min(12, max(digits, math.ceil(-math.log10(1 - size)) + 1))
    text = f"{value:,.{decimals}f}"
    return _signed(text.rstrip("0").rstrip(".") if "." in text and not fixed else text)


def beside(value: float | None, bound: float) -> str:
    """`value` with as many digits as it takes to be told from `bound`."""
    for digits in range(_SIGNIFICANT, 17):
        text = number(value, digits)
        if value is None or value == bound or text != number(bound, digits):
            return text
    return repr(value)


def with_unit(text: str, unit: str) -> str:
    """`12.4 ms`; shares, ratios and counts carry their unit in the criterion's name."""
    return f"{text}{_THIN}{unit}" if unit and text != NOTHING else text


def error(value: float) -> str:
    """An error with three digits, and its power of ten where it is small, so that a column can be compared by eye."""
    if value == 0 or not math.isfinite(value):
        return number(value)
    if 0.01 <= abs(value) < 1000:  # noqa: PLR2004 - no zeros to be counted
        return _fixed(value)
    mantissa, exponent = f"{value:.2e}".split("e")
    return _signed(f"{mantissa}e{int(exponent)}")


def cosine(value: float) -> str:
    """A cosine similarity to six decimals, cut and not rounded: 1.000000 is said only of what is no less."""
    if not abs(value) <= 2:  # noqa: PLR2004 - NaN, or no cosine
        return number(value)
    return _signed(f"{math.floor(value * 1e6) / 1e6:.6f}")


def share(value: float) -> str:
    """A share of 1 as a percentage."""
    if not math.isfinite(value):
        return number(value)
    if 0 < value < 1e-3:  # noqa: PLR2004 - a tenth of a percent
        return f"<{_THIN}0.1{_THIN}%"
    return f"{100 * value:.1f}{_THIN}%"


def percent(value: float) -> str:
    """A score of 1 as a percentage with two decimals, for task metrics."""
    return f"{100 * value:.2f}{_THIN}%" if math.isfinite(value) else number(value)


def scaled(value: float, unit: str, step: int = 1000) -> str:
    """`1.82 GFLOP`, `25.6 MiB`: `value` with a prefix; `step` 1024 takes binary prefixes."""
    if not math.isfinite(value):
        return with_unit(number(value), unit)
    prefixes = ("", "k", "M", "G", "T", "P") if step == 1000 else ("", "Ki", "Mi", "Gi", "Ti", "Pi")  # noqa: PLR2004
    power = 0
    while abs(value) >= step and power < len(prefixes) - 1:
        value /= step
        power += 1
    return with_unit(_fixed(value) if power else number(value), prefixes[power] + unit)


def milliseconds(value: float) -> str:
    """Milliseconds, or microseconds below 0.1 ms."""
    if math.isfinite(value) and 0 < value < 0.1:  # noqa: PLR2004 - below, the zeros hide the figure
        return with_unit(_fixed(1000 * value), "µs")
    return with_unit(_fixed(value), "ms")


def microseconds(value: float) -> str:
    """Microseconds, or milliseconds from 1000 µs."""
    if math.isfinite(value) and value >= 1000:  # noqa: PLR2004 - the next prefix
        return with_unit(_fixed(value / 1000), "ms")
    return with_unit(_fixed(value), "µs")


def short(digest: str) -> str:
    """A digest's first 12 characters: enough to tell artefacts apart by eye."""
    return digest[:12]


def _fixed(value: float) -> str:
    """Three digits whatever they are, so that a column of them lines up."""
    return number(value, 3, fixed=True)


def _signed(text: str) -> str:
    return text.replace("-", MINUS, 1) if text.startswith("-") else text
