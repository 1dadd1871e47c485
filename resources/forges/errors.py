"""What goes wrong when a forge is told something. No message holds a token.

Here belong the errors alone. The difference decides what is tried again and when: a busy forge soon, one that denies us
once its settings may have been mended, a status that it refuses never.
"""


class ForgeError(Exception):
    """Base of all. The message says what happened at which address, and what to do."""


class ForgeBusy(ForgeError):
    """No answer, an error of the forge's own, or too many requests. `wait`: seconds that it asks for, None for none."""

    def __init__(self, message: str, wait: float | None = None) -> None:
        super().__init__(message)
        self.wait = wait


class ForgeDenied(ForgeError):
    """The token or the project is not what it should be: every other status would be answered the same."""


class StatusRefused(ForgeError):
    """This one status is refused: a commit that the forge does not know, or no longer takes statuses for."""
