"""WHAT is built: one module per stage, each a plain function from artefacts to artefacts."""
