"""The parts of a notice's text.

Here belongs their meaning alone, so that each language is a table of nothing else (`texts_en.py`, `texts_zh.py`).
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Text:
    """One kind of notice in one language. `title`: what, in a line. `what`: what happened. `todo`: what to do about it.

    `over`: the title when the trouble has ended; empty for what does not last.
    """

    title: str
    what: str
    todo: str
    over: str = ""
