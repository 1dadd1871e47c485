"""Side-by-side measurements: each module is a command that prints what it measured (`python -m benchmarks.<name>`)."""
