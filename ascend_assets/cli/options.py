"""Options that several commands share, so that one word means one thing everywhere.

Here belong the options alone. Commands take them by keyword.
"""

import click

MAX_REASON = 2000
"""Characters, as much as one may sign."""

as_json = click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
dry_run = click.option("--dry-run", is_flag=True, help="Decide, show what would be done, and write nothing.")
environment = click.option("--env", "environment", required=True, metavar="ENV", help="The environment.")
any_environment = click.option("--env", "environment", default="", metavar="ENV", help="Only this environment.")
name = click.argument("name", metavar="MODEL")


def why(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    """A reason that whoever decides next has the time to read. Raises `click.BadParameter`."""
    if len(value) > MAX_REASON:
        raise click.BadParameter(f"{len(value):,} characters: at most {MAX_REASON:,}, for somebody will read it")
    return value


reason = click.option("--reason", required=True, callback=why, help="Why; stands in the ledger.")
maybe_reason = click.option("--reason", default="", callback=why, help="Why; stands in the ledger.")


def number(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    """A version without the `v` of its tag."""
    return value.removeprefix("v")


version = click.option("--version", required=True, metavar="VERSION", callback=number, help="Which release: 1.4.0.")
maybe_version = click.option("--version", default="", metavar="VERSION", callback=number, help="Which release: 1.4.0.")
