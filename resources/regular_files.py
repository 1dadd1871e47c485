"""Opening a path that someone else chose.

Here belongs the opening alone: it never waits for a named pipe and never reads a device. Not here: what is in the file.
"""

import errno
import os
from pathlib import Path
from stat import S_ISREG
from typing import BinaryIO


def open_regular(path: Path) -> tuple[BinaryIO, int]:
    """A regular file opened for reading, and its size in bytes.

    Raises `OSError` for everything else: a missing file, a folder, a pipe, a device, a name that cannot be one.
    """
    try:
        # O_NONBLOCK: opening a named pipe must not wait for a writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except ValueError as error:
        raise OSError(errno.EINVAL, str(error), str(path)) from error
    status = os.fstat(descriptor)
    if not S_ISREG(status.st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "no regular file", str(path))
    return os.fdopen(descriptor, "rb"), status.st_size
