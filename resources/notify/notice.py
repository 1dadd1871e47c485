"""A notice: one thing that people should hear of, before anybody has put it into words.

Here belong its fields and their bounds. Not here: which kinds there are and how they read (`ascend_assets/notices/`),
or who has been told (`outbox.py`).
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, FiniteFloat, StringConstraints

from resources.digests import sha256_bytes

Severity = Literal["info", "warning", "error"]
SEVERITIES: tuple[Severity, ...] = ("info", "warning", "error")
"""The least first."""
State = Literal["happened", "begun", "over"]
"""`happened`: once. `begun` and `over`: of a trouble that lasts."""

_MAX_SUBJECT = 300
_MAX_FACT = 700
_MAX_FACTS = 12
_ID = 32

Subject = Annotated[str, StringConstraints(max_length=_MAX_SUBJECT)]
Facts = dict[
    Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,30}$")],
    Annotated[str, StringConstraints(max_length=_MAX_FACT)],
]


class Notice(BaseModel):
    """What happened.

    `id`: of the cause, so that the same cause is one notice however often it is seen. `subject`: what it is about; with
    `kind` it is the name of a trouble that lasts. `group`: notices of one kind and group may come as one message.
    `version`: a trouble of another version is told anew. `at`: unix seconds when it happened; `kept`: when it was put
    into the outbox; `began`: of the end of a trouble, when that began. `facts`: the fields of its text, and where to
    look.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    kind: str
    severity: Severity
    state: State
    subject: Subject
    group: Subject
    at: FiniteFloat
    kept: FiniteFloat = 0.0
    began: FiniteFloat = 0.0
    version: str = ""
    facts: Facts = {}

    @property
    def key(self) -> str:
        """The name of a trouble that lasts."""
        return f"{self.kind} {self.subject}"


def notice(  # noqa: PLR0913 - one notice, and each of its fields
    kind: str,
    severity: Severity,
    state: State,
    subject: str,
    *,
    cause: str,
    at: float,
    group: str = "",
    version: str = "",
    facts: dict[str, str] | None = None,
) -> Notice:
    """A notice whose id is the digest of its cause, and whose texts are cut to their bounds."""
    return Notice(
        id=sha256_bytes(f"{kind}\n{state}\n{subject}\n{cause}".encode(errors="replace"))[:_ID],
        kind=kind,
        severity=severity,
        state=state,
        subject=bounded(subject, _MAX_SUBJECT),
        group=bounded(group or subject, _MAX_SUBJECT),
        at=at,
        version=version,
        facts={name: bounded(text) for name, text in list((facts or {}).items())[:_MAX_FACTS]},
    )


def bounded(text: str, longest: int = _MAX_FACT) -> str:
    """The text, its end cut off where it is too long, without lone surrogates, which are no UTF-8."""
    whole = text[: 2 * longest].encode(errors="replace").decode()
    return whole if len(whole) <= longest else f"{whole[: longest - 3]}..."


def at_least(severity: Severity, least: Severity) -> bool:
    """Whether it is as severe as that."""
    return SEVERITIES.index(severity) >= SEVERITIES.index(least)
