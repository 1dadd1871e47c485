"""What a child prints, bounded: head and tail are kept, and lines are told as they come.

Not here: reading it from a process (`process.py`).
"""

from collections.abc import Callable

_MAX_LINE = 8192
_SHOWN_LINES = 15
_SHOWN_CHARACTERS = 2000


class Output:
    """One stream. At most `limit` bytes are kept: the first half of them, and the last."""

    def __init__(self, limit: int, on_line: Callable[[str], None] | None = None) -> None:
        self._half = max(limit // 2, 1)
        self._on_line = on_line
        self._head = bytearray()
        self._tail = bytearray()
        self._size = 0
        self._line = bytearray()

    def add(self, data: bytes) -> None:
        """Take what has been read."""
        self._size += len(data)
        room = self._half - len(self._head)
        self._head += data[:room]
        self._tail += data[max(room, 0) :]
        if len(self._tail) > 2 * self._half:
            del self._tail[: -self._half]
        if self._on_line is not None:
            self._line += data
            self._tell(self._on_line)

    def end(self) -> None:
        """There is no more: tell a last line that has no end."""
        if self._on_line is not None and self._line:
            self._on_line(_decoded(self._line))
            self._line.clear()

    def text(self) -> str:
        """What was kept, with a line that says how much was not."""
        tail = self._tail[-self._half :]
        left_out = self._size - len(self._head) - len(tail)
        if left_out:
            return f"{_decoded(self._head)}\n... {left_out} bytes left out ...\n{_decoded(tail)}"
        return _decoded(self._head + tail)

    def _tell(self, on_line: Callable[[str], None]) -> None:
        *lines, rest = self._line.split(b"\n")
        while len(rest) > _MAX_LINE:
            lines.append(rest[:_MAX_LINE])
            rest = rest[_MAX_LINE:]
        self._line = bytearray(rest)
        for line in lines:
            on_line(_decoded(line[:_MAX_LINE]).rstrip("\r"))


def last_lines(text: str) -> str:
    """The end of an output, short enough for a message."""
    return "\n".join(text.strip().splitlines()[-_SHOWN_LINES:])[-_SHOWN_CHARACTERS:]


def _decoded(data: bytes | bytearray) -> str:
    return data.decode(errors="replace")
