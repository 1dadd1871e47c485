"""`ascend preflight`: judge any ONNX file, without a project."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ascend_assets.cli.bounds import bounded
from ascend_assets.cli.console import Refused, number, print_json, progress, say, table, width
from ascend_assets.cli.verdicts import counted, say_beyond, verdict_table
from resources.ascend.options import PRECISION_MODES, PRECISION_MODES_V2, CompileOptions

if TYPE_CHECKING:
    from ascend_assets.preflight import Preflight
    from resources.ascend.toolchain import LayerComparison, Profile

_WORST_LAYERS = 8
_FOR_ALL_COLUMNS = 90
"""Columns of a terminal that the whole table of layers takes."""
_BEYOND_BATCH = "give a smaller --batch or --input-shape"


@click.command(short_help="Judge any ONNX file: will ATC take it, does it survive FP16, how fast is it?")
@click.argument("model", metavar="MODEL.onnx", type=click.Path(path_type=Path))
@click.option(
    "--soc", metavar="SOC", default="Ascend310P3", show_default=True, help="SoC version, as npu-smi names it."
)
@click.option(
    "--precision-mode", metavar="MODE", type=click.Choice(PRECISION_MODES), help=f"One of {', '.join(PRECISION_MODES)}."
)
@click.option(
    "--precision-mode-v2",
    metavar="MODE",
    type=click.Choice(PRECISION_MODES_V2),
    help=f"Instead of --precision-mode, one of {', '.join(PRECISION_MODES_V2)}. Neither: ATC's default, force_fp16.",
)
@click.option(
    "--input-shape", default="", metavar='"x:1,3,224,224"', help="Shapes of dynamic inputs, as ATC takes them."
)
@click.option(
    "--batch",
    metavar="N",
    type=click.IntRange(1, 4096),
    help="First dimension of inputs that leave it open; 1 if not given.",
)
@click.option(
    "--inputs",
    metavar="FILE.npz",
    type=click.Path(path_type=Path),
    help="One array per input, samples first; else random tensors.",
)
@click.option(
    "--timeout",
    metavar="SECONDS",
    type=click.FloatRange(1, 86400),
    default=600,
    show_default=True,
    help="Give up after so long.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout, no progress.")
def preflight(  # noqa: PLR0913, PLR0917 - one parameter per option
    model: Path,
    soc: str,
    precision_mode: str | None,
    precision_mode_v2: str | None,
    input_shape: str,
    batch: int | None,
    inputs: Path | None,
    timeout: float,
    as_json: bool,  # noqa: FBT001 - click passes options by keyword
) -> None:
    """Will ATC take MODEL.onnx, does it survive FP16, how fast will it be? Needs no NPU and no project.

    \b
    ascend preflight resnet50.onnx
    ascend preflight bert.onnx --soc Ascend910B3 --input-shape "ids:1,128;mask:1,128"
    ascend preflight yolo.onnx --precision-mode allow_mix_precision --inputs images.npz

    Exit code 0: admissible in dev. 1: judged and refused. 2: not usable.
    """  # noqa: D301 - the backspace tells click to keep the lines
    options = _options(soc, precision_mode, precision_mode_v2, input_shape)
    from ascend_assets import preflight as work

    with bounded(timeout, _BEYOND_BATCH):
        found = work.run(model, options, batch=batch, inputs=inputs, say=_silent if as_json else _progress)
        answer = work.as_json(found) if as_json else {}
    if as_json:
        print_json(answer)
    else:
        _print(found)
    if not found:
        refused = [verdict.criterion for verdict in found.verdicts if not verdict]
        raise Refused(f"{model} is refused: {', '.join(refused)}")


def _options(soc: str, mode: str | None, mode_v2: str | None, input_shape: str) -> CompileOptions:
    """The options, each checked on its own so that the message names it. Raises `click.BadParameter`."""
    from resources.ascend.soc import UnknownSocError
    from resources.ascend.soc import soc as look_up
    from resources.onnx_files.shapes import parse_input_shape

    if mode and mode_v2:
        raise click.UsageError("--precision-mode and --precision-mode-v2 exclude each other: give one")
    try:
        look_up(soc)
    except UnknownSocError as error:
        raise click.BadParameter(f"no SoC version {soc!r} is known: {_near(soc)}", param_hint="--soc") from error
    try:
        shapes = parse_input_shape(input_shape) if input_shape else {}
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--input-shape") from error
    return CompileOptions.model_validate(
        {"soc_version": soc, "precision_mode": mode, "precision_mode_v2": mode_v2, "input_shape": shapes}
    )


def _near(soc: str) -> str:
    """The SoC versions that may be meant, or all."""
    from difflib import get_close_matches

    from resources.ascend.soc import soc_names

    names = {name.lower(): name for name in soc_names()}
    asked = soc.lower()
    same = [name for low, name in names.items() if asked in {low, low.removeprefix("ascend")}]
    part = [name for low, name in names.items() if len(asked) > 2 and asked in low]  # noqa: PLR2004 - "31" means nothing
    near = same or part or [names[low] for low in get_close_matches(asked, names, n=4, cutoff=0.8)]
    return f"perhaps {' or '.join(near)}" if near else f"give one of {', '.join(soc_names())}"


def _progress(text: str) -> None:
    progress(f"  {text} ...")


def _silent(_text: str) -> None:
    """A script reads nothing but the object."""


def _print(found: "Preflight") -> None:
    say()
    say(f"{found.path}   sha256 {found.sha256[:12]}")
    say(f"{found.options.soc_version}   {found.options.mode}   {_shapes(found)}")
    say("emulated on this machine's CPU: no NPU was involved")
    say()
    if found.comparison is not None:
        _print_layers(found.comparison.layers)
        for small in found.comparison.small_constants:
            say(f"small constant: {small.node} ({small.op}): {small.what}")
        say()
    verdict_table(found.verdicts)
    say()
    if found.profile is not None:
        _print_estimate(found.profile)
    _print_end(found)


def _shapes(found: "Preflight") -> str:
    shapes = ";".join(f"{name}:{','.join(map(str, dims))}" for name, dims in found.options.input_shape.items())
    return f"{shapes}   (a batch of 1 is assumed: --batch N for another)" if found.assumed else shapes


def _print_end(found: "Preflight") -> None:
    """What it comes to, last: that is where a person looks."""
    say_beyond(found.verdicts)
    bad = found.comparison.first_bad_layer if found.comparison else None
    if bad:
        say(f"first bad layer: {bad.node} ({bad.op}): {bad.cause}")
    word = "admissible in dev" if found else "refused"
    seconds = f"{found.seconds:.1f} s, {found.comparison_seconds:.2f} s of it for the layers"
    say(f"{word}: {counted(found.verdicts)}   ({seconds})")


def _print_layers(layers: "tuple[LayerComparison, ...]") -> None:
    worst = sorted(layers, key=_badness, reverse=True)[:_WORST_LAYERS]
    say(f"{len(worst)} of {len(layers)} layers, the largest error of their own first (relative Euclidean distance):")
    columns = {
        "node": [layer.node for layer in worst],
        "op": [layer.op for layer in worst],
        "dtype": [layer.dtype for layer in worst],
        "cosine": [f"{layer.cosine_similarity:.6f}" for layer in worst],
        "accumulated": [number(layer.relative_euclidean_distance) for layer in worst],
        "own error": [number(layer.local_error) for layer in worst],
        "overflow": [str(layer.overflow) for layer in worst],
        "underflow": [str(layer.underflow) for layer in worst],
    }
    if width() < _FOR_ALL_COLUMNS:
        columns = {name: columns[name] for name in ("node", "op", "own error", "overflow")}
    table(tuple(columns), zip(*columns.values(), strict=True), wrap=0)


def _badness(layer: "LayerComparison") -> tuple[bool, float]:
    error = layer.local_error
    return error != error or bool(layer.overflow), error if error == error else 0.0  # noqa: PLR0124 - NaN is worst


def _print_estimate(profile: "Profile") -> None:
    band = profile.error_band
    say(
        f"estimate: {profile.latency_ms.p50:.3g} ms for a batch of {profile.batch}, "
        f"{profile.throughput:,.0f} samples/s, AI cores busy {profile.aicore_utilisation:.2%}, bound by {profile.bound}"
    )
    if band is not None:
        say(
            f"          90 % of {band.points} published figures of {band.models} models lay between "
            f"{band.low:.2f} and {band.high:.2f} times such an estimate"
        )
