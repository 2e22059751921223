"""Writes the pages of docs/ that the code itself knows: commands, formats, signals. `make docs` runs it; a test keeps them true."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path

import click

DOCS = Path(__file__).resolve().parent.parent / "docs"


def commands() -> str:
    """Every command with its help, as the command line prints it."""
    from everyturn.cli import cli

    parts = [
        "# Commands\n",
        (
            "Results go to stdout, progress and notes to stderr. `--json` prints one object. Exit status: 0 done · 1 the check you asked for"
            " failed · 2 an error you can fix · 3 not enough data · 130 stopped with Ctrl-C.\n"
        ),
    ]
    settings = {**cli.context_settings, "max_content_width": 100, "terminal_width": 100}
    context = click.Context(cli, info_name="everyturn", **settings)
    parts.append(f"```\n{cli.get_help(context).strip()}\n```\n")
    for name in cli.list_commands(context):
        command = cli.commands[name]
        sub = click.Context(command, info_name=name, parent=context, max_content_width=100, terminal_width=100)
        parts.append(f"## everyturn {name}\n\n```\n{command.get_help(sub).strip()}\n```\n")
    return "\n".join(parts)


_WHICH = """\
## Which is mine?

| you have | how it is read |
|---|---|
| a tracing vendor's export, or what its SDK sends | the vendor's name below; `everyturn pull` fetches it from the API |
| OpenTelemetry from any client | [otlp](#otlp) |
| logged calls of a model's API | [model-calls](#model-calls) |
| your own log, one conversation a record | [chat](#chat) |
| your own log, one message or one question with its answer a row | [plain](#plain) |
| what users did with the answers | [actions](#actions), [segment](#segment), [tickets](#tickets); a repository's history with `--as actions --git` |
| eval cases and scores | [evals](#evals), or the platform's own below |
| outcomes in a warehouse, and no messages | [outcomes](#outcomes) |

For a log in any other layout, write it as rows with the columns `conversation_id`, `user_id`, `role`, `content` and `at`. A column that is called otherwise is named on the
command line:

```console
everyturn load log.csv --conversation-id session --user-id account
```
"""


def formats() -> str:
    """Every format that is read, from its reader's own words."""
    from everyturn.readers.recognise import readers

    parts = [
        "# Formats\n",
        (
            "A file's format is told by its content, never by its name; `--format NAME` overrides. gzip, zstd, UTF-8 and UTF-16, JSON Lines, JSON arrays and"
            " objects, CSV, TSV and Parquet are opened for every format alike. Each record becomes data, or is rejected with its place and a reason, or is"
            " skipped with a reason: nothing is lost in silence.\n"
        ),
    ]
    parts.append(_WHICH)
    for kind in ("conversations", "actions", "evals", "outcomes"):
        parts.append(f"## `--as {kind}`\n")
        for name, reader in readers(kind).items():
            words = inspect.getdoc(sys.modules[reader.read.__module__]) or ""
            parts.append(f"### {name}\n\n{words}\n")
    return "\n".join(parts)


def signals() -> str:
    """Every signal: its question, unit, direction, needs and version."""
    from everyturn.workspace import signals as found

    rows = [
        f"| `{s.name}` | {s.question} | {s.unit} | {s.better} | {', '.join(sorted(s.needs)).replace('_', ' ') or '–'} | {s.version} |"
        for s in found().values()
    ]
    return "\n".join(
        [
            "# Signals\n",
            (
                "A signal is a question asked of each conversation. `everyturn measure NAME` gives its rate. `load` says which ones it cannot"
                " measure, because the data they need are missing.\n"
            ),
            "| signal | question | asked of each | better | needs | version |",
            "|---|---|---|---|---|---|",
            *rows,
            "",
        ]
    )


PAGES = {"commands.md": commands, "formats.md": formats, "signals.md": signals}

if __name__ == "__main__":
    for file, page in PAGES.items():
        (DOCS / file).write_text(page())
