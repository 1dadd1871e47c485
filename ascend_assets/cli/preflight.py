"""`ascend preflight`: judge any ONNX file, without a project."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ascend_assets.cli.console import Refused, number, print_json, progress, say, table, verdict_table
from resources.ascend.options import PRECISION_MODES, PRECISION_MODES_V2, CompileOptions

if TYPE_CHECKING:
    from ascend_assets.preflight import Preflight
    from resources.ascend.toolchain import LayerComparison, Profile

_WORST_LAYERS = 8


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--soc", default="Ascend310P3", show_default=True, help="SoC version, as npu-smi names it.")
@click.option("--precision-mode", type=click.Choice(PRECISION_MODES), help="ATC's default is force_fp16.")
@click.option("--precision-mode-v2", type=click.Choice(PRECISION_MODES_V2))
@click.option(
    "--input-shape", default="", metavar='"x:1,3,224,224"', help="Shapes of dynamic inputs, as ATC takes them."
)
@click.option("--batch", type=click.IntRange(1, 4096), help="First dimension of inputs that leave it open.")
@click.option(
    "--inputs", type=click.Path(path_type=Path), help="An .npz with one array per input; else random tensors."
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
    as_json: bool,  # noqa: FBT001 - click passes options by keyword
) -> None:
    """Will ATC take MODEL.onnx, does it survive FP16, how fast will it be? Needs no NPU and no project.

    Exit code 0: admissible in dev. 1: judged and refused. 2: not usable.
    """
    from ascend_assets import preflight as work
    from resources.ascend.soc import soc as look_up
    from resources.onnx_shapes import parse_input_shape

    look_up(soc)
    options = CompileOptions.model_validate(
        {
            "soc_version": soc,
            "precision_mode": precision_mode,
            "precision_mode_v2": precision_mode_v2,
            "input_shape": parse_input_shape(input_shape) if input_shape else {},
        }
    )
    found = work.run(model, options, batch=batch, inputs=inputs, say=_silent if as_json else _progress)
    if as_json:
        print_json(work.as_json(found))
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
    say(f"{found.path}  {found.options.soc_version}  {found.options.mode}  (emulated, no NPU involved)")
    say()
    verdict_table(found.verdicts)
    if found.comparison is not None:
        _print_layers(found.comparison.layers)
        bad = found.comparison.first_bad_layer
        say(f"first bad layer: {f'{bad.node} ({bad.op}): {bad.cause}' if bad else 'none'}")
        for small in found.comparison.small_constants:
            say(f"small constant: {small.node} ({small.op}): {small.what}")
    if found.profile is not None:
        _print_estimate(found.profile)
    say(f"{found.seconds:.1f} s, of which {found.comparison_seconds:.2f} s for the layers")


def _print_layers(layers: "tuple[LayerComparison, ...]") -> None:
    worst = sorted(layers, key=_badness, reverse=True)[:_WORST_LAYERS]
    say()
    say(f"the {len(worst)} layers with the largest error of their own, of {len(layers)}:")
    table(
        ("node", "op", "dtype", "cosine", "accumulated", "own error", "overflow", "underflow"),
        [
            (
                layer.node,
                layer.op,
                layer.dtype,
                f"{layer.cosine_similarity:.6f}",
                number(layer.relative_euclidean_distance),
                number(layer.local_error),
                str(layer.overflow),
                str(layer.underflow),
            )
            for layer in worst
        ],
    )


def _badness(layer: "LayerComparison") -> tuple[bool, float]:
    error = layer.local_error
    return error != error or bool(layer.overflow), error if error == error else 0.0  # noqa: PLR0124 - NaN is worst


def _print_estimate(profile: "Profile") -> None:
    band = profile.error_band
    say(
        f"estimate: {profile.latency_ms.p50:.3g} ms for a batch of {profile.batch}, "
        f"{profile.throughput:.0f} samples/s, AI cores busy {profile.aicore_utilisation:.0%}, bound by {profile.bound}"
    )
    if band is not None:
        say(
            f"          90 % of {band.points} published figures of {band.models} models lay between "
            f"{band.low:.2f} and {band.high:.2f} times such an estimate"
        )
