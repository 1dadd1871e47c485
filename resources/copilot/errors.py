"""Why a language model gave no usable answer.

Here belong the named errors alone. No message holds a key, a question or an answer's text.
"""


class CopilotError(Exception):
    """Base of all. The message says what happened and what to do; the work goes on without the copilot."""


class CopilotMisconfigured(CopilotError):
    """A setting that cannot be used; the message names the environment variable."""


class CopilotDown(CopilotError):
    """No whole answer: refused, broken off, too slow, or too many requests."""


class CopilotRefused(CopilotError):
    """The endpoint refuses the request: the key, the model or the address is wrong, or it leads elsewhere."""


class BadAnswer(CopilotError):
    """An answer that is none: too large, no JSON object, cut off by its length, empty, or declined by the model."""


class CopilotPaused(CopilotError):
    """It failed too often lately and is not asked for a while."""


class CostBound(CopilotError):
    """The tokens of this day are spent, or the record of them cannot be read."""
