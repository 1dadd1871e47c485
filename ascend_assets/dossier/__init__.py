"""The dossier: the one page a reviewer decides from, and the small plots and tables of it that Dagster shows.

Downhill: `content` (what is known) -> `admission`, `compare`, `chain` (what follows from it) -> `charts`, `views` (how
it is shown) -> `render`, `summary` (the page, and Dagster's metadata). Nothing here judges: `gates/` does.
"""
