"""Typed, bounded changes that may repair a failed candidate: what they are, and carrying them out.

Here belong the kinds of remedies, their wording, and applying them to options and graphs. Not here: why one is needed
(`diagnosis/`), which of them is taken (`repair/`), or a single edit of a graph (`resources/onnx_files/edits`).
"""
