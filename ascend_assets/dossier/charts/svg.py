"""Primitives of a drawing: elements, escaping, scales, and the form in which one stands alone.

Here belongs what every drawing needs. Not here: anything that knows what is drawn.
"""

import base64
import math
from dataclasses import dataclass
from html import escape

from ascend_assets.dossier.text import clean

_STYLE = (
    "text{font:11px system-ui,sans-serif;fill:#5b626b}.strong{fill:#1b1f24;font-weight:600}"
    ".grid{stroke:#e6e8eb}.axis{stroke:#b9bec5}.line{fill:none;stroke:#2f62b5;stroke-width:1.75;stroke-linejoin:round}"
    ".own{fill:none;stroke:#a9b1bb}.limit{stroke:#b3261e;stroke-dasharray:5 3}.bad{fill:#b3261e}"
    ".badline{fill:none;stroke:#b3261e}.warn{fill:#b3261e}.dtype-float16,.band{fill:#cfdcf1}.dtype-float32{fill:#2a9d8f}"
    ".hit{fill:none}.skyline{fill:#a9b1bb}.heat-0{fill:#f1f3f5}.heat-1{fill:#fde7c9}.heat-2{fill:#fbc98c}"
    ".heat-3{fill:#f59d52}.heat-4{fill:#e06c2b}.heat-5{fill:#b8441b}.heat-6{fill:#7d2410}"
    ".cube{fill:#2f62b5}.vector{fill:#2a9d8f}.memory{fill:#e0a030}.overhead{fill:#a9b1bb}"
)
"""Light colours for a drawing outside the page, on the white ground that `standalone` lays."""


def tag(element: str, *children: str, **attributes: object) -> str:
    """An element. A last `_` of an attribute name is dropped, others become `-`; None leaves it out."""
    spelled = "".join(
        f' {key.removesuffix("_").replace("_", "-")}="{_attribute(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    return f"<{element}{spelled}>{''.join(children)}</{element}>" if children else f"<{element}{spelled}/>"


def words(text: object, limit: int = 200) -> str:
    """Escaped text content."""
    return escape(clean(text, limit))


def label(x: float, y: float, text: object, class_: str | None = None, anchor: str | None = None) -> str:
    """A text element; `anchor` is SVG's `text-anchor`."""
    return tag("text", words(text), x=x, y=y, class_=class_, text_anchor=anchor)


def title(text: object) -> str:
    """What a reader sees on hovering, and a screen reader says."""
    return tag("title", words(text, 600))


def line(x1: float, y1: float, x2: float, y2: float, class_: str) -> str:
    """A straight line."""
    return tag("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_)


def rect(x: float, y: float, width: float, height: float, *children: str, **attributes: object) -> str:
    """A rectangle; a negative extent is none."""
    return tag("rect", *children, x=x, y=y, width=max(0.0, width), height=max(0.0, height), **attributes)


def drawing(width: int, height: int, *children: str, about: str, class_: str = "chart") -> str:
    """The root element. `about` says in a sentence what is drawn, for those who cannot see it."""
    return tag(
        "svg",
        *(children or ("<!-- empty -->",)),
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {width} {height}",
        width=width,
        height=height,
        class_=class_,
        role="img",
        aria_label=about,
    )


def standalone(svg: str) -> str:
    """A drawing with its own colours and ground, for a place without the page's style sheet."""
    head, _, rest = svg.partition(">")
    ground = '<rect width="100%" height="100%" rx="4" fill="#fff"/>'
    return f"{head}><style>{_STYLE}</style>{ground}{rest}"


def data_uri(svg: str) -> str:
    """A drawing as an image address that carries its own data, for `![...](...)` in markdown."""
    data = base64.b64encode(standalone(svg).encode()).decode()
    return f"data:image/svg+xml;base64,{data}"


@dataclass(frozen=True)
class Scale:
    """A linear or logarithmic map of [low, high] onto [start, end]; values outside are clamped, NaN lies at `start`."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """The position of `value`."""
        if math.isnan(value):
            return self.start
        clamped = min(max(value, self.low), self.high)
        low, high, at = (math.log10(v) if self.log else v for v in (self.low, self.high, clamped))
        share = (at - low) / (high - low) if high > low else 0.0
        return self.start + share * (self.end - self.start)


def decades(low: float, high: float) -> list[float]:
    """Powers of ten from `low` to `high`, both powers of ten."""
    first, last = round(math.log10(low)), round(math.log10(high))
    return [10.0**power for power in range(first, last + 1)]


def nice_ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round numbers between `low` and `high`, roughly `about` of them."""
    if not (math.isfinite(low) and math.isfinite(high)) or high <= low:
        return [low]
    raw = (high - low) / about
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * m for m in (1, 2, 5, 10) if power * m >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [step * k for k in range(first, math.floor(high / step + 1e-9) + 1)]


def _attribute(value: object) -> str:
    if isinstance(value, float):
        text = f"{value if math.isfinite(value) else 0.0:.1f}".removesuffix(".0")
        return "0" if text == "-0" else text
    # A path is long; it is made of numbers, and of at most as many points as a drawing has.
    return escape(clean(value, 1_000_000))
