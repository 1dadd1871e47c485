"""`ascend preflight` on a 100 MB ResNet-50 from a cold process, beside a process that only loads and runs it in FP32.

    python -m benchmarks.preflight [--rounds 3] [--json]

Prints medians of the wall time of whole processes, their ratio, and the part that the all-layer comparison took.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.reference_models import resnet50

PLAIN = """
import sys, numpy as np, onnxruntime as ort
session = ort.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
session.run(None, {i.name: np.zeros(i.shape, np.float32) for i in session.get_inputs()})
"""
JUDGE = """
import json, sys
from pathlib import Path
from ascend_assets import preflight
from resources.ascend.options import CompileOptions
found = preflight.run(Path(sys.argv[1]), CompileOptions(soc_version="Ascend310P3"))
print(json.dumps({"layers_s": found.comparison_seconds}))
"""


def process(*argv: str) -> tuple[float, str]:
    """Wall seconds of a process, and what it printed."""
    begin = time.perf_counter()
    done = subprocess.run([sys.executable, *argv], capture_output=True, text=True, check=True)
    return time.perf_counter() - begin, done.stdout


def main() -> None:
    """Run the three kinds of process by turns."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    import onnx

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "resnet50.onnx"
        onnx.save(resnet50(1, "random"), path)
        whole, plain, layers = [], [], []
        for _ in range(arguments.rounds):
            plain.append(process("-c", PLAIN, str(path))[0])
            whole.append(process("-m", "ascend_assets.cli", "preflight", str(path), "--json")[0])
            layers.append(json.loads(process("-c", JUDGE, str(path))[1])["layers_s"])
        size = path.stat().st_size
    found = {
        "megabytes": size / 1e6,
        "preflight_s": statistics.median(whole),
        "layers_s": statistics.median(layers),
        "plain_fp32_s": statistics.median(plain),
    }
    found["ratio"] = found["preflight_s"] / found["plain_fp32_s"]
    if arguments.json:
        print(json.dumps(found))
        return
    print(f"model                        {found['megabytes']:6.0f} MB")
    print(f"preflight, cold process      {found['preflight_s']:6.2f} s   (goal: under 6)")
    print(f"  of which all layers        {found['layers_s']:6.2f} s   (goal: under 1)")
    print(f"load and run in FP32, cold   {found['plain_fp32_s']:6.2f} s")
    print(f"ratio                        {found['ratio']:6.2f}")


if __name__ == "__main__":
    main()
