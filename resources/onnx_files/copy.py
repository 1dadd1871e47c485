"""Copying a model as one file that needs no other.

Here belongs the copy alone. Not here: checking what is copied (`onnx_files.py`).
"""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from resources import onnx_files
from resources.onnx_files.safety import is_external
from resources.onnx_files.walk import tensors

if TYPE_CHECKING:
    from onnx import ModelProto


def copy_whole(model: "ModelProto", path: Path, target: Path) -> None:
    """Copy `path`, from which `model` was loaded, to `target`.

    The bytes stay as they are, so that the digest stays; only a model with weights in other files is written anew, with
    its weights inside. Raises `OSError` or `OnnxFileError`.
    """
    if any(is_external(tensor) for _, tensor in tensors(onnx_files.parse(path))):
        target.write_bytes(model.SerializeToString(deterministic=True))
    else:
        shutil.copyfile(path, target)
