"""What a device leaves of every operator, when an `acl.json` asks for it.

Here belongs computing every tensor with FP16 rounding, and the tree of files. A file's content is the stand-ins' own:
only the stand-in msaccucmp reads it, as only msaccucmp reads real ones.
"""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stand_ins.loading import Loaded

if TYPE_CHECKING:
    from numpy.typing import NDArray


def dump(loaded: Loaded, acl_json: Path, arrays: "Sequence[NDArray[Any]]", device: int) -> None:
    """Write the dump that `acl_json` asks for; none where it names another model."""
    asked = json.loads(acl_json.read_text(encoding="utf-8") or "{}").get("dump", {})
    models = [entry.get("model_name") for entry in asked.get("dump_list", [])]
    if loaded.name not in models:
        return
    path = Path(asked["dump_path"])
    if not path.is_dir():
        raise FileNotFoundError(f"dump_path {path} does not exist")
    stamp = str(int(time.time() * 1e6))
    folder = path / time.strftime("%Y%m%d%H%M%S") / str(device) / loaded.name / "1" / "0"
    folder.mkdir(parents=True)
    tensors = _tensors(loaded, arrays)
    for task, node in enumerate(loaded.meta["nodes"], 2):
        _write(folder / f"{node['type']}.{_spelt(node['name'])}.{task}.1.{stamp}", node, tensors, asked["dump_mode"])


def _spelt(name: str) -> str:
    return name.replace("/", "_").replace(".", "_")


def _write(path: Path, node: dict[str, Any], tensors: "dict[str, NDArray[Any]]", mode: str) -> None:
    import numpy as np

    held: dict[str, NDArray[Any]] = {}
    for end in ("input", "output"):
        if mode in {end, "all"}:
            names = [name for name in node[f"{end}s"] if name in tensors]
            held |= {f"{end}.{place}": tensors[name] for place, name in enumerate(names)}
    with path.open("wb") as file:
        np.savez(file, **held)  # type: ignore[arg-type]


def _tensors(loaded: Loaded, arrays: "Sequence[NDArray[Any]]") -> "dict[str, NDArray[Any]]":
    """Every tensor of the graph as the device holds it."""
    import numpy as np
    import onnx

    from resources.ascend.emulator.lower import lower
    from resources.ascend.options import CompileOptions
    from resources.onnx_files import with_shapes
    from resources.onnx_files.sessions import open_session, run_session, session_options

    options = CompileOptions.model_validate(loaded.meta["options"])
    shapes = loaded.gear([array.shape for array in arrays])["shapes"] or options.input_shape
    model = with_shapes(onnx.ModelProto.FromString(loaded.payload.onnx), shapes, None, in_place=True)
    ends = {value.name for value in model.graph.output}
    model.graph.output.extend(value for value in model.graph.value_info if value.name not in ends)
    names = [value.name for value in model.graph.output]
    feeds = loaded.feeds(arrays)
    images = {f"{n}@image": array for (n, _, _), array in zip(loaded.inputs, arrays, strict=True)}
    session = open_session(lower(model, options).SerializeToString(), session_options())
    made = {**images, **feeds, **run_session(session, names, feeds)}
    if options.mode != "force_fp16":
        return made
    with np.errstate(over="ignore"):
        return {n: a.astype(np.float16) if a.dtype == np.float32 else a for n, a in made.items()}
