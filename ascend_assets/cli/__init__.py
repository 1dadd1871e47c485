"""The command line, one module per group of commands.

Here belong words, tables and exit codes. Not here: anything that another door (Dagster's UI, a sensor) would need too.
Exit codes: 0 done, 1 judged and refused, 2 not usable, 130
interrupted by Ctrl-C.
"""
