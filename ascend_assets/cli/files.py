"""Reading a file that a person names.

Here belongs the bound on its size. Not here: what is in it.
"""

from pathlib import Path

from ascend_assets.cli.console import Unusable
from resources.regular_files import open_regular


def read_whole(path: Path, limit: int) -> bytes:
    """A regular file of at most `limit` bytes. Raises `Unusable`, `OSError`."""
    file, size = open_regular(path)
    with file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise Unusable(f"{path} has {size:,} bytes, and at most {limit:,} are read: it is another file than was meant")
    return data
