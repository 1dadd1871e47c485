"""Editing the text of a YAML file that a person wrote, so that every comment, blank line and order stays.

Here belong the edits of text alone, and a patch of them. Not here: what is edited, or why (`production/yaml_edits.py`,
`repair/patch.py`). The places come from YAML's own parser; what an edit gives is read back by whoever asked for it.
"""

import difflib
from collections.abc import Sequence

import yaml

Node = yaml.Node


class CannotEdit(Exception):
    """A file whose layout leaves no place for what is to be set."""


def compose(text: str) -> Node | None:
    """The file's nodes with their places. Raises `CannotEdit`."""
    try:
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise CannotEdit("the file is not valid YAML") from error


def child(node: Node | None, name: str) -> Node | None:
    """The value of a mapping's field; None where there is none."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == name:
                return value  # type: ignore[no-any-return]
    return None


def replaced(text: str, node: Node, new: str) -> str:
    """The text with other text in a node's place."""
    return text[: node.start_mark.index] + new + text[_end(node) :]


def added(text: str, node: yaml.MappingNode, entry: str) -> str:
    """The text with one more entry at a mapping's end. Raises `CannotEdit`."""
    if not node.value:
        if not node.flow_style:
            raise CannotEdit("there is no entry after which another could stand")
        return replaced(text, node, f"{{{entry}}}")
    if node.flow_style:
        last = node.value[-1][1].end_mark.index
        return f"{text[:last]}, {entry}{text[last:]}"
    return _below(text, node, [f"{' ' * node.value[-1][0].start_mark.column}{entry}"])


def appended(text: str, node: yaml.SequenceNode, items: Sequence[str]) -> str:
    """The text with more items at a list's end."""
    if not node.value:
        return replaced(text, node, f"[{', '.join(items)}]")
    if node.flow_style:
        last = node.value[-1].end_mark.index
        return f"{text[:last]}, {', '.join(items)}{text[last:]}"
    indent = " " * node.start_mark.column
    return _below(text, node, [f"{indent}- {item}" for item in items])


def flow(value: object) -> str:
    """A value on one line, as YAML reads it back."""
    written = yaml.safe_dump(value, default_flow_style=True, width=float("inf"), allow_unicode=True, sort_keys=False)
    return str(written).removesuffix("...\n").strip()


def patch(path: str, before: str, after: str) -> str:
    """A unified diff that `git apply` takes, run at the top of the repository. `path` is relative to it."""
    lines = difflib.unified_diff(_lines(before), _lines(after), f"a/{path}", f"b/{path}")
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def _lines(text: str) -> list[str]:
    """Lines as git has them: ended by a line feed and by nothing else."""
    parts = text.split("\n")
    return [f"{part}\n" for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])


def _below(text: str, node: Node, added_lines: Sequence[str]) -> str:
    """The text with whole lines after a block's last one."""
    newline = "\r\n" if "\r\n" in text else "\n"
    lines = "".join(f"{line}{newline}" for line in added_lines)
    end = _end(node)
    if end and text[end - 1] == "\n":
        return text[:end] + lines + text[end:]
    after = text.find("\n", end)
    if after < 0:
        return f"{text}{newline}{lines.removesuffix(newline)}"
    return text[: after + 1] + lines + text[after + 1 :]


def _end(node: Node) -> int:
    """Where the last thing in a node ends; a block's own mark lies behind the comments that follow it."""
    while isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        node = last[1] if isinstance(node, yaml.MappingNode) else last
    return int(node.end_mark.index)
