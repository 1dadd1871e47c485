"""One node that is about to be replaced, with what is known around it.

Here belongs what every replacement asks for. Not here: any replacement.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from resources.onnx_files.edits import EditError
from resources.onnx_files.edits.facts import Facts
from resources.onnx_files.edits.writer import Writer

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from onnx import NodeProto


@dataclass(frozen=True)
class Site:
    """A node, what is known of its tensors, and where its replacement is written.

    Everything that is asked for and not there raises `EditError`, without the node's name: whoever calls a replacement
    knows it.
    """

    node: "NodeProto"
    facts: Facts
    write: Writer

    def attribute(self, name: str, default: Any = None) -> Any:  # noqa: ANN401 (ONNX's attributes)
        """An attribute's value; text as `str`."""
        from onnx import helper

        for entry in self.node.attribute:
            if entry.name == name:
                value = helper.get_attribute_value(entry)
                return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
        return default

    def has(self, index: int) -> bool:
        """Whether the input is given."""
        return index < len(self.node.input) and bool(self.node.input[index])

    def input(self, index: int) -> str:
        """The name of an input, empty where it is left out."""
        return self.node.input[index] if index < len(self.node.input) else ""

    def value(self, index: int, what: str) -> "NDArray[Any]":
        """The value of an input that must be constant."""
        found = self.facts.value(self.input(index))
        if found is None:
            raise EditError(f"its {what} depend on the model's input")
        return found

    def ints(self, index: int, what: str) -> list[int]:
        """The whole numbers of an input that must be constant."""
        return [int(item) for item in self.value(index, what).ravel()]

    def rank(self, index: int) -> int:
        """The number of dimensions of an input."""
        found = self.facts.rank(self.input(index))
        if found is None:
            raise EditError("the number of dimensions of its input is not known")
        return found

    def shape(self, index: int) -> tuple[int, ...]:
        """The shape of an input, -1 for what is open."""
        found = self.facts.shape(self.input(index))
        if found is None:
            raise EditError("the shape of its input is not known")
        return found

    def static(self, index: int) -> tuple[int, ...]:
        """The shape of an input that must be known throughout."""
        found = self.facts.static(self.input(index))
        if found is None:
            raise EditError("the shape of its input is not fixed")
        return found

    def dtype(self, index: int) -> int:
        """ONNX's number of an input's type."""
        found = self.facts.dtype(self.input(index))
        if not found:
            raise EditError("the type of its input is not known")
        return found

    def out(self, index: int = 0) -> str:
        """The name of an output, empty where it is left out."""
        return self.node.output[index] if index < len(self.node.output) else ""


_MALFORMED = (IndexError, KeyError, TypeError, ValueError, OverflowError, ZeroDivisionError)
"""What numpy and onnx raise on attributes and constants that make no sense."""


@contextmanager
def understood() -> Iterator[None]:
    """Whatever follows from a node that ONNX does not allow, which nobody checks before, as `EditError`."""
    try:
        yield
    except _MALFORMED as error:
        reason = " ".join(str(error).split()).encode("unicode_escape").decode()[:100]
        raise EditError(f"it is no valid node of its operator ({reason or type(error).__name__})") from error


Body = Callable[[Site], None]
"""Writes what replaces a node. Raises `EditError` with the reason where it cannot."""
