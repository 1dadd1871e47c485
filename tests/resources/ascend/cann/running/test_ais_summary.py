"""What ais_bench says about its runs is read, or refused by name, whatever it is."""

import json
import math
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resources.ascend.cann.errors import BadOutput
from resources.ascend.cann.running import ais_summary
from resources.ascend.cann.running.ais_summary import Spread, agree, console, parse

RUNS = [2.0, 2.5, 3.0]
BLOCK = {"min": 2.0, "max": 3.0, "mean": 2.5, "median": 2.5, "percentile(99%)": 2.99, "count": 3}
COPY = {"min": 0.1, "max": 0.3, "mean": 0.2, "median": 0.2, "percentile(99%)": 0.3, "count": 1}


def summary(**changed: Any) -> bytes:
    held = {
        "filesinfo": {"0": {"infiles": ["pure_infer_data"], "outfiles": []}},
        "args": ["--model", "m.om"],
        "NPU_compute_time": BLOCK,
        "H2D_latency": COPY,
        "D2H_latency": COPY,
        "throughput": 400.0,
        "npu_compute_time_list": RUNS,
        "pid": 4711,
    }
    return json.dumps({key: value for key, value in (held | changed).items() if value is not None}).encode()


CONSOLE = """\
[INFO] acl init success
[INFO] try get model batchsize:1
\rInference array Processing:   0%|          | 0/1 [00:00<?, ?it/s]\rInference array Processing: 100%|####| 1/1 [00:00]
loop inference exec: (1/3)\rloop inference exec: (3/3)
[INFO] -----------------Performance Summary------------------
[INFO] H2D_latency (ms): min = 0.1, max = 0.3, mean = 0.2, median = 0.2, percentile(99%) = 0.3
[INFO] NPU_compute_time (ms): min = 2.0, max = 3.0, mean = 2.5, median = 2.5, percentile(99%) = 2.99
[INFO] D2H_latency (ms): min = 0.1, max = 0.3, mean = 0.2, median = 0.2, percentile(99%) = 0.3
[INFO] throughput 1000*batchsize.mean(1)/NPU_compute_time.mean(2.5): 400.0
[INFO] ------------------------------------------------------
[INFO] NPU ID:4 energy consumption(J):59.5
[INFO] end to finalize acl
"""


def test_every_run_is_kept_in_order() -> None:
    found = parse(summary())
    assert found.runs_ms == (2.0, 2.5, 3.0)
    assert found.compute == Spread(2.0, 3.0, 2.5, 2.5, 2.99, 3)
    assert found.h2d == found.d2h == Spread(0.1, 0.3, 0.2, 0.2, 0.3, 1)
    assert found.throughput == 400.0


def test_a_key_with_blanks_in_it_is_the_same_key() -> None:
    blanks = {key.replace("99%", "99%" + " " * 36): value for key, value in BLOCK.items()}
    assert parse(summary(NPU_compute_time=blanks)).compute == parse(summary()).compute


def test_the_newest_spelling_of_the_percentile_is_the_same_key() -> None:
    short = {key.replace("percentile(99%)", "P99"): value for key, value in BLOCK.items()}
    assert parse(summary(NPU_compute_time=short)).compute == parse(summary()).compute


def test_what_was_not_copied_or_not_told_is_none() -> None:
    found = parse(summary(H2D_latency=None, D2H_latency={"min": math.nan}, throughput="fast", NPU_compute_time=[]))
    assert (found.compute, found.h2d, found.d2h, found.throughput) == (None, None, None, None)


def test_integers_are_times_as_well() -> None:
    assert parse(summary(npu_compute_time_list=[2, 3], NPU_compute_time=None)).runs_ms == (2.0, 3.0)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "no JSON"),
        (summary()[:-1], "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b'{"npu_compute_time_list": [' + b"9" * 5000 + b"]}", "no JSON|no time"),
        (b"[]", "no JSON object"),
        (b"\xff\xfe", "no JSON"),
        (b'{"pid": 1, "pid": 2}', "twice"),
        (b'{"pid": 1, "p id": 2}', "twice"),
        (summary(npu_compute_time_list=None), "no npu_compute_time_list"),
        (summary(npu_compute_time_list=[]), "no npu_compute_time_list"),
        (summary(npu_compute_time_list={"0": 1.0}), "no npu_compute_time_list"),
        (summary(npu_compute_time_list=[2.0, math.nan]), "run 1"),
        (summary(npu_compute_time_list=[math.inf]), "run 0"),
        (summary(npu_compute_time_list=[2.0, -1.0]), "run 1"),
        (summary(npu_compute_time_list=["2.0"]), "run 0"),
        (summary(npu_compute_time_list=[True]), "run 0"),
        (summary(npu_compute_time_list=[None]), "run 0"),
        (summary(npu_compute_time_list=[10**400]), "run 0"),
        (summary(NPU_compute_time=BLOCK | {"mean": 9.0}), "contradicts itself"),
        (summary(NPU_compute_time=BLOCK | {"count": 4}), "contradicts itself"),
        (b" " * (ais_summary.MAX_BYTES + 1), "limit"),
        (summary(npu_compute_time_list=[1] * (ais_summary.MAX_RUNS + 1), NPU_compute_time=None), "limit"),
    ],
)
def test_what_is_no_summary_is_refused(data: bytes, says: str) -> None:
    with pytest.raises(BadOutput, match=says):
        parse(data)


def test_the_console_is_read_among_its_noise() -> None:
    found = console(CONSOLE)
    assert found.compute == (Spread(2.0, 3.0, 2.5, 2.5, 2.99),)
    assert found.h2d == found.d2h == (Spread(0.1, 0.3, 0.2, 0.2, 0.3),)
    assert found.throughput == (400.0,)
    assert found.energy_j == 59.5


@pytest.mark.parametrize(
    "wrap",
    [
        lambda text: text.replace("[INFO]", "\x1b[32m[INFO]\x1b[0m"),
        lambda text: text.replace("[INFO] ", ""),
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("[INFO]", "2026-11-20 10:00:00 - 7 - INFO -"),
        lambda text: "\ufffd" * 1000 + "\n" + text,
    ],
)
def test_dress_does_not_matter(wrap: Any) -> None:
    assert console(wrap(CONSOLE)) == console(CONSOLE)


TABLE = """\
[INFO] -----------------Performance Summary------------------
╒═══════════════════════╤════════╤═════════╕
│ Metric                │    min │     max │   mean │   median │    P99 │
╞═══════════════════════╪════════╪═════════╡
│ H2D_latency (ms)      │ 0.1000 │  0.3000 │ 0.2000 │   0.2000 │ 0.3000 │
├───────────────────────┼────────┼─────────┤
│ NPU_compute_time (ms) │ 2.0000 │  3.0000 │ 2.5000 │   2.5000 │ 2.9900 │
│ D2H_latency (ms)      │ 0.1000 │  0.3000 │ 0.2000 │   0.2000 │ 0.3000 │
╘═══════════════════════╧════════╧═════════╛
[INFO] Throughput 1000*batchsize.mean(1)/NPU_compute_time.mean(2.5): 400.0
[INFO] NPU ID:4 energy consumption(J):59.5
"""


def test_the_newest_version_says_the_same_in_a_table() -> None:
    assert console(TABLE) == console(CONSOLE)


def test_the_first_versions_named_the_batch_size_alone() -> None:
    assert console(CONSOLE.replace("batchsize.mean(1)", "batchsize(1)")) == console(CONSOLE)


def test_several_threads_tell_a_mean_alone_which_is_no_block() -> None:
    found = console("[INFO] NPU_compute_time (ms): mean = 2.5\n")
    assert found.compute == ()


@pytest.mark.parametrize("repeated", [("min=1", ",max=1", ",mean=1", ",median=1", ",percentile(99%)=1"), ("│1",)])
def test_a_line_that_almost_fits_in_many_ways_takes_no_longer(repeated: tuple[str, ...]) -> None:
    line = "│ NPU_compute_time (ms)" + ": " * (len(repeated) > 1) + "".join(part * 2000 for part in repeated) + " !"
    started = time.process_time()
    assert console(line).compute == ()
    assert time.process_time() - started < 10


def test_several_devices_have_a_block_each() -> None:
    second = CONSOLE.replace("mean = 2.5", "mean = 2.6")
    ends = "i:0 device_0 throughput:400.0 start_time:1676875630.8 end_time:1676875631.1\n"
    assert [block.mean for block in console(CONSOLE + second + ends).compute] == [2.5, 2.6]


@pytest.mark.parametrize("word", ["nan", "inf", "-1", "fast", "1,5"])
def test_a_printed_time_that_is_none_is_refused(word: str) -> None:
    with pytest.raises(BadOutput):
        console(CONSOLE.replace("mean = 2.5", f"mean = {word}"))


@pytest.mark.parametrize("word", ["nan", "-3.5", "0", "much"])
def test_what_is_no_energy_is_not_told(word: str) -> None:
    assert console(CONSOLE.replace("59.5", word)).energy_j is None


def test_a_difference_of_powers_is_no_energy() -> None:
    assert console("[INFO] npu_id 4 energy_consumption 3.5\n").energy_j is None


def test_nothing_said_is_nothing_read() -> None:
    assert console("") == ais_summary.Console()


def test_runs_and_their_sums_may_differ_by_a_rounding() -> None:
    agree((1.0, 2.0), Spread(1.0, 2.0, 1.5004, 0, 0), "its console")
    with pytest.raises(BadOutput, match="console"):
        agree((1.0, 2.0), Spread(1.0, 2.0, 1.6, 0, 0), "its console")


@given(st.binary(max_size=300))
@settings(max_examples=100, deadline=None)
def test_any_bytes_are_refused_by_name(data: bytes) -> None:
    with pytest.raises(BadOutput):
        parse(data)


@given(st.integers(0, len(summary()) - 1), st.binary(max_size=8), st.integers(0, 40))
@settings(max_examples=300, deadline=None)
def test_a_damaged_summary_is_refused_or_is_one(at: int, put: bytes, cut: int) -> None:
    try:
        found = parse(summary()[:at] + put + summary()[at + cut :])
    except BadOutput:
        return
    assert all(math.isfinite(run) and run >= 0 for run in found.runs_ms)


@given(st.integers(0, len(CONSOLE) - 1), st.text(max_size=20), st.integers(0, 40))
@settings(max_examples=200, deadline=None)
def test_a_damaged_console_is_refused_or_read(at: int, put: str, cut: int) -> None:
    try:
        found = console(CONSOLE[:at] + put + CONSOLE[at + cut :])
    except BadOutput:
        return
    assert all(math.isfinite(block.mean) for block in found.compute)


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=200))
@settings(max_examples=50, deadline=None)
def test_what_the_tool_would_sum_up_agrees_with_its_runs(runs: list[float]) -> None:
    mean = math.fsum(runs) / len(runs)
    block = {
        "min": min(runs),
        "max": max(runs),
        "mean": mean,
        "median": 0.0,
        "percentile(99%)": 0.0,
        "count": len(runs),
    }
    assert parse(summary(npu_compute_time_list=runs, NPU_compute_time=block)).runs_ms == tuple(runs)
