"""Lock files that all users of one machine share.

Here belong where they are and who may open them. Not here: what a lock stands for (`device_locks.py`, `npu_smi.py`).
"""

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from resources.locks import locked


def machine_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """The folder of this machine's locks: one for all who use its devices, whatever project they work on.

    `ASCEND_DEVICE_LOCKS` moves it: to a folder of the host, for containers that share its devices.
    """
    return Path(environ.get("ASCEND_DEVICE_LOCKS") or Path(tempfile.gettempdir()) / "ascend-devices").absolute()


def made(folder: Path) -> Path:
    """The folder, made where missing, and then open to all users.

    Not sticky: in a sticky folder the kernel lets nobody open another's file for writing.
    """
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        return folder
    folder.chmod(0o777)
    return folder


@contextmanager
def held(path: Path, *, shared: bool = False, wait: bool = False) -> Iterator[int]:
    """Hold a lock file and yield its descriptor. Raises `BlockingIOError` where others hold it and `wait` is False.

    Nobody of ours removes a lock file, but what cleans temporary folders may have done so between opening and locking:
    then it is no lock any more, and counts as held.
    """
    with ExitStack() as stack:
        descriptor = stack.enter_context(locked(path, shared=shared, wait=wait))
        while not _is_there(path, descriptor):
            if not wait:
                raise BlockingIOError(f"{path} was removed while it was locked: try again")
            stack.close()
            descriptor = stack.enter_context(locked(path, shared=shared, wait=wait))
        if os.fstat(descriptor).st_uid == os.geteuid():
            os.fchmod(descriptor, 0o666)
        yield descriptor


def _is_there(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
