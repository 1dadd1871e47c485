"""Options of ATC that a SoC, a model or a toolchain does not take, or that exclude each other.

Not here: shapes of inputs (`inputs.py`), the SoC itself (`soc.py`), what ATC finds out about the host
(`environment.py`).
"""

import difflib
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ascend_assets.diagnosis.case import Case, Observation, Value
from ascend_assets.diagnosis.observers import Kind
from ascend_assets.diagnosis.observers.said import SAID, errors, fact
from ascend_assets.diagnosis.observers.unparsed import names
from ascend_assets.diagnosis.offers import offer
from ascend_assets.diagnosis.telling import plain
from ascend_assets.remedies.kinds import DropOptions, KeepDtype, Remedy, SetInputShapes, SetPrecisionMode
from resources.ascend.gears import shapes
from resources.ascend.option_values import PRECISION_MODES, PRECISION_MODES_V2
from resources.ascend.soc import UnknownSocError, soc
from resources.ascend.spelling import FILE_OPTIONS

if TYPE_CHECKING:
    from resources.ascend.toolchain import Diagnostic

MAKES = {
    "option_unsupported": Kind(("option", *SAID), ("drop_options", "set_precision_mode")),
    "option_mode": Kind(("mode", "instead", *SAID), ("set_precision_mode",)),
    "option_kept_name": Kind(("wrong", "near", *SAID), ("drop_options", "keep_dtype")),
    "option_value": Kind(("option", "value", *SAID)),
    "option_required": Kind(("option", *SAID)),
    "option_exclusive": Kind(("option", *SAID)),
    "option_image": Kind(SAID),
    "gears_without_axis": Kind(("option", *SAID), ("drop_options",)),
    "gears_one": Kind(("option", *SAID), ("drop_options", "set_input_shapes")),
    "gears_wrong": Kind(("option", *SAID)),
    "mode_fp32_without_cube": Kind(("mode",)),
}

_OPTION = re.compile(r"\[?--(?P<option>[a-z_0-9]{2,40})\]?")
_VALUE = re.compile(
    r"Value \[?(?P<value>.{0,300}?)\]? for (?:parameter )?\[?(?:--)?(?P<option>[a-z_0-9]{2,40})\]?", re.DOTALL
)
_ASKED = re.compile(r"parameter \[?(?:--)?(?P<option>[a-z_0-9]{2,40})\]? for ATC is empty")
_NOT_OPTIONS = ("host_env_os", "host_env_cpu", "soc_version")
_GEARS = ("dynamic_batch_size", "dynamic_image_size", "dynamic_dims")
_WIDE_MODES = frozenset({"force_fp32", "must_keep_origin_dtype", "cube_fp16in_fp32out"})


def observe(case: Case) -> Iterator[Observation]:
    """What a compiler has against options, and a mode that asks for what the SoC's cube does not have."""
    for item in errors(case, "EX0006", "E10055"):
        option = _option(item)
        drop = offer(DropOptions, options=(option,)) if option in _droppable(case) else {}
        yield fact("option_unsupported", item, values={"option": option}, remedies={**drop, **_mode(case, option)})
    for item in errors(case, "EX0002", "E10001"):
        yield from _value(item)
    for item in errors(case, "E10016"):
        if "keep_dtype" in item.message:
            yield _kept(case, item)
    for item in errors(case, "E10005", "E10006", "E10010", "E10014", "E10015"):
        found = _VALUE.search(item.message)
        values: dict[str, Value] = {"option": _option(item), "value": plain(found["value"]) if found else "-"}
        yield fact("option_value", item, values=values)
    for item in errors(case, "E10004", "E10007", "E10054"):
        asked = _ASKED.search(item.message)
        yield fact("option_required", item, values={"option": asked["option"] if asked else _option(item)})
    for item in errors(case, "E10009", "E10034", "E10047", "E10056"):
        yield fact("option_exclusive", item, values={"option": ", ".join(_OPTION.findall(item.message)[:5]) or "-"})
    for item in errors(case, "E70014"):
        yield fact("option_image", item)
    yield from _gears(case)
    yield from _without_cube(case)


def _option(item: "Diagnostic") -> str:
    found = _OPTION.search(item.message)
    return found["option"] if found else "-"


def _droppable(case: Case) -> frozenset[str]:
    """Options by ATC's names that this case gives."""
    given = case.options.model_fields_set
    return frozenset({*given, *(flag for flag, field in FILE_OPTIONS.items() if field in given)}) - {"soc_version"}


def _mode(case: Case, option: str) -> dict[str, Remedy]:
    """FP16 in place of a mode that is not taken: what computes in hifloat8."""
    given = option == "precision_mode_v2" and case.options.precision_mode_v2
    return offer(SetPrecisionMode, precision_mode_v2="fp16") if given else {}


def _with_fp16(mode: str) -> str:
    """The mode that does with FP16 what a mode with bf16 does; the mode itself where there is none."""
    return mode.replace("bfloat16", "float16").replace("bf16", "fp16")


def _value(item: "Diagnostic") -> Iterator[Observation]:
    """An option's value that is refused; the modes with bf16 have a counterpart with fp16."""
    found = _VALUE.search(item.message)
    if found is None or found["option"] in _NOT_OPTIONS or "maybe you should set input_shape" in item.message:
        return
    option, value = found["option"], found["value"]
    if option in {"precision_mode", "precision_mode_v2"} and value in {*PRECISION_MODES, *PRECISION_MODES_V2}:
        instead = _with_fp16(value)
        remedies = offer(SetPrecisionMode, **{option: instead}) if instead != value else {}
        yield fact("option_mode", item, values={"mode": value, "instead": instead}, remedies=remedies)
    else:
        yield fact("option_value", item, values={"option": option, "value": plain(value)})


def _kept(case: Case, item: "Diagnostic") -> Observation:
    """A name in keep_dtype that the model does not have, and the node that was meant, if one is spelled like it."""
    known = [name for name, _, _ in names(case.model)] if case.model is not None else []
    held = frozenset(known)
    wrong = [name for name in case.options.keep_dtype if not name.startswith("OpType::") and name not in held]
    near = {
        name: close[0]
        for name in wrong[:20]
        if (close := difflib.get_close_matches(name, known[:5000], n=1, cutoff=0.7))
    }
    good = tuple(name for name in case.options.keep_dtype if name not in wrong)
    remedies = {**offer(DropOptions, options=("keep_dtype",)), **offer(KeepDtype, nodes=(*good, *near.values()))}
    values: dict[str, Value] = {
        "wrong": ", ".join(map(plain, wrong[:5])) or "-",
        "near": ", ".join(map(plain, near.values())) or "-",
    }
    return fact("option_kept_name", item, nodes=tuple(near.values()), values=values, remedies=remedies if wrong else {})


def _gears(case: Case) -> Iterator[Observation]:
    given = [name for name in _GEARS if getattr(case.options, name)]
    drop = offer(DropOptions, options=(given[0],)) if given else {}
    for item in errors(case, "E10031", "E10040"):
        fixed = all(dim > 0 for dims in case.options.input_shape.values() for dim in dims)
        yield fact("gears_without_axis", item, values=_geared(item, given), remedies=drop if fixed else {})
    for item in errors(case, "E10035"):
        yield fact("gears_one", item, values=_geared(item, given), remedies={**drop, **_at_gear(case)})
    for item in errors(case, "E10018", "E10019", "E10036", "E10037", "E10039"):
        yield fact("gears_wrong", item, values=_geared(item, given))


def _geared(item: "Diagnostic", given: list[str]) -> dict[str, Value]:
    """The option that lists gears: what was given, else all that the message speaks of."""
    return {"option": ", ".join(given or dict.fromkeys(_OPTION.findall(item.message))) or "-"}


def _at_gear(case: Case) -> dict[str, Remedy]:
    """The shapes that the only gear stands for."""
    listed = shapes(case.options)
    return offer(SetInputShapes, shapes=listed[0]) if len(listed) == 1 else {}


def _without_cube(case: Case) -> Iterator[Observation]:
    mode = case.options.mode
    if mode not in _WIDE_MODES:
        return
    try:
        cube = soc(case.options.soc_version).fp32_cube
    except UnknownSocError:
        return
    if cube == "none":
        says = f"{mode} asks for FP32 and the cube of {case.options.soc_version} takes FP16 and int8 alone"
        yield Observation("mode_fp32_without_cube", says, (), {"mode": mode}, {}, "options")
