"""`python -m ascend_assets.cli`: the command line where the `ascend` script is not on PATH."""

from ascend_assets.cli.main import main

main()
