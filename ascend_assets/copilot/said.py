"""A language model's sentences, before a person sees them.

Here belongs what is left of a text: one bounded line, without markup, or nothing where it holds an address, a path, a
key or a command, which no explanation needs. Not here: whose words they are said to be (`causes.py`).
"""

import re

from resources.copilot.redaction import is_plain, visible

LIMIT = 500
"""Characters of a sentence."""
_COMMAND = re.compile(
    r"\b(?:rm\s+-|curl\b|wget\b|sudo\b|bash\b|sh\s+-c|powershell\b|chmod\b|chown\b|eval\b|pip3?\s+(?:install|download)|"
    r"apt(?:-get)?\s+\w|ssh\b|scp\b|nc\s+-|python3?\s+-|git\s+\w|docker\s+\w|kubectl\b|import\s+os|os\.system|"
    r"subprocess|ascend\s+(?:approve|promote|release|rollback|store|run|audit))|\$\(|\$\{|&&|\|\||\|\s*\w+|>\s*/|;\s*\w+\s+-",
    re.IGNORECASE,
)
_MARKUP = str.maketrans(
    {"<": "(", ">": ")", "[": "(", "]": ")", "`": "'", "|": "/", "*": "", "#": "", "\\": "/", "!": "."}
)


def told(text: str, limit: int = LIMIT) -> str:
    """What may be shown of a text; empty where it holds what nobody should follow or copy."""
    line = visible(text[: 4 * limit], plain=False)[:limit].strip()
    plain = visible(line)
    if _COMMAND.search(plain) or not is_plain(plain):
        return ""
    return line.translate(_MARKUP).strip()
