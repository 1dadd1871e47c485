"""Options that several commands share, so that one word means one thing everywhere.

Here belong the options alone. Commands take them by keyword.
"""

import click

as_json = click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
dry_run = click.option("--dry-run", is_flag=True, help="Decide, show what would be done, and write nothing.")
environment = click.option("--env", "environment", required=True, metavar="ENV", help="The environment.")
any_environment = click.option("--env", "environment", default="", metavar="ENV", help="Only this environment.")
name = click.argument("name", metavar="MODEL")
reason = click.option("--reason", required=True, help="Why; stands in the ledger.")


def number(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    """A version without the `v` of its tag."""
    return value.removeprefix("v")


version = click.option("--version", required=True, metavar="VERSION", callback=number, help="Which release: 1.4.0.")
maybe_version = click.option("--version", default="", metavar="VERSION", callback=number, help="Which release: 1.4.0.")
