"""Setting one limit in the text of a model's file, so that every comment, blank line and order stays.

Here belongs the edit of text alone, and the patch of it. Not here: which limit, or why (`proposals.py`). The places
come from YAML's own parser; what an edit gives is read back by whoever asked for it.
"""

import difflib

import yaml

Node = yaml.Node


class CannotEdit(Exception):
    """A file whose layout leaves no place for the limit."""


def set_limit(text: str, criterion: str, environment: str, limit: str, others: dict[str, str]) -> str:
    """The text with `attributes.gates.<criterion>.<environment>` set.

    `others`: what stands there for the other environments where one number stood for all. Raises `CannotEdit`.
    """
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise CannotEdit("the file is not valid YAML") from error
    attributes = _child(root, "attributes")
    gates = _child(attributes, "gates")
    found = _child(gates, criterion)
    if isinstance(found, yaml.ScalarNode):
        every = ", ".join(f"{name}: {value}" for name, value in {**others, environment: limit}.items())
        return _replaced(text, found, f"{{{every}}}")
    if isinstance(found, yaml.MappingNode):
        present = _child(found, environment)
        if present is not None:
            return _replaced(text, present, limit)
        return _added(text, found, f"{environment}: {limit}")
    if isinstance(gates, yaml.MappingNode):
        return _added(text, gates, f"{criterion}: {{{environment}: {limit}}}")
    if gates is not None:
        raise CannotEdit("gates holds no limits: it must be a mapping")
    if not isinstance(attributes, yaml.MappingNode):
        raise CannotEdit("the file has no attributes")
    return _added(text, attributes, f"gates: {{{criterion}: {{{environment}: {limit}}}}}")


def patch(path: str, before: str, after: str) -> str:
    """A unified diff that `git apply` takes, run at the top of the repository. `path` is relative to it."""
    lines = difflib.unified_diff(_lines(before), _lines(after), f"a/{path}", f"b/{path}")
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def _lines(text: str) -> list[str]:
    """Lines as git has them: ended by a line feed and by nothing else."""
    parts = text.split("\n")
    return [f"{part}\n" for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])


def _child(node: Node | None, name: str) -> Node | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == name:
                return value  # type: ignore[no-any-return]
    return None


def _replaced(text: str, node: Node, new: str) -> str:
    return text[: node.start_mark.index] + new + text[node.end_mark.index :]


def _added(text: str, node: yaml.MappingNode, entry: str) -> str:
    """The text with one more entry at the mapping's end."""
    if not node.value:
        return _replaced(text, node, f"{{{entry}}}") if node.flow_style else _no_place()
    if node.flow_style:
        last = node.value[-1][1].end_mark.index
        return f"{text[:last]}, {entry}{text[last:]}"
    newline = "\r\n" if "\r\n" in text else "\n"
    line = f"{' ' * node.value[-1][0].start_mark.column}{entry}{newline}"
    end = _end(node)
    if end and text[end - 1] == "\n":
        return text[:end] + line + text[end:]
    after = text.find("\n", end)
    if after < 0:
        return f"{text}{newline}{line.removesuffix(newline)}"
    return text[: after + 1] + line + text[after + 1 :]


def _end(node: Node) -> int:
    """Where the last thing in a node ends; a block mapping's own mark lies behind the comments that follow it."""
    while isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        node = last[1] if isinstance(node, yaml.MappingNode) else last
    return int(node.end_mark.index)


def _no_place() -> str:
    raise CannotEdit("there is no entry after which the limit could stand")
