"""Where a compiled model's time goes, from msprof."""
