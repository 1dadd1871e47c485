"""Setting one limit in the text of a model's file.

Here belongs where a limit stands. Not here: which limit, or why (`proposals.py`), or editing text
(`ascend_assets/yaml_edits.py`).
"""

import yaml

from ascend_assets.yaml_edits import CannotEdit, added, child, compose, patch, replaced

__all__ = ["CannotEdit", "patch", "set_limit"]


def set_limit(text: str, criterion: str, environment: str, limit: str, others: dict[str, str]) -> str:
    """The text with `attributes.gates.<criterion>.<environment>` set.

    `others`: what stands there for the other environments where one number stood for all. Raises `CannotEdit`.
    """
    attributes = child(compose(text), "attributes")
    gates = child(attributes, "gates")
    found = child(gates, criterion)
    if isinstance(found, yaml.ScalarNode):
        every = ", ".join(f"{name}: {value}" for name, value in {**others, environment: limit}.items())
        return replaced(text, found, f"{{{every}}}")
    if isinstance(found, yaml.MappingNode):
        present = child(found, environment)
        if present is not None:
            return replaced(text, present, limit)
        return added(text, found, f"{environment}: {limit}")
    if isinstance(gates, yaml.MappingNode):
        return added(text, gates, f"{criterion}: {{{environment}: {limit}}}")
    if gates is not None:
        raise CannotEdit("gates holds no limits: it must be a mapping")
    if not isinstance(attributes, yaml.MappingNode):
        raise CannotEdit("the file has no attributes")
    return added(text, attributes, f"gates: {{{criterion}: {{{environment}: {limit}}}}}")
