"""The stand-in `atc`: reads its command line, judges the model, writes an `.om` and its side files, and prints.

Here belong the order of a run, its files and its mishaps. Not here: flags (`atc_arguments.py`), wording
(`atc_console.py`), what compiling does (`compiling.py`).
"""

import json
import os
import random
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import om_samples

from stand_ins import atc_console, atc_faults, om_text, tree
from stand_ins.atc_arguments import Call, Message, UnknownFlag, Wrong, split, understood
from stand_ins.compiling import compiled
from stand_ins.payload import Payload
from stand_ins.tree import Tree

FAILED = 255
HUGE = 100 * 1024 * 1024
_NODES = ("conv", "gemm")


def main(argv: Sequence[str], home: str) -> int:
    """Run as `atc`. The exit code."""
    here = tree.read(home)
    here.record("atc", argv)
    if any(word in {"--help", "-h"} for word in argv):
        tree.say("usage: atc <args>")
        return 0
    fault = here.fault("atc")
    name = fault.get("name", "")
    nodes = fault.get("nodes", _NODES)
    if name in atc_faults.REFUSALS and argv:
        return _refuse(here, [atc_faults.REFUSALS[name](here, nodes)])
    before = _BEFORE.get(name)
    if before is not None and argv:
        return before(here)
    return _run(here, argv, name)


def _run(here: Tree, argv: Sequence[str], fault: str) -> int:
    try:
        values = split(argv, here)
        if values.get("mode") in {"1", "6"} or values.get("display_model_info") == "1":
            return om_text.show(values)
        call = understood(values, here)
    except UnknownFlag as error:
        sys.stderr.write(f"ERROR: unknown command line flag '{error}'\n")
        return _refuse(here, [])
    except Wrong as error:
        return _refuse(here, error.messages)
    if not call.model.is_file():
        return _refuse(here, [Message("E10041", f"Failed to load the model from [{call.model}].")])
    verdict = compiled(here, call.model, call.options)
    messages = [said for item in verdict.diagnostics if (said := atc_console.translated(here, item))]
    if verdict.payload is None:
        return _refuse(here, messages)
    _side_files(here, call)
    return _succeed(here, call, verdict.payload, argv, fault, messages)


def _refuse(here: Tree, messages: Sequence[Message]) -> int:
    _plog(messages)
    Path("check_result.json").write_text(json.dumps({"op": [], "result": "failed"}), encoding="utf-8")
    tree.say(atc_console.rendered(here, messages, ok=False).rstrip("\n"))
    return FAILED


def _plog(messages: Sequence[Message]) -> None:
    """The debug log, where the environment wants it."""
    wanted = os.environ.get("ASCEND_PROCESS_LOG_PATH")
    if not wanted:
        return
    folder = Path(wanted) / "debug" / "plog"
    folder.mkdir(parents=True, exist_ok=True)
    pid, when = os.getpid(), tree.stamp()
    lines = [f"[ERROR] GE({pid},atc.bin):{when} [error_manager.cc:263]{pid} Report: {m.text}" for m in messages]
    (folder / f"plog-{pid}_20250318.log").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _side_files(here: Tree, call: Call) -> None:
    Path("kernel_meta").mkdir(exist_ok=True)
    effect = "1" if call.fuses else "0"
    passes: dict[str, Any] = {"graph_fusion": {"ConvBiasAddFusionPass": {"effect_times": effect, "match_times": "1"}}}
    ub = {"TbeConvReluFusionPass": {"effect_times": effect, "match_times": "1", "repository_hit_times": "0"}}
    if here.generation == "9":
        found: dict[str, Any] = {"session_and_graph_id_0_0": {**passes, "ub_fusion": ub}}
    else:
        found = passes | {"ub_fusion": ub, "session_and_graph_id": "0_0"}
    work = os.environ.get("ASCEND_WORK_PATH")
    folder = Path(work) / "FE" / str(os.getpid()) if work else Path()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "fusion_result.json").write_text(json.dumps(found, indent=4), encoding="utf-8")


def _succeed(
    here: Tree, call: Call, payload: Payload, argv: Sequence[str], fault: str, messages: Sequence[Message]
) -> int:
    if fault == "W11001":
        names = [node["name"] for node in payload.meta["nodes"][:2]]
        text = "Op [{}] does not hit the high-priority operator information library, which might result in compromised "
        warned = [Message("W11001", f"{text.format(n)}performance.", title="Performance_Warning") for n in names]
        messages = [*messages, *warned]
    said = atc_console.rendered(here, messages, ok=fault != "exit0_with_failure_line")
    if fault not in {"no_om", "exit0_with_failure_line"}:
        _write(here, call, payload, argv, fault)
    if fault == "ansi":
        said = said.replace("-...", "\x1b[2K\r|...\r/...\r\x1b[32m-...\x1b[0m").replace(
            "ATC run", "\x1b[1mATC run\x1b[0m"
        )
    if fault == "huge_log":
        _flood()
    tree.say(said.rstrip("\n"))
    return 1 if fault == "success_line_exit1" else 0


def _write(here: Tree, call: Call, payload: Payload, argv: Sequence[str], fault: str) -> None:
    ports = {
        end: [om_samples.Tensor(name, dtype, tuple(shape)) for name, dtype, shape in payload.meta[end]]
        for end in ("inputs", "outputs")
    }
    last = payload.meta["nodes"][-1]["name"] if payload.meta["nodes"] else "Output"
    outputs = [om_samples.Tensor(port.name, port.dtype, port.shape, last) for port in ports["outputs"]]
    middle = "_linux_x86_64" if fault == "host_om" else ""
    path = call.output.with_name(f"{call.output.name}{middle}.om")
    soc = call.values["soc_version"]
    om_samples.write_om(
        path,
        name=call.output.name,
        soc_version={"other_soc_om": "Ascend310"}.get(fault, "Ascend910A" if soc == "Ascend910" else soc),
        atc_version=here.internal,
        command_line=" ".join((f"{here.home}/bin/atc.bin", *argv)),
        inputs=ports["inputs"],
        outputs=outputs,
        weights=payload.packed(),
        attributes={"memory_size": payload.meta["times"][0]["memory"]},
        operators=[(node["name"], tuple(filter(None, [node["onnx"]]))) for node in payload.meta["nodes"]],
    )
    data = path.read_bytes()
    if fault == "half_om":
        path.write_bytes(data[: len(data) // 2])
    if fault == "two_oms":
        path.with_name(f"{call.output.name}_linux_x86_64.om").write_bytes(data)


def _hang(_here: Tree) -> int:
    tree.say(atc_console.START)
    tree.hang()
    return 0


def _crash(_here: Tree) -> int:
    tree.say(atc_console.START)
    tree.crash()
    return 0


def _garbage(_here: Tree) -> int:
    os.write(1, random.Random(1).randbytes(65536))  # noqa: S311 - noise, no secret
    return 1


def _flood() -> None:
    line = b"[INFO] GE(30741,atc.bin):2021-12-09-16:10:22.539.201 [graph.cc:263]30741 Run: node " + b"x" * 940 + b"\n"
    block = line * 1024
    for _ in range(HUGE // len(block) + 1):
        left = memoryview(block)
        while left:
            left = left[os.write(1, left) :]


def _huge_failure(here: Tree) -> int:
    _flood()
    return _refuse(here, [atc_faults.REFUSALS["EZ3003"](here, _NODES)])


def _non_utf8(here: Tree) -> int:
    message = Message("E10041", "Failed to load the model from [模型.onnx].", solution="检查模型文件")
    os.write(1, atc_console.rendered(here, [message], ok=False).encode("gbk"))
    return FAILED


def _no_driver(here: Tree) -> int:
    sys.stderr.write(
        f"{here.home}/bin/atc.bin: error while loading shared libraries: libascend_hal.so: cannot open shared object "
        "file: No such file or directory\n"
    )
    return 127


def _silent(_here: Tree) -> int:
    return FAILED


_BEFORE = {
    "hang": _hang,
    "crash": _crash,
    "garbage": _garbage,
    "huge_log_failure": _huge_failure,
    "non_utf8": _non_utf8,
    "no_driver": _no_driver,
    "silent": _silent,
}
