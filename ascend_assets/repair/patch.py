"""The patch of a model's file that keeps what a repair changed, for a person to merge.

Here belongs which fields are set, and that the patched file means the repaired model and nothing else. Not here:
editing text (`ascend_assets/yaml_edits.py`), or what a remedy changes (`remedies/apply.py`).
"""

from collections.abc import Mapping, Sequence

import yaml
from pydantic import ValidationError

from ascend_assets.remedies.apply import apply_target
from ascend_assets.remedies.kinds import AnyRemedy, Remedy
from ascend_assets.spec import ModelSpec, Target
from ascend_assets.yaml_edits import CannotEdit, Node, added, appended, child, compose, flow, patch, replaced

Remedies = Sequence[AnyRemedy]
Options = Mapping[str, Remedies]
"""Target -> remedies of its options."""
_LONGEST = 200


def propose(spec: ModelSpec, text: str, name: str, graph: Sequence[AnyRemedy], options: Options) -> tuple[str, str]:
    """A unified diff of the model's file, and why there is none: one of the two is empty.

    `text`: the file of the candidate that failed; `name`: its path from the repository's top. The edited text is read
    back: it must be the same model with exactly these options and remedies.
    """
    wanted = after(spec, graph, options)
    try:
        _require(text, spec, "it has changed since the candidate was built")
        edited = _edited(text, spec, wanted, graph)
        _require(edited, wanted, "its layout is beyond what can be edited safely")
    except (CannotEdit, ValidationError, yaml.YAMLError, TypeError, KeyError, ValueError) as error:
        said = str(error).splitlines()[0][:_LONGEST]
        return "", f"no patch could be made of {name}: {said}. Set by hand: {'; '.join(by_hand(spec, wanted, graph))}"
    return patch(name, text, edited), ""


def after(spec: ModelSpec, graph: Sequence[AnyRemedy], options: Options) -> ModelSpec:
    """The model as it is with these remedies written into its file."""
    targets = tuple(apply_target(target, options.get(target.key, ())) for target in spec.targets)
    return spec.model_copy(update={"targets": targets, "remedies": (*spec.remedies, *graph)})


def by_hand(spec: ModelSpec, wanted: ModelSpec, graph: Sequence[AnyRemedy]) -> tuple[str, ...]:
    """The same as fields with their values."""
    found = [
        f"targets, {was.key}: {field}: {flow(value)}"
        for was, now in zip(spec.targets, wanted.targets, strict=True)
        for field, value in _changed(was, now).items()
    ]
    return (*found, *(["remedies: " + flow([written(remedy) for remedy in wanted.remedies])] if graph else []))


def written(remedy: Remedy) -> dict[str, object]:
    """A remedy as the file has it: its kind first, defaults left out."""
    return {"kind": remedy.kind, **remedy.model_dump(mode="json", exclude={"kind"}, exclude_defaults=True)}


def _require(text: str, spec: ModelSpec, otherwise: str) -> None:
    """Raise `CannotEdit` where the text does not describe exactly this model."""
    if ModelSpec.model_validate(yaml.safe_load(text)["attributes"]) != spec:
        raise CannotEdit(otherwise)


def _changed(was: Target, now: Target) -> dict[str, object]:
    before, fields = was.model_dump(mode="json"), now.model_dump(mode="json")
    # An option at its default is not written; who sets it back says so.
    default = {name: _default(name) for name in {*before, *fields}}
    return {
        name: fields.get(name, default[name])
        for name in Target.model_fields
        if fields.get(name, default.get(name)) != before.get(name, default.get(name))
    }


def _default(field: str) -> object:
    found = Target.model_fields[field].get_default(call_default_factory=True)
    return list(found) if isinstance(found, tuple) else found


def _edited(text: str, spec: ModelSpec, wanted: ModelSpec, graph: Sequence[AnyRemedy]) -> str:
    for place, (was, now) in enumerate(zip(spec.targets, wanted.targets, strict=True)):
        for field, value in _changed(was, now).items():
            text = _set(text, _target(text, place), field, value)
    return _remedied(text, [flow(written(remedy)) for remedy in graph]) if graph else text


def _target(text: str, place: int) -> Node:
    targets = child(child(compose(text), "attributes"), "targets")
    if not isinstance(targets, yaml.SequenceNode) or place >= len(targets.value):
        raise CannotEdit("targets is no list")
    return targets.value[place]  # type: ignore[no-any-return]


def _set(text: str, node: Node, field: str, value: object) -> str:
    present = child(node, field)
    if isinstance(present, yaml.SequenceNode) and isinstance(value, list):
        held = yaml.constructor.SafeConstructor().construct_document(present)
        if held and held == value[: len(held)]:
            # What stands there stays, with whatever somebody wrote beside it.
            return appended(text, present, [flow(item) for item in value[len(held) :]])
    if present is not None:
        return replaced(text, present, flow(value))
    if not isinstance(node, yaml.MappingNode):
        raise CannotEdit("a target is no mapping")
    return added(text, node, f"{field}: {flow(value)}")


def _remedied(text: str, items: Sequence[str]) -> str:
    attributes = child(compose(text), "attributes")
    present = child(attributes, "remedies")
    if isinstance(present, yaml.SequenceNode):
        return appended(text, present, items)
    if present is not None or not isinstance(attributes, yaml.MappingNode):
        raise CannotEdit("there is no place for remedies")
    if attributes.flow_style:
        return added(text, attributes, f"remedies: [{', '.join(items)}]")
    newline = "\r\n" if "\r\n" in text else "\n"
    indent = " " * (attributes.value[-1][0].start_mark.column + 2)
    return added(text, attributes, newline.join(["remedies:", *(f"{indent}- {item}" for item in items)]))
