"""Exit codes of the command line. Here belongs nothing else: `main.py` needs them before anything is imported."""

REFUSED, UNUSABLE = 1, 2
INTERRUPTED = 130
"""What Ctrl-C ended, as shells have it: 128 and the signal's number."""
