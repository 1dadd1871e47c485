"""Fit the clock to the published throughput figures, and say how far off it is on networks it has not seen.

    python -m benchmarks.calibrate            # print the errors, compare with the shipped calibration
    python -m benchmarks.calibrate --write    # regenerate resources/ascend/tables/calibration.json

Least squares on log latency with a soft loss, each model weighing less than its number of points, and weak priors
that keep the coefficients that the table cannot identify where physics and msmodeling's uncalibrated defaults put
them.
"""

import argparse
import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from benchmarks.held_out_models import HELD_OUT
from benchmarks.reference_models import PUBLISHED, Builder
from resources.ascend.emulator import calibration
from resources.ascend.emulator.calibration import Calibration, ModelError, Spread
from resources.ascend.emulator.roofline import Coefficients, Demand, demand, times
from resources.ascend.emulator.workload import works
from resources.ascend.soc import soc
from resources.ascend.toolchain import ErrorBand
from resources.onnx_files.graph import view

Floats = NDArray[np.float64]

TABLES = Path(__file__).parent.parent / "resources" / "ascend" / "tables"
FITTED_SOC, OTHER_SOC = "Ascend310P3", "Ascend310B1"


@dataclass(frozen=True)
class Prior:
    """What is believed of a coefficient before any figure: its likely value and its spread in log space."""

    value: float
    spread: float


PRIORS = {
    # msmodeling's uncalibrated defaults are 0.7 of the compute peak and 0.6 of memory; LPDDR streams reach more than
    # HBM.
    "cube": Prior(0.75, 0.15),
    "ddr": Prior(0.8, 0.1),
    # An instruction reads and writes the unified buffer, whose ports it shares with the copies.
    "vector": Prior(0.5, 0.3),
    "l2": Prior(0.5, 0.4),
    "resident": Prior(0.8, 0.5),
    "spill": Prior(0.8, 0.3),
    "strided": Prior(3.0, 0.5),
    # msmodeling has 2 us for a vector operator and 5 us for a matrix product.
    "overhead_s": Prior(3e-6, 0.5),
    "fixed_s": Prior(1e-4, 0.7),
}
SHARES = frozenset({"cube", "vector", "l2", "ddr", "spill"})
"""Coefficients that cannot exceed 1."""

TOLERANCE = 0.02
"""Relative difference under which two fits are the same fit."""

FACTOR = 1.6
"""The factor within which the report counts points."""

NOISE = 0.1
"""Scatter of published figures between runs and CANN versions, in log space: the weight of the priors."""


@dataclass(frozen=True)
class Point:
    """One published figure and what it asks of its SoC."""

    model: str
    soc_version: str
    batch: int
    latency_s: float
    asked: Demand


def points(table: Path, builders: Mapping[str, Builder], figure: str) -> list[Point]:
    """The figures of `table`; `figure` names its throughput column. AIPP is taken from the note."""
    found = []
    with table.open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            batch = int(row["batch"])
            graph = view(builders[row["model"]](batch, "absent"))
            running = [work for work in works(graph, {}, aipp="AIPP" in row["note"]) if not work.free]
            asked = demand(running, soc(row["soc_version"]))
            found.append(Point(row["model"], row["soc_version"], batch, batch / float(row[figure]), asked))
    return found


def published() -> list[Point]:
    """The calibration's figures."""
    return points(TABLES / "published_throughput.csv", PUBLISHED, "images_per_second")


def held_out() -> list[Point]:
    """Figures that no fit uses."""
    return points(Path(__file__).parent / "held_out.csv", HELD_OUT, "samples_per_second")


def ratio(point: Point, fitted: Coefficients) -> float:
    """Published over estimated latency."""
    return point.latency_s / (float(times(point.asked, fitted).total.sum()) + fitted.fixed_s)


def fit(seen: Sequence[Point]) -> Coefficients:
    """The coefficients that explain `seen` best. Deterministic."""
    counts = Counter(point.model for point in seen)
    # A model with n points weighs as sqrt(n) models: its points share the errors of its graph.
    weights = [counts[point.model] ** -0.25 for point in seen]
    names = list(PRIORS)
    middle = np.log([PRIORS[name].value for name in names])
    spread = np.array([PRIORS[name].spread for name in names])

    def residuals(guess: Floats) -> list[float]:
        fitted = _coefficients(names, np.exp(guess).tolist())
        misses = [-np.log(ratio(point, fitted)) * weight for point, weight in zip(seen, weights, strict=True)]
        return [*misses, *(NOISE * (guess - middle) / spread)]

    highest = np.log([1.0 if name in SHARES else np.inf for name in names])
    found = least_squares(residuals, middle, bounds=(-np.inf, highest), loss="soft_l1", f_scale=0.3, diff_step=1e-3)
    return _coefficients(names, [float(f"{value:.4g}") for value in np.exp(found.x)])


def _coefficients(names: Sequence[str], values: Sequence[float]) -> Coefficients:
    return Coefficients.model_validate(dict(zip(names, values, strict=True)))


def calibrate(seen: Sequence[Point], unseen: Sequence[Point]) -> Calibration:
    """Fit, refit without each model, and collect how far the estimates were."""
    fitted = fit(seen)
    left_out: list[ModelError] = []
    for model in sorted({point.model for point in seen}):
        without = fit([point for point in seen if point.model != model])
        left_out += _errors([point for point in seen if point.model == model], without)
    socs = sorted({point.soc_version for point in seen})
    held = _errors([point for point in unseen if point.soc_version in socs], fitted)
    alone = fit([point for point in seen if point.soc_version == FITTED_SOC])
    across = [ratio(point, alone) for point in seen if point.soc_version == OTHER_SOC]
    return Calibration(
        coefficients=fitted,
        spread=spread_of([*left_out, *held]),
        left_out=tuple(left_out),
        held_out=tuple(held),
        elsewhere=tuple(_errors([point for point in unseen if point.soc_version not in socs], fitted)),
        socs=tuple(socs),
        generations=tuple(sorted({soc(name).generation for name in socs})),
        fitted_soc=FITTED_SOC,
        other_soc=OTHER_SOC,
        across_socs=round(float(np.exp(np.log(across).mean())), 4),
    )


def _errors(of: Sequence[Point], fitted: Coefficients) -> list[ModelError]:
    """The ratios of `of`, by model and SoC."""
    ratios: dict[tuple[str, str], list[float]] = {}
    for point in of:
        ratios.setdefault((point.model, point.soc_version), []).append(round(ratio(point, fitted), 4))
    return [ModelError(model=m, soc_version=s, ratios=tuple(r)) for (m, s), r in sorted(ratios.items())]


def spread_of(errors: Sequence[ModelError]) -> Spread:
    """Quantiles of all ratios, each model weighing the same however many points it has."""
    ratios = np.array([r for error in errors for r in error.ratios])
    counts = Counter(error.model for error in errors for _ in error.ratios)
    weights = np.array([1 / counts[error.model] for error in errors for _ in error.ratios])
    return Spread(
        band=ErrorBand(
            low=quantile(ratios, weights, 0.05),
            high=quantile(ratios, weights, 0.95),
            median_error=quantile(np.abs(1 / ratios - 1), weights, 0.5),
            models=len(counts),
            points=len(ratios),
        ),
        q90=quantile(ratios, weights, 0.9),
        q99=quantile(ratios, weights, 0.99),
    )


def quantile(values: Floats, weights: Floats, share: float) -> float:
    """The smallest value with at least `share` of the weight at or below it."""
    order = np.argsort(values)
    below = np.cumsum(weights[order]) / weights.sum()
    return round(float(values[order][np.searchsorted(below, share - 1e-12)]), 4)


def agrees(new: Calibration, old: Calibration) -> bool:
    """Whether two calibrations say the same, but for rounding in another machine's arithmetic."""
    both = [(*c.left_out, *c.held_out, *c.elsewhere) for c in (new, old)]
    if [(e.model, e.soc_version, len(e.ratios)) for e in both[0]] != [
        (e.model, e.soc_version, len(e.ratios)) for e in both[1]
    ]:
        return False
    figures = [
        [
            *c.coefficients.model_dump().values(),
            *(ratio for error in errors for ratio in error.ratios),
            *c.spread.band.model_dump().values(),
            *(c.spread.q90, c.spread.q99, c.across_socs),
        ]
        for c, errors in zip((new, old), both, strict=True)
    ]
    return bool(np.allclose(figures[0], figures[1], rtol=TOLERANCE, atol=0.0))


def report(found: Calibration) -> str:
    """The errors as a Markdown table, as docs/estimate.md shows them."""
    lines = ["| coefficient | value |", "|---|---|"]
    lines += [f"| {name} | {value:.4g} |" for name, value in found.coefficients.model_dump().items()]
    titles = ("left out of the fit", "never in any fit", "on a SoC never in any fit")
    for title, errors in zip(titles, (found.left_out, found.held_out, found.elsewhere), strict=True):
        lines += ["", f"| {title} | SoC | published / estimated latency |", "|---|---|---|"]
        lines += [f"| {e.model} | {e.soc_version} | {', '.join(f'{r:.2f}' for r in e.ratios)} |" for e in errors]
        own = spread_of(errors).band
        inside = np.mean([abs(np.log(r)) <= np.log(FACTOR) for e in errors for r in e.ratios])
        lines.append(
            f"| **{own.points} points** | | median error {own.median_error:.1%}, 90 % within {own.low:.2f} to "
            f"{own.high:.2f}, {inside:.0%} of points within a factor {FACTOR} |"
        )
    lines += [
        "",
        f"band {found.spread.band}",
        f"{found.other_soc} after a fit on {found.fitted_soc}: {found.across_socs}",
    ]
    return "\n".join(lines)


def main() -> int:
    """Print the report; with `--write` regenerate the table, otherwise fail if it is not what the fit gives."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="regenerate calibration.json")
    write = parser.parse_args().write
    found = calibrate(published(), held_out())
    print(report(found))
    path = TABLES / "calibration.json"
    if write:
        path.write_text(found.model_dump_json(indent=2) + "\n", encoding="utf-8")
    elif not agrees(found, calibration.load()):
        print(f"{path} is not what this fit gives: run again with --write and review the difference")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
