"""WHAT is built and WHETHER it may pass: stages, gates, the models' own definitions, and the command line.

`definitions.py` is the front door; it alone imports `sensors`. Everything below it runs and is tested without Dagster.
"""
