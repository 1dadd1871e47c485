"""What is wrong with options before atc is called: found in a moment, where atc would take minutes or say nothing.

Codes are ATC's where it has one for the same trouble; EX01.. (refused) and WX01.. (to be minded) are this program's,
for what atc answers with an inner error, with a wrong result, or not at all.
Here belongs what options, the CANN version and its list of SoCs decide. Not here: exclusions that hold everywhere
(`resources/ascend/options.py` refuses those), or what needs the model.
"""

import difflib
from collections.abc import Iterator, Sequence

from pydantic import ValidationError

from resources.ascend import gear_rules
from resources.ascend.aipp import DynamicAipp, StaticAipp
from resources.ascend.cann.environment.versions import Version
from resources.ascend.cann.options.flags import FLAGS
from resources.ascend.families import Family, family
from resources.ascend.options import FIRST_GENERATION, CompileOptions
from resources.ascend.spelling import FILE_OPTIONS, spelt
from resources.ascend.toolchain import Diagnostic

_BF16: tuple[Family, ...] = ("310B", "A2", "A3", "950")
_HF32: tuple[Family, ...] = ("A2", "A3", "950")
_HIF8: tuple[Family, ...] = ("950",)
_NARROW_TYPES = {"HIF8", "FP8E5M2", "FP8E4M3FN"}
_NO_RANGES: tuple[Family, ...] = ("310", "310B")
_NARROW: tuple[Family, ...] = ("310P", "910")
_WIDTH, _NARROW_WIDTH = 4096, 1080
"""Pixels of a padded row (ATC's template of the AIPP file)."""
_MEANT = {"Ascend910": "Ascend910A"}
"""A name that ATC takes for another (GE's platform_utils.cc)."""


def objections(options: CompileOptions, version: Version | None, soc_versions: Sequence[str]) -> tuple[Diagnostic, ...]:
    """Everything against the options, errors and warnings (codes W...). Pure.

    `version`: the CANN that will compile, None where it is not known. `soc_versions`: what the installation takes; with
    an empty list no name is unknown.
    """
    try:
        # A copy with other values has not been checked.
        CompileOptions.model_validate(options.model_dump())
    except ValidationError as error:
        return tuple(_invalid(error))
    return (
        *_soc(options, soc_versions),
        *_versions(options, version),
        *_families(options),
        *gear_rules.refusals(options),
        *_ranges(options),
        *_images(options),
        *_effects(options),
    )


def _invalid(error: ValidationError) -> Iterator[Diagnostic]:
    for each in error.errors(include_url=False, include_context=False, include_input=False):
        place = ".".join(map(str, each["loc"])) or "options"
        yield Diagnostic(
            code="EX0101", message=f"{place}: {each['msg']}", solution="Correct the target's options in defs.yaml."
        )


def _soc(options: CompileOptions, soc_versions: Sequence[str]) -> Iterator[Diagnostic]:
    name = options.soc_version
    if not name:
        text = (
            "The requied parameter [soc_version] for ATC is empty. Another possible reason is that the value of some "
            'parameters is not enclosed by quotation marks ("").'
        )
        yield Diagnostic(code="E10054", message=text, solution="Give soc_version, as npu-smi info names the chip.")
    elif name == FIRST_GENERATION and not options.first_generation:
        yield Diagnostic(
            code="EX0103",
            message=f"Value [{name}] for parameter [--soc_version] is a part of the first generation with 30 cores. "
            "What it compiles is for another kind of core than that of an Atlas A2 card.",
            cause="An Atlas A2 card is often called 910B; its SoC version has a digit more.",
            solution="For an A2 card give Ascend910B1, Ascend910B2, Ascend910B3 or Ascend910B4, as npu-smi info says. "
            "If the first-generation part is meant, add first_generation: true to the target.",
        )
    elif soc_versions and _MEANT.get(name, name) not in soc_versions:
        near = difflib.get_close_matches(name, soc_versions, n=3)
        meant = f"Did you mean {' or '.join(near)}? " if near else ""
        yield Diagnostic(
            code="EX0102",
            message=f"Value [{name}] for parameter [--soc_version] is invalid. Reason: this CANN does not know it.",
            solution=f"{meant}It takes {', '.join(sorted(soc_versions))}. "
            "npu-smi info names the chip; its kernels must be installed.",
        )


def _given(options: CompileOptions) -> list[str]:
    return [*spelt(options), *(flag for flag, name in FILE_OPTIONS.items() if getattr(options, name))]


def _versions(options: CompileOptions, version: Version | None) -> Iterator[Diagnostic]:
    for name in _given(options):
        flag = FLAGS[name]
        instead = f"Give {flag.instead}." if flag.instead else "Leave the option out."
        if version is not None and flag.missing_in(version):
            reason = f"CANN {version.text} does not have the option"
            yield Diagnostic(code="E10055", message=f"[--{name}] is not supported. Reason: {reason}.", solution=instead)
        elif flag.deprecated:
            yield Diagnostic(
                code="WX0101", message=f"[--{name}] is deprecated: a later CANN will refuse it.", solution=instead
            )


def _families(options: CompileOptions) -> Iterator[Diagnostic]:
    """What the SoC's family does not do. Nothing is said of a SoC whose family is not known."""
    soc, kind = options.soc_version, family(options.soc_version)
    if not kind:
        return
    for flag, value, works, solution in _demands(options):
        if kind not in works:
            yield _unsupported(flag, value, soc, solution)
    if options.core_type == "VectorCore" and kind not in FLAGS["core_type"].families:
        # ATC's documentation: the conversion succeeds, and the option has no effect.
        yield Diagnostic(code="WX0102", message=f"[--core_type] has no effect on {soc}.", solution="Leave it out.")


def _demands(options: CompileOptions) -> Iterator[tuple[str, str, tuple[Family, ...], str]]:
    """Flag, value, the families that it works on, and what else to do, where not all of them do."""
    mode = options.precision_mode_v2 or options.precision_mode or ""
    flag = "precision_mode_v2" if options.precision_mode_v2 else "precision_mode"
    if "bf16" in mode or "bfloat16" in mode:
        yield flag, mode, _BF16, "Choose a mode with fp16, or a SoC of the families 310B, A2 or A3."
    if "hif8" in mode:
        yield flag, mode, _HIF8, "Choose a mode with float16: hifloat8 is for Ascend 950 alone."
    for kind in sorted(_output_types(options) & _NARROW_TYPES):
        yield "output_type", kind, _HIF8, "Choose FP16 or FP32."
    precision = options.op_precision_mode
    chosen = {*precision.by_type.values(), *precision.by_node.values()} if precision else set()
    for kind in sorted(chosen & {"enable_float_32_execution", "enable_hi_float_32_execution"}):
        yield "op_precision_mode", kind, _HF32, "Only the families A2, A3 and 950 have HF32."
    for name, value in spelt(options).items():
        works = FLAGS[name].families
        if works and name != "core_type":
            yield name, value, works, f"It works on the families {', '.join(works)}: leave it out."


def _output_types(options: CompileOptions) -> set[str]:
    given = options.output_type
    return set() if given is None else {given} if isinstance(given, str) else set(given.values())


def _unsupported(flag: str, value: str, soc: str, solution: str) -> Diagnostic:
    text = f"Value [{value}] for parameter [--{flag}] is invalid. Reason: {soc} does not support it."
    return Diagnostic(code="E10001", message=text, solution=solution)


def _ranges(options: CompileOptions) -> Iterator[Diagnostic]:
    if options.input_shape_range and family(options.soc_version) in _NO_RANGES:
        solution = "Give fixed sizes, or gears: dynamic_batch_size, dynamic_image_size or dynamic_dims."
        yield _unsupported("input_shape", "a range", options.soc_version, solution)


def _images(options: CompileOptions) -> Iterator[Diagnostic]:
    for op in options.aipp:
        name = _stands_before(options, op)
        if name is not None and name in options.input_fp16_nodes:
            text = f"Nodes (for example, [{name}]) connected to AIPP must not be of type fp16."
            yield Diagnostic(code="E10034", message=text, nodes=(name,), solution="Leave the input out of one of them.")
        if op.related_input_name is not None:
            text = f"AIPP [related_input_name: {op.related_input_name}] is documented for Caffe models alone."
            yield Diagnostic(code="WX0103", message=text, solution="Give related_input_rank, counted from 0.")
        if isinstance(op, StaticAipp):
            yield from _static(options, op, name)


def _stands_before(options: CompileOptions, op: StaticAipp | DynamicAipp) -> str | None:
    """The input that an operator stands before, as far as the options name the model's inputs in their order."""
    names = [*options.input_shape, *options.input_shape_range]
    rank = op.related_input_rank or 0
    return op.related_input_name or (names[rank] if rank < len(names) and not _mixed(options) else None)


def _mixed(options: CompileOptions) -> bool:
    """Whether inputs stand in two mappings, so that their order is not known."""
    return bool(options.input_shape and options.input_shape_range)


def _static(options: CompileOptions, op: StaticAipp, name: str | None) -> Iterator[Diagnostic]:
    if name in options.input_shape_range:
        text = f"Static AIPP stands before input [{name}], whose shape is a range."
        yield Diagnostic(code="EX0104", message=text, nodes=(name or "",), solution="Use gears, or dynamic AIPP.")
    height, width = op.result
    widest = _NARROW_WIDTH if family(options.soc_version) in _NARROW else _WIDTH
    if op.padding and width > widest:
        text = f"AIPP pads to a width of {width}, and {options.soc_version} takes at most {widest}."
        yield Diagnostic(code="EX0105", message=text, solution="Pad less, or pad in the model.")
    shape = options.input_shape.get(name or "", ())
    if options.input_format != "NCHW" or len(shape) != len("NCHW"):
        return
    for what, made, wanted in (("height", height, shape[2]), ("width", width, shape[3])):
        if made and wanted > 0 and made != wanted:
            text = f"AIPP makes a {what} of {made}, and input [{name}] has {wanted}."
            yield Diagnostic(
                code="E70014",
                message=text,
                nodes=(name or "",),
                solution="Crop and pad to the size that the model takes.",
            )


def _effects(options: CompileOptions) -> Iterator[Diagnostic]:
    if options.external_weight:
        yield Diagnostic(
            code="EX0106",
            message="[--external_weight] writes weights into files beside the .om, and an artefact is one file.",
            solution="Leave the option out: weights then stand in the .om.",
        )
    if options.keep_dtype and options.mode == "must_keep_origin_dtype":
        yield Diagnostic(
            code="WX0104",
            message="[--keep_dtype] has no effect: the precision mode keeps every operator's type already.",
            solution="Leave it out, or choose another precision mode.",
        )
