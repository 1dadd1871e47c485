"""Runs a model in ais_bench's Python session, as a program of its own.

A device library that crashes takes its process with it, and it needs CANN's python: so this script runs there, from 3.7
on, and knows nothing of this project. It is copied into a private folder and started there:

    session_worker.py probe     says what python, ais_bench and its session are; one JSON object a line
    session_worker.py serve     {"model", "device", "acl_json"} -> {"ready"},
                                then {"feeds", "mode", "gear", "sizes"} -> {"done"}, again and again

Requests come on stdin, answers go to the stdout that it was given; whatever libraries print goes to stderr. Arrays are
`in<i>.npy` and `out<i>.npy` in the working folder. A failure is {"error"}. Here belongs nothing else.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
import traceback
from typing import Any, BinaryIO, Callable  # noqa: UP035 - python 3.7

Answer = Callable[[Any], None]

_LINE = 64 * 1024
_SHOWN = 8000


def main(verb: str) -> int:
    """Probe or serve until stdin ends. Exit code 0, or 1 after a failure."""
    # Libraries print on descriptor 1 and read 0, from C as well: they get others.
    answers, requests = os.fdopen(os.dup(1), "wb", 0), os.fdopen(os.dup(0), "rb")
    os.dup2(2, 1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)

    def answer(what: dict[str, object]) -> None:
        sys.stdout.flush()
        ctypes.CDLL(None).fflush(None)  # what was printed comes before what is answered
        answers.write(json.dumps(what).encode() + b"\n")

    try:
        if verb == "probe":
            _probe(answer)
        else:
            _serve(requests, answer)
    except Exception:  # noqa: BLE001 - whatever a device library raises is told, not judged, here
        answer({"error": traceback.format_exc()[-_SHOWN:]})
        return 1
    return 0


def _probe(answer: Answer) -> None:
    import importlib.util

    found = importlib.util.find_spec("ais_bench") is not None
    answer({"python": sys.version.split()[0], "ais_bench": found, "version": _version() if found else ""})
    if found:
        answer({"session": callable(_session_class())})


def _version() -> str:
    try:
        from importlib import metadata
    except ImportError:  # python 3.7
        return ""
    try:
        return metadata.version("ais_bench")
    except metadata.PackageNotFoundError:
        return ""


def _session_class() -> Any:  # noqa: ANN401 - of a package that is not ours
    from importlib import import_module

    return import_module("ais_bench.infer.interface").InferSession


def _serve(requests: BinaryIO, answer: Answer) -> None:
    first = json.loads(requests.readline(_LINE))
    session = _session_class()(first["device"], first["model"], first["acl_json"])
    answer({"ready": True})
    while True:
        line = requests.readline(_LINE)
        if not line:
            break
        answer({"done": _run(session, json.loads(line))})
    for release in ("free_resource", "finalize"):
        if hasattr(session, release):
            getattr(session, release)()


def _run(session: Any, request: dict[str, Any]) -> int:  # noqa: ANN401 - of a package that is not ours
    """Run the arrays that lie there; the number of outputs that lie there afterwards."""
    import numpy as np

    feeds = [np.load(f"in{index}.npy", allow_pickle=False) for index in range(request["feeds"])]
    mode, gear = request["mode"], request["gear"]
    # The first versions of infer() set nothing but dims and shapes by themselves; the later ones do all of it.
    setters = {"static": "set_staticbatch", "dymbatch": "set_dynamic_batchsize", "dymhw": "set_dynamic_hw"}
    if hasattr(session, setters.get(mode, "")):
        getattr(session, setters[mode])(*[int(part) for part in gear.split(",") if part])
    outputs = session.infer(feeds, mode, request["sizes"]) if request["sizes"] else session.infer(feeds, mode)
    for index, output in enumerate(outputs):
        np.save(f"out{index}.npy", np.array(output, order="C"), allow_pickle=False)
    return len(outputs)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
