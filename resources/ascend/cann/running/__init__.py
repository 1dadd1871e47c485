"""Running a compiled model through ais_bench, for its outputs and for its times."""
