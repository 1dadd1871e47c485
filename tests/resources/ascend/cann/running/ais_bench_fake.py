"""A stand-in for ais_bench: a python3 that has the package, or an msit, on a PATH of its own.

It doubles every input. `fault` names what goes wrong; `calls` has the arguments of each command. Only the tests of
inference and benchmark use it; the contract's stand-ins are in tests/support.
"""

import json
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

import pytest
from om_samples import Tensor, write_om

from resources.ascend.cann.environment.installation import Installation
from resources.ascend.cann.npus.devices import Device
from resources.ascend.cann.om import om_file
from resources.ascend.cann.om.om_file import OmFile
from resources.ascend.cann.running.ais_tools import find_tools
from resources.ascend.cann.site import Site

DEVICE = Device(
    npu=4, chip=0, logic=3, soc_version="Ascend310P3", name="310P3", health="OK", memory_bytes=2**34, card=4
)

_SESSION = """
import ctypes, os, sys, time
import numpy as np

PLACE = os.path.dirname(os.path.abspath(__file__))

def fault():
    with open(os.path.join(PLACE, "fault")) as file:
        return file.read()

if fault() == "no session":
    raise ImportError("libascendcl.so: cannot open shared object file")
if fault() == "session kills":
    os.kill(os.getpid(), 11)

class InferSession:
    def __init__(self, device_id, model_path, acl_json_path=None, debug=False, loop=1):
        print("[INFO] acl init success")
        ctypes.CDLL(None).puts(b"[INFO] open device 0 success")
        assert device_id == 0 and os.environ["ASCEND_RT_VISIBLE_DEVICES"] == "3", "the leased device alone"
        assert model_path.endswith(".om") and os.path.isfile(model_path)
        if acl_json_path is not None:
            with open(acl_json_path) as file:
                open(file.read(), "w").close()
        self.set = None
        if fault() == "busy":
            ctypes.CDLL(None).puts(b"[ERROR] acl open device 0 failed")
            raise RuntimeError("SetDevice failed.ret=507033")
        if fault() == "other soc":
            print("[ERROR] load model from file failed, model file is " + model_path)
            raise RuntimeError("[1][ACL: invalid parameter]")
        if fault() == "load hangs":
            time.sleep(60)

    def set_staticbatch(self):
        self.set = "static"

    def set_dynamic_batchsize(self, batch):
        self.set = ("dymbatch", batch)

    def set_dynamic_hw(self, height, width):
        self.set = ("dymhw", height, width)

    def infer(self, feeds, mode="static", custom_sizes=100000):
        name = fault()
        if name == "noise":
            for _ in range(2000):
                sys.stdout.write("x" * 50000)
                sys.stderr.buffer.write(bytes([255]) * 1000)
        if name == "crash":
            os.kill(os.getpid(), 11)
        if name == "hang":
            time.sleep(60)
        if name == "aicore":
            raise RuntimeError("execute failed ret = 507015")
        if name == "exits":
            os._exit(0)
        if name == "gear":
            return [np.array([len(feeds), *(self.set[1:] if isinstance(self.set, tuple) else ())], np.int64)]
        if name == "sizes":
            return [np.array(custom_sizes, np.int64)]
        if name == "less":
            return []
        if name == "objects":
            return [np.array([{}], dtype=object)]
        if name == "shape":
            return [np.zeros(7, np.float32)]
        if name == "fp16":
            return [(feed * 2).astype(np.float16).reshape(-1) for feed in feeds]
        return [np.asfortranarray(feed * 2) if feed.ndim else feed * 2 for feed in feeds]
"""

_COMMAND = """
import argparse, json, os, sys, time
import numpy as np

PLACE = os.path.dirname(os.path.abspath(__file__))

def main(dashes):
    with open(os.path.join(PLACE, "fault")) as file:
        fault = file.read()
    if fault == "no command":
        sys.exit("ModuleNotFoundError: No module named 'aclruntime'")
    spelt = (lambda old, new: new) if dashes else (lambda old, new: old)
    parser = argparse.ArgumentParser()
    parser.add_argument(spelt("--model", "--om-model"), dest="model", required=True)
    parser.add_argument("--input")
    parser.add_argument("--output")
    parser.add_argument(spelt("--output_dirname", "--output-dirname"), dest="name")
    parser.add_argument("--outfmt", choices=["NPY"])
    parser.add_argument("--device", type=int)
    parser.add_argument("--loop", type=int, default=1)
    parser.add_argument(spelt("--warmup_count", "--warmup-count"), dest="warmup", type=int, default=1)
    parser.add_argument(spelt("--acl_json_path", "--acl-json-path"), dest="acl_json")
    parser.add_argument(spelt("--dymBatch", "--dym-batch"), dest="batch", type=int)
    parser.add_argument(spelt("--dymHW", "--dym-hw"), dest="hw")
    parser.add_argument(spelt("--dymDims", "--dym-dims"), dest="dims")
    parser.add_argument(spelt("--dymShape", "--dym-shape"), dest="shape")
    parser.add_argument(spelt("--outputSize", "--output-size"), dest="sizes")
    if dashes or fault == "energy":
        parser.add_argument(spelt("--energy_consumption", "--energy-consumption"), dest="energy", type=int)
        parser.add_argument(spelt("--npu_id", "--npu-id"), dest="npu", type=int)
    args = parser.parse_args()
    with open(os.path.join(PLACE, "calls"), "a") as file:
        file.write(json.dumps(sys.argv[1:]) + "\\n")
    assert args.device == 0 and os.environ["ASCEND_RT_VISIBLE_DEVICES"] == "3"
    assert args.model.endswith(".om") and os.path.isabs(args.model)
    print("[INFO] acl init success")
    said = {
        "busy": "[ERROR] acl open device 0 failed",
        "size": "[INFO] try get model batchsize:1\\n[ERROR] arg0 tensorsize: 196608 filesize: 602112 not match",
        "memory": "[ERROR] malloc failed, errorCode is 207001",
        "version": "[ERROR] load model from file failed, errorCode is 500002",
    }
    if fault in said:
        print(said[fault])
        sys.exit(1)
    if fault == "hang":
        time.sleep(60)
    if getattr(args, "energy", None) and fault == "no npu-smi":
        sys.exit("FileNotFoundError: [Errno 2] No such file or directory: 'npu-smi info -t power -i 4'")
    if args.acl_json:
        with open(args.acl_json) as file:
            open(file.read(), "w").close()
    folder = os.path.join(args.output, args.name)
    os.makedirs(folder)
    infer(args, folder, fault)
    if fault == "half energy" and not args.energy:
        return
    report(args, fault)
    if fault == "half energy":
        sys.exit(1)

def infer(args, folder, fault):
    paths = args.input.split(",") if args.input else []
    for index, path in enumerate(paths):
        array = np.load(path) * 2
        sample = os.path.basename(paths[0]).split(".")[0]
        if fault != "missing" or index:
            np.save(os.path.join(folder, "%s_%d.npy" % (sample, index)), array)
    if fault == "pipe":
        os.unlink(os.path.join(folder, "in0_0.npy"))
        os.mkfifo(os.path.join(folder, "in0_0.npy"))
    if fault == "extra":
        np.save(os.path.join(folder, "other.npy"), np.zeros(3))
    if fault == "garbage":
        with open(os.path.join(folder, "in0_0.npy"), "wb") as file:
            file.write(bytes([147]) + b"NUMPY" + bytes(100))

def report(args, fault):
    times = [2.0 + index / 100 for index in range(args.loop)]
    block = {"min": min(times), "max": max(times), "mean": float(np.mean(times)), "median": float(np.median(times)),
             "percentile(99%            )": float(np.percentile(times, 99)), "count": len(times)}
    h2d = {"min": 0.5, "max": 0.5, "mean": 0.5, "median": 0.5, "percentile(99%)": 0.5, "count": 1}
    summary = {"filesinfo": {"0": {}}, "NPU_compute_time": block, "H2D_latency": h2d, "D2H_latency": h2d,
               "throughput": 1.0, "npu_compute_time_list": times, "pid": 7}
    if fault == "nan":
        times[3] = float("nan")
    if fault == "fewer":
        del times[3:]
        del summary["NPU_compute_time"]
    old = os.path.join(args.output, args.name, "sumary.json")
    path = old if fault == "old" else os.path.join(args.output, args.name + "_summary.json")
    if fault == "link":
        os.symlink("/dev/zero", path)
    elif fault != "no summary":
        with open(path, "w") as file:
            file.write("{" if fault == "half" else json.dumps(summary))
    print("\\rInference array Processing: 100%|####| 1/1 [00:00<00:00, 10.73it/s]")
    mean = 9.0 if fault == "contradicts" else block["mean"]
    print("[INFO] NPU_compute_time (ms): min = %r, max = %r, mean = %r, median = %r, percentile(99%%) = %r"
          % (block["min"], block["max"], mean, block["median"], 2.98))
    if getattr(args, "energy", None):
        print("[INFO] NPU ID:%d energy consumption(J):59.5" % args.npu)
    print("[INFO] end to finalize acl")
"""


@dataclass(frozen=True)
class FakeAisBench:
    """Where the stand-in is, and the site that finds it."""

    site: Site
    package: Path

    def fault(self, name: str) -> None:
        """What goes wrong from now on; nothing for an empty name."""
        (self.package / "infer" / "fault").write_text(name)
        (self.package / "fault").write_text(name)

    def reset(self) -> None:
        """As after `install`, but for what the site has been asked already."""
        self.fault("")
        (self.package / "calls").unlink(missing_ok=True)

    @property
    def programs(self) -> Path:
        """The folder that PATH must begin with."""
        return self.package.parent.parent / "programs"

    @property
    def calls(self) -> list[list[str]]:
        path = self.package / "calls"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def install(folder: Path, *, msit: bool = False, nothing: bool = False, fault: str = "") -> FakeAisBench:
    """`msit`: its `msit benchmark` alone; `nothing`: a python3 without the package."""
    package, programs = folder / "site-packages" / "ais_bench", folder / "programs"
    (package / "infer").mkdir(parents=True)
    programs.mkdir()
    (package / "__init__.py").touch()
    (package / "infer" / "__init__.py").touch()
    (package / "infer" / "interface.py").write_text(dedent(_SESSION))
    (package / "command.py").write_text(dedent(_COMMAND))
    (package / "__main__.py").write_text("from ais_bench.command import main\nmain(False)\n")
    found = not msit and not nothing
    _program(programs / "python3", package.parent if found else folder, '"$@"')
    if msit:
        starts = "import sys; assert sys.argv.pop(1) == 'benchmark'; from ais_bench.command import main; main(True)"
        _program(programs / "msit", package.parent, f'-c "{starts}" "$@"')
    home = folder / "cann"
    home.mkdir()
    fake = FakeAisBench(Site(Installation(home, "x86_64", "toolkit", "8.1.RC1"), root=folder), package)
    fake.fault(fault)
    return fake


def use(fake: FakeAisBench, monkeypatch: pytest.MonkeyPatch) -> FakeAisBench:
    """Put it on PATH, alone."""
    monkeypatch.setenv("PATH", f"{fake.programs}:/nowhere")
    monkeypatch.delenv("ASCEND_PYTHON", raising=False)
    return fake


def om(folder: Path, inputs: tuple[Tensor, ...], outputs: tuple[Tensor, ...] = (), *, name: str = "model.om") -> OmFile:
    """A real `.om` with these ports; without outputs they are the inputs', doubled."""
    doubled = outputs or tuple(Tensor(f"{port.name}_doubled", port.dtype, port.shape, "double") for port in inputs)
    command = f"atc --framework=5 --model={'a' * 64}.onnx --output=model --soc_version=Ascend310P3"
    return om_file.read(write_om(folder / name, inputs=inputs, outputs=doubled, command_line=command))


def _program(path: Path, packages: Path, arguments: str) -> None:
    path.write_text(f'#!/bin/sh\nPYTHONPATH="{packages}" exec "{sys.executable}" {arguments}\n')
    path.chmod(0o755)


def forms_of(faults: Mapping[str, str], folders: pytest.TempPathFactory) -> dict[str, FakeAisBench]:
    """One installation for each name; its fault is there while the site asks what is installed, which it does once."""
    made = {}
    for form, fault in faults.items():
        made[form] = install(folders.mktemp(form), msit=form == "msit", fault=fault)
        with pytest.MonkeyPatch.context() as patch:
            find_tools(use(made[form], patch).site)
    return made


def fresh(fake: FakeAisBench, monkeypatch: pytest.MonkeyPatch) -> FakeAisBench:
    """An installation in use, without faults and calls of the test before."""
    use(fake, monkeypatch).reset()
    return fake


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every private folder of a test lies here, so that what is left behind is seen."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return folder
