"""HOW the world is touched: toolchains, stores, git, processes.

Nothing here imports `ascend_assets` or `sensors`, and nothing here decides whether a model may pass.
"""
