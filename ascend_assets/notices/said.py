"""What a run or a service said, made fit to be told: one line, bounded, without secrets and control characters.

Not here: keeping chat services from reading it as markup (`wording.py`, `resources/notify/post.py`).
"""

import os

from ascend_assets.dossier.text import clean
from resources.scrubbing import without_secrets

LONGEST = 400
"""Characters."""
_READ = 8000


def said(text: str) -> str:
    """The text as it may be told."""
    line = " ".join(text[:_READ].split())
    return clean(without_secrets(line, os.environ), LONGEST)


def first_line(text: str) -> str:
    """Its first line that holds anything, as it may be told."""
    return said(next((line for line in text[:_READ].splitlines() if line.strip()), ""))
