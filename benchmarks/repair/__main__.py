"""How often is a broken model explained rightly, and repaired? On a corpus that is built here.

    python -m benchmarks.repair [--only FAMILY] [--half development|held_out] [--jobs N] [--json FILE] [--in-process]
    python -m benchmarks.repair --random 40 --seed 7

Each model goes through the real command, `ascend repair FILE --json -o FIXED`, in a process of its own or, with
--in-process, without the start of one. Every answer of "repaired" is held against the world: preflight anew with the
options that it gave, and ONNX Runtime in FP32 on inputs that the repair did not see. Exit code 1: a goal is missed.
"""

import argparse
import json
import math
import multiprocessing
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.repair import report
from benchmarks.repair.corpus import CORPUS, Case
from benchmarks.repair.log_accuracy import Read, read_all
from benchmarks.repair.outcomes import Outcome
from benchmarks.repair.random_faults import cases
from benchmarks.repair.running import outcome


def main() -> None:
    """Run, print, and say by the exit code whether the goals are met."""
    arguments = _parser().parse_args()
    chosen = list(_chosen(arguments))
    outcomes = []
    for one in _outcomes(chosen, arguments.jobs, process=not arguments.in_process):
        outcomes.append(one)
        print(_progress(one, len(outcomes), len(chosen)), file=sys.stderr, flush=True)
    alone = arguments.random or arguments.only or arguments.name
    reads: tuple[Read, ...] = () if alone else read_all(process=not arguments.in_process)
    if arguments.json:
        arguments.json.write_text(json.dumps(_plain(report.as_json(outcomes, reads)), indent=1), encoding="utf-8")
    print(report.table(outcomes))
    print()
    for half in ("development", "held_out") if reads else ():
        print(report.log_line(reads, half))
    print(report.failures(outcomes))
    missed = report.missed(report.figures(outcomes))
    print("\n".join(missed) or "every goal is met")
    sys.exit(1 if missed else 0)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", metavar="FAMILY", help="Models with a fault of this family alone; healthy: those.")
    parser.add_argument("--name", metavar="PART", help="Models whose name contains this.")
    parser.add_argument("--half", choices=("development", "held_out"))
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--in-process", action="store_true")
    parser.add_argument("--random", type=int, default=0, metavar="N", help="N random models instead of the corpus.")
    parser.add_argument("--seed", type=int, default=0)
    return parser


def _chosen(arguments: argparse.Namespace) -> Iterator[Case]:
    for case in cases(arguments.random, arguments.seed) if arguments.random else CORPUS:
        families = {fault.family for fault in case.planted} or {"healthy"}
        wanted = not arguments.only or arguments.only in families
        named = not arguments.name or arguments.name in case.name
        if wanted and named and arguments.half in {None, case.half}:
            yield case


def _outcomes(chosen: Sequence[Case], jobs: int, *, process: bool) -> Iterator[Outcome]:
    """In the corpus' order, however many run at once. A case whose blocks cannot be pickled is found by its index."""
    work = partial(outcome, process=process)
    if jobs <= 1:
        yield from map(work, chosen)
        return
    # Forked, because a case holds functions; nothing was started in this process that a fork would break.
    context = multiprocessing.get_context("fork")
    _SHARED[:] = chosen
    with ProcessPoolExecutor(jobs, mp_context=context) as pool:
        yield from pool.map(partial(_nth, process=process), range(len(chosen)))


_SHARED: list[Case] = []
"""The cases of this run, as forked workers see them."""


def _nth(index: int, *, process: bool) -> Outcome:
    return outcome(_SHARED[index], process=process)


def _progress(one: Outcome, number: int, of: int) -> str:
    bad = " FALSE" if one.false_claim or one.false_repair else ""
    cause = "" if one.healthy or one.top else " (cause missed)"
    return f"{number:3d}/{of} {one.seconds:5.1f} s {one.status:12s} {one.half:11s} {one.name}{cause}{bad}"


def _plain(value: Any) -> Any:  # noqa: ANN401 - a JSON value
    """JSON has no NaN."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


if __name__ == "__main__":
    main()
