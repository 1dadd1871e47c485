"""Every model at once, for Dagster's UI and daemon, without building a thousand models' objects.

Dagster makes a page of a code location by asking its repository for every asset, check and job. Built for real that
takes tenths of a second and megabytes per model, in every process. Here the repository answers from outlines, drawn
from what is declared (`declared.py`), and builds one model for real when somebody runs it.
"""
