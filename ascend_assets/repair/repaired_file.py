"""The file that a repair leaves: whole or not at all, and over another file only where that was asked for.

Here belongs writing it. Not here: what is in it (`loop.py`).
"""

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from resources.digests import sha256_bytes
from resources.onnx_files.walk import tensors

if TYPE_CHECKING:
    import onnx

_MODE = 0o644


class NotWritten(Exception):
    """The result could not be written. The message says why, and what to do."""


def check(path: Path, *, replace: bool) -> None:
    """Whether something may be written there. Raises `NotWritten` before any work is done in vain."""
    if path.is_dir():
        raise NotWritten(f"{path}: is a folder: give the name of a file")
    if not path.absolute().parent.is_dir():
        raise NotWritten(f"{path}: its folder does not exist: make it first")
    if not replace and (path.exists() or path.is_symlink()):
        raise NotWritten(f"{path}: exists already and is not replaced: give another name, or --force")


def content(source: Path, sha256: str, original: "onnx.ModelProto", repaired: "onnx.ModelProto") -> bytes:
    """What is written: the bytes of `source` where no graph was edited, so that its digest stays.

    `sha256`: of the file that `original` was read from. A file with external data is written with them inside, because
    it may come to lie elsewhere. Raises `NotWritten`.
    """
    if repaired is original and not _was_external(source):
        data = source.read_bytes()
        if sha256_bytes(data) != sha256:
            raise NotWritten(f"{source}: was changed while it was looked at: try again")
        return data
    return bytes(repaired.SerializeToString(deterministic=True))


def _was_external(source: Path) -> bool:
    from resources import onnx_files
    from resources.onnx_files.safety import is_external

    return any(is_external(tensor) for _, tensor in tensors(onnx_files.parse(source)))


def write(path: Path, data: bytes, *, replace: bool) -> None:
    """Write the file, synced to the disk. A crash leaves what was there before, or all of it. Raises `NotWritten`."""
    from resources.store.durable import whole_file

    partial = path.absolute().parent / ".partial"
    try:
        with whole_file(partial, data) as (whole, _):
            whole.chmod(_MODE)
            if replace:
                whole.replace(path)
            else:
                path.hardlink_to(whole)
    except FileExistsError as error:
        raise NotWritten(f"{path}: exists already and is not replaced: give another name, or --force") from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise NotWritten(f"{path}: cannot be written ({reason}): make room, or choose another folder") from error
    finally:
        with suppress(OSError):  # another writer is at work in it
            partial.rmdir()
