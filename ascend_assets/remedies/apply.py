"""Remedies, carried out: on options, on a target, on a graph.

Several remedies are merged in their order; two that contradict each other are refused, because neither would be what
was asked for. Here belongs what each kind does to options, and which edit a kind of the graph is. Not here: the edits
(`resources/onnx_files/edits`), their wording (`wording.py`), or what differs afterwards (`repair/changes.py`).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar, cast

from pydantic import BaseModel, ValidationError

from ascend_assets.remedies import kinds
from ascend_assets.remedies.kinds import Remedy
from ascend_assets.spec import Target
from resources.ascend.option_values import MixList, OpPrecision
from resources.ascend.options import CompileOptions
from resources.ascend.spelling import FILE_OPTIONS

if TYPE_CHECKING:
    import onnx

_EDITS = "resources.onnx_files.edits"
_MEANT = frozenset({"soc_version", "name", "batch"})
"""Fields that say what is compiled for, and that no option's default can stand for."""

Options = TypeVar("Options", CompileOptions, Target)
Either = CompileOptions | Target
Fields = dict[str, Any]
Says = dict[tuple[str, str], object]
"""What a remedy says of (option, entry)."""


class RemedyRefused(Exception):
    """A remedy that does not go with the options or with a remedy before it. The message says which, and why."""


def is_graph(remedy: Remedy) -> bool:
    """Whether a remedy edits the graph, constants and weights included; any other changes options."""
    return remedy.touches != "options"


def apply_options(options: CompileOptions, remedies: Iterable[Remedy]) -> CompileOptions:
    """The options after every remedy that changes options, in order; those of the graph are passed over.

    Raises `RemedyRefused` for remedies that contradict each other, and for what the options' own rules exclude.
    """
    return _applied(options, remedies)


def apply_target(target: Target, remedies: Iterable[Remedy]) -> Target:
    """`apply_options` for a target of a `defs.yaml`. Raises `RemedyRefused`, also for another SoC.

    What a target is compiled for is a person's decision: deployments and limits hang on it.
    """
    remedies = tuple(remedies)
    if any(isinstance(remedy, kinds.ChooseSoc) for remedy in remedies):
        raise RemedyRefused(f"choose_soc: target {target.key} says what it is compiled for: change it in defs.yaml")
    return _applied(target, remedies)


def apply_graph(model: "onnx.ModelProto", remedies: Iterable[Remedy]) -> "onnx.ModelProto":
    """The model after every remedy that edits the graph, in order; `model` itself where none does.

    The argument is not changed. Raises `EditError` for an edit that cannot be made.
    """
    for remedy in filter(is_graph, remedies):
        model = _edit(remedy)(model, **_parameters(remedy))
    return model


def _edit(remedy: Remedy) -> "Callable[..., onnx.ModelProto]":
    """The function of a graph remedy: module and function have its kind's name, its parameters the fields' names."""
    module = import_module(f"{_EDITS}.{remedy.kind}")
    return cast("Callable[..., onnx.ModelProto]", getattr(module, remedy.kind))


def _parameters(remedy: Remedy) -> Fields:
    return {name: getattr(remedy, name) for name in type(remedy).model_fields if name != "kind"}


def _applied(options: Options, remedies: Iterable[Remedy]) -> Options:
    state = _State(options)
    for remedy in remedies:
        if not is_graph(remedy):
            state.take(remedy)
    return cast("Options", state.options)


@dataclass
class _State:
    """Options on their way, and what remedies have said so far: (option, entry) -> value."""

    options: Either
    said: Says = field(default_factory=dict)

    def take(self, remedy: Remedy) -> None:
        changed, says = _RULES[type(remedy)](self.options, remedy)
        for key, value in says.items():
            if self.said.get(key, value) != value:
                entry = f" of {key[1]!r}" if key[1] else ""
                raise RemedyRefused(f"{remedy.kind}: {key[0]}{entry} was set otherwise by a remedy before: take one")
        if isinstance(remedy, kinds.DropOptions):
            twice = sorted(changed.keys() & {option for option, _ in self.said})
            if twice:
                raise RemedyRefused(f"drop_options: a remedy before sets {', '.join(twice)}: take one of them")
        self.said.update(says)
        self.options = _validated(self.options, remedy, changed)


def _validated(options: Either, remedy: Remedy, changed: Fields) -> Either:
    fields = {name: getattr(options, name) for name in options.model_fields_set}
    try:
        return type(options).model_validate({**fields, **changed})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        words = first["msg"].removeprefix("Value error, ")
        raise RemedyRefused(f"{remedy.kind}: {where + ': ' if where else ''}{words}") from error


Rule = Callable[[Any, Any], tuple[Fields, Says]]
"""Options and a remedy -> fields that change, and what the remedy says."""


def _set_input_shapes(options: Either, remedy: kinds.SetInputShapes) -> tuple[Fields, Says]:
    # A shape that is given takes the place of a range.
    ranges = {name: dims for name, dims in options.input_shape_range.items() if name not in remedy.shapes}
    shapes = {**options.input_shape, **remedy.shapes}
    says: Says = {("input_shape", name): dims for name, dims in remedy.shapes.items()}
    return {"input_shape": shapes, "input_shape_range": ranges}, says


def _drop_options(options: Either, remedy: kinds.DropOptions) -> tuple[Fields, Says]:
    fields = type(options).model_fields
    names = [FILE_OPTIONS.get(name, name) for name in remedy.options]
    unknown = sorted(name for name in names if name not in fields or name in _MEANT)
    if unknown:
        raise RemedyRefused(f"drop_options: {unknown[0]} is no option that can be left out")
    return {name: fields[name].get_default(call_default_factory=True) for name in names}, {}


def _mixes(mode: str) -> bool:
    return mode.startswith(("allow_mix_precision", "mixed_"))


def _set_precision_mode(_: Either, remedy: kinds.SetPrecisionMode) -> tuple[Fields, Says]:
    mode = remedy.precision_mode or remedy.precision_mode_v2 or ""
    changed: Fields = {"precision_mode": remedy.precision_mode, "precision_mode_v2": remedy.precision_mode_v2}
    if not _mixes(mode):
        # The lists mean nothing without mixed precision, and ATC refuses them.
        changed["modify_mixlist"] = None
    return changed, {("precision_mode", ""): mode, ("mixed precision", ""): _mixes(mode)}


def _mix_precision(options: Either, remedy: kinds.MixPrecision) -> tuple[Fields, Says]:
    changed: Fields = {}
    if not _mixes(options.precision_mode_v2 or options.precision_mode or ""):
        second = options.precision_mode_v2 is not None
        changed = {"precision_mode_v2": "mixed_float16"} if second else {"precision_mode": "allow_mix_precision"}
    lists = options.modify_mixlist or MixList()
    if remedy.black:
        changed["modify_mixlist"] = MixList(
            black_to_add=_united(lists.black_to_add, remedy.black),
            black_to_remove=_without(lists.black_to_remove, remedy.black),
            white_to_add=_without(lists.white_to_add, remedy.black),
            white_to_remove=lists.white_to_remove,
        )
    return changed, {("mixed precision", ""): True, **{("modify_mixlist", op): "black" for op in remedy.black}}


def _keep_dtype(options: Either, remedy: kinds.KeepDtype) -> tuple[Fields, Says]:
    kept = _united(options.keep_dtype, remedy.nodes)
    return {"keep_dtype": kept}, {("keep_dtype", node): True for node in remedy.nodes}


def _set_op_precision(options: Either, remedy: kinds.SetOpPrecision) -> tuple[Fields, Says]:
    before, wanted = options.op_precision_mode, remedy.modes
    by_type = {**(before.by_type if before else {}), **wanted.by_type}
    by_node = {**(before.by_node if before else {}), **wanted.by_node}
    entries = {**wanted.by_type, **{f"node {name}": mode for name, mode in wanted.by_node.items()}}
    merged = OpPrecision(by_type=by_type, by_node=by_node)
    return {"op_precision_mode": merged}, {("op_precision_mode", name): mode for name, mode in entries.items()}


def _switch_fusion_off(options: Either, remedy: kinds.SwitchFusionOff) -> tuple[Fields, Says]:
    switches = {**options.fusion_switches, **dict.fromkeys(remedy.passes, "off")}
    return {"fusion_switches": switches}, {("fusion_switches", name): "off" for name in remedy.passes}


def _enable_small_channel(_: BaseModel, __: kinds.EnableSmallChannel) -> tuple[Fields, Says]:
    return {"enable_small_channel": True}, {("enable_small_channel", ""): True}


def _choose_soc(options: Either, remedy: kinds.ChooseSoc) -> tuple[Fields, Says]:
    changed: Fields = {"soc_version": remedy.soc_version}
    if remedy.soc_version != options.soc_version:
        # It confirmed the SoC that was named before.
        changed["first_generation"] = False
    return changed, {("soc_version", ""): remedy.soc_version}


def _united(held: tuple[str, ...], added: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*held, *added)))


def _without(held: tuple[str, ...], taken: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(each for each in held if each not in taken)


_RULES: Mapping[type[Remedy], Rule] = {
    kinds.SetInputShapes: _set_input_shapes,
    kinds.DropOptions: _drop_options,
    kinds.SetPrecisionMode: _set_precision_mode,
    kinds.KeepDtype: _keep_dtype,
    kinds.MixPrecision: _mix_precision,
    kinds.SetOpPrecision: _set_op_precision,
    kinds.SwitchFusionOff: _switch_fusion_off,
    kinds.EnableSmallChannel: _enable_small_channel,
    kinds.ChooseSoc: _choose_soc,
}
