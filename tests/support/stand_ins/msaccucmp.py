"""The stand-in `msaccucmp.py`: compares dumps with a reference, and turns them into NumPy files."""

import argparse
import csv
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stand_ins import tree

if TYPE_CHECKING:
    from numpy.typing import NDArray

NO_DUMP, BAD_FILE = 2, 4
_HEAD = "Index,OpType,NPUDump,DataType,Address,GroundTruth,DataType,Address,TensorIndex,Shape"
_METRICS = (
    "CosineSimilarity,MaxAbsoluteError,AccumulatedRelativeError,RelativeEuclideanDistance,KullbackLeiblerDivergence,"
    "StandardDeviation,MeanAbsoluteError,RootMeanSquareError,MaxRelativeError,MeanRelativeError,CompareFailReason"
)


def main(argv: Sequence[str], home: str) -> int:
    """Run as `msaccucmp.py`. The exit code."""
    here = tree.read(home)
    here.record("msaccucmp", argv)
    fault = here.fault("msaccucmp").get("name", "")
    if fault == "hang":
        tree.hang()
    if fault == "CompareError":
        tree.say("2025-03-18 09:02:18(77)-[ERROR]There is no dump file for the operator.")
        return NO_DUMP
    parser = argparse.ArgumentParser(prog="msaccucmp.py", allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True)
    compare, convert = commands.add_parser("compare"), commands.add_parser("convert")
    for flag in (
        "-m",
        "-g",
        "-f",
        "-q",
        "-cf",
        "-out",
        "-c",
        "-alg",
        "-a",
        "-r",
        "-s",
        "-p",
        "-max",
        "-op",
        "-n",
        "-v",
    ):
        compare.add_argument(flag)
    for flag in ("-d", "-f", "-s", "-out", "-t", "-v"):
        convert.add_argument(flag)
    args = parser.parse_args(list(argv))
    return _compare(here, args, fault) if args.command == "compare" else _convert(args, fault)


def _files(folder: Path) -> Iterator[tuple[Path, "dict[str, NDArray[Any]]"]]:
    import numpy as np

    for path in sorted(folder.iterdir()) if folder.is_dir() else [folder]:
        with np.load(path, allow_pickle=False) as held:
            yield path, dict(held)


def _convert(args: argparse.Namespace, fault: str) -> int:
    import numpy as np

    if fault == "no_conversion":
        tree.say("2025-03-18 09:02:18(77)-[ERROR]The dump file cannot be parsed.")
        return BAD_FILE
    output = Path(args.out)
    for path, tensors in _files(Path(args.d)):
        for end, array in tensors.items():
            np.save(output / f"{path.name}.{end}.npy", array)
    return 0


def _compare(here: tree.Tree, args: argparse.Namespace, fault: str) -> int:
    graph = json.loads(Path(args.f).read_text(encoding="utf-8"))["graph"][0]
    originals = {_spelt(op["name"]): (op["attr"][0]["value"]["list"]["s"] or [""])[0] for op in graph["op"]}
    rows, code = [], 0
    for number, (path, tensors) in enumerate(_files(Path(args.m))):
        kind, name = path.name.split(".")[:2]
        original = originals.get(name, name)
        for end, array in sorted(tensors.items()):
            if not end.startswith("output"):
                continue
            reference = _reference(Path(args.g), _spelt(original), end.rpartition(".")[2])
            code = code if reference is not None else NO_DUMP
            tensor = f"{name}:{end.replace('.', ':')}"
            rows.append(_row(here, (number, kind, name, original, tensor), array, reference))
    table = Path(args.out) / f"result_{time.strftime('%Y%m%d%H%M%S')}.csv"
    if fault == "garbage":
        table.write_bytes(bytes(range(256)) * 64)
        return 0
    over = "OverFlow," if here.generation == "9" else ""
    with table.open("w", encoding="utf-8", newline="") as file:
        file.write(f"{_HEAD},{over}{_METRICS}\n")
        csv.writer(file, lineterminator="\n").writerows(rows)
    return code


def _spelt(name: str) -> str:
    return name.replace("/", "_").replace(".", "_")


def _reference(folder: Path, name: str, place: str) -> "NDArray[Any] | None":
    import numpy as np

    found = sorted(folder.glob(f"{name}.{place}.*.npy"))
    return np.load(found[0], allow_pickle=False) if found else None


def _row(
    here: tree.Tree, names: tuple[int, str, str, str, str], x: "NDArray[Any]", y: "NDArray[Any] | None"
) -> list[object]:
    number, kind, name, original, tensor = names
    shape = str(list(x.shape)).replace(" ", "")
    head = [number, kind, name, x.dtype.name, "NaN", original, "*" if y is None else y.dtype.name, "NaN", tensor, shape]
    over = ["NO"] if here.generation == "9" else []
    if y is None or y.shape != x.shape:
        why = "Cannot find the ground truth." if y is None else "The shapes differ."
        return [*head, *over, *(["NaN"] * 10), why]
    return [*head, *over, *_figures(x, y), ""]


def _figures(x: "NDArray[Any]", y: "NDArray[Any]") -> list[str]:
    import numpy as np

    from resources.ascend.metrics import output_metrics

    figures: Mapping[str, Any] = output_metrics("", x, y).model_dump()
    told = [
        *("cosine_similarity", "max_absolute_error", "accumulated_relative_error", "relative_euclidean_distance"),
        *("kullback_leibler_divergence", "", "mean_absolute_error", "root_mean_square_error", "max_relative_error"),
        "mean_relative_error",
    ]
    with np.errstate(all="ignore"):
        spread = ",".join(f"({a.astype(float).mean():.3f};{a.astype(float).std():.3f})" for a in (x, y))
    return [_spelled(figures[key]) if key else spread for key in told]


def _spelled(value: float) -> str:
    return "NaN" if value != value else f"{value:.6f}"  # noqa: PLR0124 - NaN alone differs from itself
