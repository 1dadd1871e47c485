"""The copilot: what a language model is asked where rules are silent, and what of its answers is kept.

Here belong the questions, the facts that go into them, and the strict reading of what comes back: typed remedies,
options and drafts, judged like those of a rule. Not here: how an endpoint is asked (`resources/copilot`), or trying a
remedy (`ascend_assets/repair`).

An answer is untrusted. It chooses among things that this package offers by neutral names; no text of it becomes a
path, a command, a limit or an approval.
"""
