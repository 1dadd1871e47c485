"""What an examination of the machine found: one thing, whether it is fit, and what to do where it is not.

Here belongs the type alone. Not here: what is examined (`doctor.py`).
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. `remedy` is empty where `ok`.

    `needed`: whether nothing works without it; otherwise its absence narrows what can be done, and `said` says how.
    """

    name: str
    ok: bool
    said: str
    remedy: str = ""
    needed: bool = True

    def __bool__(self) -> bool:
        return self.ok
