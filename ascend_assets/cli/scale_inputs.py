"""What `ascend scale plan` is given: lists of SoC versions, models, figures of one's own.

Here belong reading and checking them. Not here: what is done with them (`ascend_assets/scale`).
"""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ascend_assets import models
from ascend_assets.cli.console import Unusable

if TYPE_CHECKING:
    from ascend_assets.scale.figures import Overheads
    from ascend_assets.scale.in_cluster import InCluster
    from ascend_assets.scale.typical import Typical

Command = Callable[..., Any]
_MOST_CARDS = 1_000_000


class Finite(click.FloatRange):
    """A number of a range; NaN, which no range keeps out, and infinity are none."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:  # noqa: ANN401
        """The number. Raises `click.BadParameter`."""
        found = float(super().convert(value, param, ctx))
        if not math.isfinite(found):
            self.fail(f"{value} is no number that can be planned with", param, ctx)
        return found


_OWN: Mapping[str, tuple[str, str, float, str]] = {
    "export_seconds": ("times", "export", 1.0, "Of an export."),
    "compile_seconds": ("times", "compilation", 1.0, "Of one atc."),
    "training_minutes": ("times", "training", 60.0, "Of a retraining."),
    "precision_seconds": ("times", "precision_tools", 1.0, "On a card beside the inferences, comparing."),
    "benchmark_seconds": ("times", "benchmark_tools", 1.0, "On a card beside the inferences, measuring."),
    "samples": ("inferences", "evaluation_samples", 1.0, "Of the evaluation data."),
    "released": ("artefacts", "released", 1.0, "Share of candidates that is released, 0 to 1."),
}
"""Option -> group and name of the figure that it replaces, its unit in the figure's own, help."""


def own_figures(command: Command) -> Command:
    """The options that replace an assumed figure by one's own."""
    for option, (_, _, _, text) in reversed(tuple(_OWN.items())):
        kind = Finite(0, 1 if option == "released" else 10_000_000)
        metavar = "SHARE" if option == "released" else "N"
        command = click.option(f"--{option.replace('_', '-')}", option, type=kind, metavar=metavar, help=text)(command)
    return command


def figures_in_force(own: Mapping[str, float | None]) -> "InCluster":
    """The figures that ship, the cluster's sizes, and what was given instead. Raises `BadYaml`."""
    from ascend_assets.cluster import cluster_file
    from ascend_assets.scale import in_cluster
    from ascend_assets.scale.figures import overheads

    return in_cluster.of(cluster_file.in_force(), _replaced(overheads(), own))


def _replaced(shipped: "Overheads", own: Mapping[str, float | None]) -> "Overheads":
    found = shipped
    for option, value in own.items():
        if value is None:
            continue
        group, name, unit, _ = _OWN[option]
        figures = getattr(found, group)
        figure = getattr(figures, name).assumed(value * unit, f"--{option.replace('_', '-')}")
        found = found.model_copy(update={group: figures.model_copy(update={name: figure})})
    return found


def targets(_context: click.Context, parameter: click.Parameter, text: str) -> dict[str, float]:
    """`Ascend310P3,Ascend910B3=0.5` as SoC version -> targets of each model. Raises `click.BadParameter`."""
    return _counts(text, parameter, 1.0)


def cards(_context: click.Context, parameter: click.Parameter, text: str) -> dict[str, int]:
    """`Ascend310P3=8` as SoC version -> cards. Raises `click.BadParameter`."""
    found = _counts(text, parameter, None)
    for soc, count in found.items():
        if not (1 <= count <= _MOST_CARDS and count.is_integer()):
            raise click.BadParameter(f"{soc}: {count:g} cards: give a whole number from 1", param=parameter)
    return {soc: int(count) for soc, count in found.items()}


def _counts(text: str, parameter: click.Parameter, without: float | None) -> dict[str, float]:
    """`without`: the count where none is given; None where one has to be."""
    from resources.ascend.soc import UnknownSocError, soc

    found: dict[str, float] = {}
    for item in filter(None, (part.strip() for part in text.split(","))):
        name, equals, count = item.partition("=")
        try:
            known = soc(name.strip()).name
            found_count = float(count) if equals else without
        except UnknownSocError as error:
            raise click.BadParameter(str(error), param=parameter) from error
        except ValueError as error:
            raise click.BadParameter(f"{item!r}: {count!r} is no number", param=parameter) from error
        if found_count is None:
            raise click.BadParameter(f"{item!r}: say how many: {name}=8", param=parameter)
        if known in found:
            raise click.BadParameter(f"{known} stands twice", param=parameter)
        found[known] = found_count
    return found


def targets_here() -> dict[str, float]:
    """SoC version -> targets of a model, on average over the models that are here. Raises `Unusable` where none is."""
    good, _ = models.load_all(models.DEFS)
    if not good:
        raise Unusable("no model is here to take targets from: give --targets, such as Ascend310P3,Ascend910B3=0.5")
    counted = Counter(target.soc_version for spec in good.values() for target in spec.targets)
    return {soc: count / len(good) for soc, count in sorted(counted.items())}


def kinds(model: str, mix: Path | None, batch: int | None, socs: Sequence[str]) -> "tuple[Typical, ...]":
    """What the models are: the given one, those of the mix, or the one that ships.

    Raises `Unusable`, `BadYaml`, `NotUsable`, `OnnxFileError`.
    """
    from ascend_assets.scale import typical

    if mix is not None:
        given = typical.read_mix(mix).models
        return typical.shares(
            typical.of_file(_file(kind.model, mix.parent), kind.model, socs, kind.batch, kind.share) for kind in given
        )
    if model:
        return (typical.of_file(_file(model, Path()), Path(model).name, socs, batch),)
    return (typical.shipped(socs),)


def _file(model: str, folder: Path) -> Path:
    """An ONNX file by its path or by the name of a released model: its newest release's. Raises `Unusable`."""
    path = folder / model
    if path.is_file():
        return path
    from ascend_assets.cli.tools import registry_tools, require_known

    if "/" in model or model.endswith(".onnx"):
        raise Unusable(f"{path}: there is no such file")
    tools = registry_tools()
    release = tools.registry.latest(model)
    if release is None:
        require_known(tools, model)
        raise Unusable(f"{model} has no release whose ONNX file could be estimated: ascend run {model}, or give a file")
    return tools.blobs.path(release.onnx)
