"""What `atc` says on its console, in all three generations of its grammar.

Here belongs reading text: the lines of success and failure, and every error and warning with its code, cause, solution
and operators. The generations: `CODE: message` (CANN 5 to 7), `CODE: [PID: n] time message` (7 and 8), and
`[PID: n] time Title(CODE): message` (the error manager of CANN 9). Under a first error, follow-up failures stand in a
TraceBack without a code. Not here: whose fault it is (`codes.py`), or which ONNX nodes are meant (`node_names.py`).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from resources.ascend.cann.compiling import codes
from resources.ascend.cann.compiling.console import FAILURE, MESSAGES, START, SUCCESS, lines
from resources.ascend.cann.compiling.mentions import Mention, mention
from resources.ascend.toolchain import Diagnostic

MAX_MESSAGE = 4000
"""Characters of a message, cause or solution."""
MAX_DIAGNOSTICS = 500
"""Root causes that are told apart; the operators of any further one are added to the last."""

_STAMP = r"(?:\[PID:\s*+\d++\]\s*+)?(?:\d{4}-\d\d-\d\d[- ]\d\d:\d\d:\d\d[.\d]*+\s*+)?"
_COLON = "[:\uff1a]"
"""An input method writes the full-width one."""
_CODE = r"(?P<code>[EW][A-Z\d]\d{4})(?![\w])"
_HEAD = re.compile(
    rf"{_STAMP}(?:{_CODE}{_COLON}|(?P<title>[A-Za-z][\w ./-]{{0,99}})?\({_CODE.replace('code', 'titled')}\){_COLON})"
)
_INNER_HEAD = re.compile(r"(?P<code>[EW][A-Z\d](?:9999|8888))(?=[\s\[])")
_AFTER_CODE = re.compile(rf"\s*+{_STAMP}(?:(?P<title>[\w./-]{{0,100}}+)\([EW][A-Z\d]\d{{4}}\):\s*+)?")
_STAMPED = re.compile(_STAMP)
_BEFORE = re.compile(r"[^\x00-\x7f]{1,100}+[:\s]*+")
"""Somebody's words in another script, in front of what they copied."""
_SECTION = re.compile(
    rf"(?P<name>Possible Cause|Solution|TraceBack)\s*+(?:\([^)]{{0,60}}\))?\s*+{_COLON}\s*+(?P<rest>.*+)", re.IGNORECASE
)
_NOTHING = re.compile(r"(?:Inner|Internal) Error[!.]?|Inner Error, .{0,80}", re.IGNORECASE)
_NUMBERED = re.compile(r"\d{1,2}[.)]\s")

_CODE_OF = tuple(zip(MESSAGES, ("EZ3003", "E19010", "E13010", "EZ3002", "E20001", "EZ0501"), strict=True))
"""The code that a message has when it stands first; in a TraceBack it has none."""


@dataclass(frozen=True)
class AtcLog:
    """What `atc` said. `started` is its first line: without it the program itself did not run."""

    started: bool
    succeeded: bool
    failed: bool
    errors: tuple[Diagnostic, ...]
    warnings: tuple[Diagnostic, ...]


def parse(log: str) -> AtcLog:
    """Read console text. Never raises; what is no message is left out, and every error and warning is kept."""
    said = lines(log)
    messages = list(_messages(said))
    return AtcLog(
        started=START in said,
        succeeded=SUCCESS in said,
        failed=any(line.startswith(FAILURE) for line in said),
        errors=_merged(item for message in messages if not message.warning for item in _diagnostics(message)),
        warnings=_merged(item for message in messages if message.warning for item in _diagnostics(message)),
    )


@dataclass
class _Message:
    """One error or warning as far as it has been read."""

    code: str
    title: str
    message: str
    cause: str = ""
    solution: str = ""
    trace: list[str] = field(default_factory=list)
    section: str = "message"
    ended: bool = False
    """Whether a further line can no longer be the message's."""
    uncoded: bool = False
    """Whether the message came without a code, under the heading of inner errors."""

    @property
    def warning(self) -> bool:
        return codes.is_warning(self.code)

    @property
    def says_nothing(self) -> bool:
        """Whether only the heading of inner errors has been read: `E19999: Inner Error!`."""
        return not self.message or bool(_NOTHING.fullmatch(self.message))


def _messages(said: list[str]) -> Iterator[_Message]:
    current: _Message | None = None
    for line in said:
        head = _head(line.strip())
        if head is None:
            if current is not None:
                _continue(current, line)
        elif current is not None and current.says_nothing and current.code == head.code:
            current.message, current.title, current.ended = head.message, head.title or current.title, head.ended
        elif current is not None and current.uncoded and current.code == head.code:
            # The checks of parameters (codes ending with 8888) stand before the code: one error with what follows it.
            current.trace.append(head.message)
            current.title, current.section, current.uncoded = head.title or current.title, "traceback", False
        else:
            if current is not None:
                yield current
            current = head
    if current is not None:
        yield current


def _head(line: str) -> _Message | None:
    """The beginning of a message, if the line is one."""
    before = _BEFORE.match(line)
    line = line[before.end() :] if before else line
    found = _HEAD.match(line)
    if found:
        code, title = found["code"] or found["titled"], (found["title"] or "").strip()
    else:
        found = _INNER_HEAD.match(line)
        if found is None:
            return None
        code, title = found["code"], ""
    rest = _AFTER_CODE.match(line, found.end())
    end = rest.end() if rest else found.end()
    title = title or ((rest and rest["title"]) or "")
    return _Message(code, title, _sentence(line[end:]), ended=_ends(line))


def _continue(current: _Message, line: str) -> None:
    """Take a line that begins no message as what it is for the one before it."""
    shown = line.strip()
    section = _SECTION.fullmatch(shown)
    if section:
        current.section = section["name"].lower()
        shown = section["rest"]
    if not shown or line.startswith((START, SUCCESS, FAILURE)):
        current.section = current.section if current.section == "traceback" else "end"
    elif current.section == "traceback":
        current.trace.append(shown)
    elif current.section == "possible cause":
        current.cause = _joined(current.cause, shown)
    elif current.section == "solution" and (section or line[0] == " " or _NUMBERED.match(shown)):
        current.solution = _joined(current.solution, shown)
    elif current.section == "message" and (current.says_nothing or not current.ended):
        current.uncoded = current.uncoded or (current.says_nothing and codes.is_inner(current.code))
        said = _STAMPED.sub("", shown, count=1) if current.says_nothing else shown
        current.message = _sentence(said) if current.says_nothing else _joined(current.message, said)
        current.ended = _ends(shown)
    elif current.section != "end" and not current.warning:
        # Copies lose the indentation, and some versions the heading: what follows may still name operators.
        current.trace.append(shown)


def _ends(line: str) -> bool:
    """Whether a message ends with this line: with a sentence's end, or with where in the code it was reported."""
    return "[FUNC:" in line or line.endswith((".", "!", "?", "]", ")", "。"))


def _joined(before: str, line: str) -> str:
    return _sentence(f"{before} {line}" if before else line)


def _sentence(line: str) -> str:
    """A message without the `[FUNC:..][FILE:..][LINE:..]` that inner errors end with, bounded; nothing for `N/A`."""
    said = " ".join(line.partition("[FUNC:")[0].split())
    return "" if said == "N/A" else said[:MAX_MESSAGE]


def _diagnostics(message: _Message) -> Iterator[Diagnostic]:
    """The message, and one more for each further operator type that its TraceBack refuses."""
    first = mention(message.message)
    nodes: dict[str, dict[str, None]] = {first.op: dict.fromkeys(first.nodes)}
    texts = {first.op: (message.code, message.message)}
    for line in message.trace:
        found = mention(line)
        op = first.op if _same_cause(message, first, found) else found.op
        if op not in nodes and len(nodes) < MAX_DIAGNOSTICS:
            texts[op] = (_code_of(line, message.code), _sentence(line))
        nodes.setdefault(op if op in texts else first.op, {}).update(dict.fromkeys(found.nodes))
    for op, (code, said) in texts.items():
        yield Diagnostic(
            code=code,
            message=said,
            nodes=tuple(nodes[op]),
            cause=message.cause,
            solution=message.solution,
            title=message.title,
        )


def _same_cause(message: _Message, first: Mention, found: Mention) -> bool:
    """Whether a line of the TraceBack is about what the first line is about, as far as it tells."""
    return codes.is_inner(message.code) or not found.op or not first.op or found.op == first.op


def _code_of(line: str, code: str) -> str:
    """The code of a message without one: that of the error it stands under if that says the same, or its own."""
    own = next((known for words, known in _CODE_OF if line.startswith(words)), code)
    # One message has had several codes: E19010 is EZ9010 in opbase, E20001 is E40021 in the TBE compiler.
    same = {frozenset({"E19010", "EZ9010"}), frozenset({"E20001", "E40021"}), frozenset({"EZ0501", "E10501"})}
    return code if frozenset({own, code}) in same else own


def _merged(diagnostics: Iterator[Diagnostic]) -> tuple[Diagnostic, ...]:
    """One diagnostic for each root cause: the same message about other operators adds its operators alone."""
    merged: dict[tuple[str, str], Diagnostic] = {}
    nodes: dict[tuple[str, str], dict[str, None]] = {}
    for item in diagnostics:
        key = item.code, _template(item)
        if key not in merged and len(merged) == MAX_DIAGNOSTICS:
            key = next(reversed(merged))
        merged.setdefault(key, item)
        nodes.setdefault(key, {}).update(dict.fromkeys(item.nodes))
    return tuple(item.model_copy(update={"nodes": tuple(nodes[key])}) for key, item in merged.items())


def _template(item: Diagnostic) -> str:
    """The message with its operator's name left out."""
    first = mention(item.message).node
    return item.message.replace(first, "", 1) if first else item.message
