"""`ascend`: where the command line begins, and where Ctrl-C ends it.

Here belongs nothing that takes time to import: whoever interrupts a start should not be shown a traceback. Not here:
the commands (`commands.py`).
"""

import sys

from ascend_assets.cli.exits import INTERRUPTED


def main() -> None:
    """Run the command line and end the process with its exit code."""
    try:
        from ascend_assets.cli import commands

        code = commands.run(sys.argv[1:])
    except KeyboardInterrupt:
        sys.stderr.write("\nascend: interrupted\n")
        code = INTERRUPTED
    sys.exit(code)
