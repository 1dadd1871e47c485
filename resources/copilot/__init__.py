"""Asking a language model behind an OpenAI-compatible endpoint: off unless configured, bounded, cached, redacted.

Here belongs how such an endpoint is asked, and what an answer must be to count as one. Not here: what is asked, or what
of an answer is kept (`ascend_assets/copilot`). Nothing that comes back is trusted, executed or taken for a path.
"""
