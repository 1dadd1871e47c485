"""Drawings as SVG text: pure functions from reports to strings, with nothing fetched and nothing executed.

One module per drawing, on the primitives of `svg`. Colours are classes that the page's style sheet defines for light
and dark; `standalone` gives a drawing its own.
"""
