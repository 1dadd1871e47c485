"""What goes wrong with a model hub: the hub is in trouble, or what it has cannot be used.

Here belong the errors alone. The difference decides whether something is tried again: a trouble may be over in a
minute, a refusal is the same tomorrow.
"""


class HubError(Exception):
    """Base of all. The message says what happened to which file or address, and what to do; it holds no secret."""


class HubTrouble(HubError):
    """The hub, or the way to it, does not work as it should. The same may work later."""


class HubDown(HubTrouble):
    """No answer, an answer that broke off, came too slowly, or an error of the hub's own (429 and 5xx)."""


class BadAnswer(HubTrouble):
    """An answer that is not what the hub documents: no JSON, other fields, too many bytes."""


class BadRedirect(HubTrouble):
    """A redirect without an end, or to what is no http address."""


class WrongDigest(HubTrouble):
    """A file whose bytes are not those that the hub's list of files names."""


class NoRoom(HubTrouble):
    """The disk cannot hold the files."""


class HubRefused(HubError):
    """What was asked for is not there, or not for us."""


class NotFormal(HubRefused):
    """A version that may not be taken: no formal one, or of a model that is not public."""


class MissingFiles(HubRefused):
    """The version has no such files."""


class TooLarge(HubRefused):
    """A file, or all of them together, that is larger than what is allowed."""


class NoDigest(HubRefused):
    """A file for which the hub names no sha256: nothing could be verified."""


TROUBLES = frozenset(kind.__name__ for kind in (HubTrouble, HubDown, BadAnswer, BadRedirect, WrongDigest, NoRoom))
"""Names of the classes: Dagster keeps the name of an exception's class and not the class."""
