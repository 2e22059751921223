"""Options that several commands share."""

from __future__ import annotations

import click

as_json = click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
where_option = click.option("--where", metavar="CONDITION", help="Only what meets this, e.g. \"plan = 'pro'\".")
