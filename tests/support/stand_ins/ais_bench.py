"""The stand-in `ais_bench`, as a command in both of its spellings.

Here belong its arguments, its console and its files. Not here: the device (`loading.py`), its Python session
(`ais_session.py`).
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from stand_ins import tree
from stand_ins.loading import AclError, Loaded
from stand_ins.tree import Tree

if TYPE_CHECKING:
    from numpy.typing import NDArray

Spelling = Literal["ais_bench", "msit"]

_SAME = ("input", "output", "outfmt", "loop", "debug", "device", "profiler", "dump")
_OLD = [
    "model",
    "output_dirname",
    "batchsize",
    "dymBatch",
    "dymHW",
    "dymDims",
    "dymShape",
    "dymShape_range",
    "outputSize",
    "auto_set_dymdims_mode",
    "auto_set_dymshape_mode",
    "acl_json_path",
    "pure_data_type",
    "display_all_summary",
    "output_batchsize_axis",
    "run_mode",
    "warmup_count",
]
_NEW = [
    "om-model",
    "output-dirname",
    "batch-size",
    "dym-batch",
    "dym-hw",
    "dym-dims",
    "dym-shape",
    "dym-shape-range",
    "output-size",
    "auto-set-dymdims-mode",
    "auto-set-dymshape-mode",
    "acl-json-path",
    "pure-data-type",
    "display-all-summary",
    "output-batchsize-axis",
    "run-mode",
    "warmup-count",
    "aipp-config",
    "energy-consumption",
    "npu-id",
    "backend",
    "perf",
    "pipeline",
    "profiler-rename",
    "dump-npy",
    "divide-input",
    "threads",
]
_DEST = {"om_model": "model", "batch_size": "batchsize", "output_size": "outputSize"}
_DEST |= {"dym_batch": "dymBatch", "dym_hw": "dymHW", "dym_dims": "dymDims", "dym_shape": "dymShape"}


def main(argv: Sequence[str], home: str, spelling: Spelling = "ais_bench") -> int:
    """Run as `python3 -m ais_bench` or `msit benchmark`. The exit code."""
    here = tree.read(home)
    here.record("ais_bench", argv)
    if spelling == "msit":
        if not argv or argv[0] != "benchmark":
            tree.say("usage: msit [-h] {benchmark,debug} ...")
            return 0 if argv and argv[0] in {"-h", "--help"} else 2
        argv = argv[1:]
    args = _parser(spelling).parse_args(list(argv))
    fault = here.fault("ais_bench").get("name", "")
    if fault == "hang":
        tree.say("[INFO] acl init success")
        tree.hang()
    if fault == "garbage":
        os.write(1, bytes(range(256)) * 64)
        return 1
    try:
        return _run(here, args, fault)
    except AclError as error:
        for line in str(error).splitlines():
            tree.say(f"[ERROR] {line}")
        sys.stderr.write(f"RuntimeError: {error}\n")
        return 1


def _parser(spelling: Spelling) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="msit benchmark" if spelling == "msit" else "ais_bench", allow_abbrev=False)
    for name in (*_SAME, *(_NEW if spelling == "msit" else _OLD)):
        dest = name.replace("-", "_")
        parser.add_argument(f"--{name}", dest=_DEST.get(dest, dest), default=None)
    parser.set_defaults(**{_DEST.get(n.replace("-", "_"), n.replace("-", "_")): None for n in (*_OLD, *_NEW)})
    return parser


def _run(here: Tree, args: argparse.Namespace, fault: str) -> int:
    tree.say("[INFO] acl init success")
    device = int(args.device or 0)
    om = Path(args.model)
    loaded = Loaded(here, om, device)
    tree.say(f"[INFO] open device {device} success")
    tree.say(f"[INFO] load model {om} success")
    tree.say("[INFO] create model description success")
    if fault == "crash":
        tree.crash()
    sample, arrays = _arrays(loaded, args, fault)
    gear = loaded.gear([array.shape for array in arrays])
    tree.say(f"[INFO] try get model batchsize:{gear['batch']}")
    loops, warmup = int(args.loop or 1), int(args.warmup_count if args.warmup_count is not None else 1)
    tree.say(f"[INFO] warm up {warmup} done")
    times = [loaded.milliseconds(gear) for _ in range(loops)]
    results = loaded.run(arrays)
    here.record_run(om, device, loops + warmup)
    if args.acl_json_path:
        from stand_ins.dumping import dump

        dump(loaded, Path(args.acl_json_path), arrays, device)
    _bar(loops)
    if fault == "nan_times":
        times = [float("nan")] * loops
    if args.output:
        _files(args, sample, results, times, gear["batch"], fault)
    _summary(times, gear["batch"])
    if args.energy_consumption in {"1", "True", "true"}:
        tree.say(f"[INFO] NPU ID:{args.npu_id or 0} energy consumption(J):{sum(times) * 0.07}")
    tree.say("[INFO] unload model success, model Id is 1")
    tree.say(f"[INFO] end to reset device is {device}\n[INFO] end to finalize acl")
    return 0


def _bar(loops: int) -> None:
    """A bar that overwrites itself, on stderr as tqdm's."""
    for done in range(0, loops + 1, max(1, loops // 3)):
        share = done / loops
        bar = "\u2588" * int(share * 30)
        sys.stderr.write(f"\rInference array Processing: {share:4.0%}|{bar:<30}| {done}/{loops}")
    sys.stderr.write("\n")


def _arrays(loaded: Loaded, args: argparse.Namespace, fault: str) -> "tuple[str, list[NDArray[Any]]]":
    """The inputs from files, zeros without any. The sample's name comes from the first file."""
    import numpy as np

    wanted = _wanted(loaded, args)
    if not args.input:
        arrays = [np.zeros(shape, dtype) for (_, dtype, _), shape in zip(loaded.inputs, wanted, strict=True)]
        return "pure_infer_data", arrays
    paths = [Path(name) for name in args.input.split(",")]
    if len(paths) != len(wanted):
        raise AclError(f"input size {len(paths)} is not equal to the model's {len(wanted)}")
    arrays = []
    for place, (path, (_, dtype, _), shape) in enumerate(zip(paths, loaded.inputs, wanted, strict=True)):
        array = np.load(path, allow_pickle=False) if path.suffix == ".npy" else np.fromfile(path, dtype)
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        if array.nbytes != size or fault == "wrong_sizes":
            raise AclError(f"arg{place} tensorsize: {size} filesize: {array.nbytes} not match")
        arrays.append(np.frombuffer(array.tobytes(), dtype).reshape(shape))
    return paths[0].stem, arrays


def _wanted(loaded: Loaded, args: argparse.Namespace) -> list[list[int]]:
    """The shape of each input: the model's, with the gear that the arguments choose."""
    fixed = {name: list(shape) for name, _, shape in loaded.inputs}
    chosen = _gear(loaded, args)
    if chosen is None and any(dim < 0 for shape in fixed.values() for dim in shape):
        raise AclError("the model has dynamic gears: set dymBatch, dymHW or dymDims")
    return [(chosen or {}).get(name) or fixed[name] for name, _, _ in loaded.inputs]


def _gear(loaded: Loaded, args: argparse.Namespace) -> dict[str, list[int]] | None:
    options, gears = loaded.meta["options"], loaded.meta["times"]
    shapes: list[dict[str, list[int]]] = [gear["shapes"] for gear in gears]
    named = {"dymBatch": "dynamic_batch_size", "dymHW": "dynamic_image_size"}
    for flag, option in named.items():
        if given := getattr(args, flag):
            numbers = [int(n) for n in given.split(",")]
            values = [[v] if isinstance(v, int) else list(v) for v in options.get(option, [])]
            if numbers not in values:
                raise AclError(f"{flag} {given} is not in the model's {values}")
            return shapes[values.index(numbers)]
    if given := args.dymDims:
        asked = {}
        for part in given.split(";"):
            name, _, dims = part.rpartition(":")
            asked[name] = [int(dim) for dim in dims.split(",")]
        matching = [each for each in shapes if each.items() <= asked.items()]
        if not matching:
            raise AclError(f"dymDims {given} is not in the model's {shapes}")
        return matching[0]
    return None


def _files(
    args: argparse.Namespace,
    sample: str,
    results: "Sequence[NDArray[Any]]",
    times: Sequence[float],
    batch: int,
    fault: str,
) -> None:
    import numpy as np

    name = args.output_dirname or time.strftime("%Y_%m_%d-%H_%M_%S")
    folder = Path(args.output) / name
    folder.mkdir(parents=True, exist_ok=True)
    tree.say(f"[INFO] output path:{folder}")
    written = []
    kind = (args.outfmt or "BIN").lower()
    for place, array in enumerate(results):
        path = folder / f"{sample}_{place}.{kind}"
        if fault == "missing_output":
            continue
        if fault == "garbage_output":
            path.write_bytes(b"\x93NUMPY garbage")
        elif kind == "npy":
            np.save(path, array)
        else:
            path.write_bytes(array.tobytes())
        written.append(str(path))
    summary = Path(args.output) / f"{name}_summary.json"
    if fault == "garbage_summary":
        summary.write_bytes(b'{"filesinfo": \xff\xfe')
    elif fault != "missing_summary":
        kept = list(times)[:-1] if fault == "few_times" else list(times)
        summary.write_text(json.dumps(_report(sample, written, kept, batch)), encoding="utf-8")


def _report(sample: str, written: Sequence[str], times: Sequence[float], batch: int) -> dict[str, Any]:
    figures = _figures(times)
    transfer = {key: value if key == "count" else value / 50 for key, value in figures.items()}
    return {
        "filesinfo": {"0": {"infiles": [sample], "outfiles": list(written)}},
        "args": sys.argv,
        "NPU_compute_time": figures,
        "H2D_latency": transfer,
        "D2H_latency": transfer,
        "throughput": 1000 * batch / figures["mean"],
        "npu_compute_time_list": list(times),
        "pid": os.getpid(),
    }


def _figures(times: Sequence[float]) -> dict[str, float]:
    import numpy as np

    return {
        "min": float(np.min(times)),
        "max": float(np.max(times)),
        "mean": float(np.mean(times)),
        "median": float(np.median(times)),
        "percentile(99%)": float(np.percentile(times, 99)),
        "count": len(times),
    }


def _summary(times: Sequence[float], batch: int) -> None:
    figures = _figures(times)
    told = ", ".join(f"{key} = {value}" for key, value in figures.items() if key != "count")
    tree.say("[INFO] -----------------Performance Summary------------------")
    tree.say(f"[INFO] NPU_compute_time (ms): {told}")
    throughput = 1000 * batch / figures["mean"]
    mean = figures["mean"]
    tree.say(f"[INFO] throughput 1000*batchsize.mean({batch})/NPU_compute_time.mean({mean}): {throughput}")
    tree.say("[INFO] ------------------------------------------------------")
