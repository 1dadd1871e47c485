"""`ascend preflight`: judge any ONNX file, without a project."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ascend_assets.cli import file_options
from ascend_assets.cli.bounds import bounded
from ascend_assets.cli.console import Refused, number, print_json, progress, say, table, width
from ascend_assets.cli.verdicts import counted, say_beyond, verdict_table

if TYPE_CHECKING:
    from ascend_assets.preflight import Preflight
    from resources.ascend.toolchain import LayerComparison, Profile

_WORST_LAYERS = 8
_FOR_ALL_COLUMNS = 90
"""Columns of a terminal that the whole table of layers takes."""
_BEYOND_BATCH = "give a smaller --batch or --input-shape"


@click.command(short_help="Judge any ONNX file: will ATC take it, does it survive FP16, how fast is it?")
@click.argument("model", metavar="MODEL.onnx", type=click.Path(path_type=Path))
@file_options.of_file
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
    options = file_options.parsed(soc, precision_mode, precision_mode_v2, input_shape)
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
