"""A check's result as a pull request, a CI server and a code host read it: Markdown, JUnit XML, SARIF."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from xml.sax.saxutils import escape, quoteattr

import orjson

from everyturn.outputs import Result
from everyturn.outputs.figures import items
from everyturn.version import __version__

_MARK = {"passed": "✅", "failed": "❌", "unclear": "⚠️", "not enough data": "…"}
_LEVEL = {"failed": "error", "unclear": "warning"}


def markdown(result: Result) -> str:
    """A summary for a pull request: one sentence, one table."""
    rows = items(result, "checks")
    lines = [f"### Everyturn: {result.get('sentence') or ''}", ""]
    if rows:
        lines += ["| | check | what was found |", "|---|---|---|"]
        lines += [
            f"| {_MARK.get(str(row.get('verdict')), '')} {row.get('verdict')} | {_cell(row.get('name'))} | {_cell(row.get('sentence'))} |"
            for row in rows
        ]
    return "\n".join(lines) + "\n"


def _cell(value: object) -> str:
    return str(value or "").replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")


def junit(result: Result) -> str:
    """The checks as one JUnit test suite: failed checks are failures; unclear ones and those without data are skipped."""
    rows = items(result, "checks")
    failed = sum(row.get("verdict") == "failed" for row in rows)
    skipped = sum(row.get("verdict") not in {"passed", "failed"} for row in rows)
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<testsuites><testsuite name="everyturn" tests="{len(rows)}" failures="{failed}" skipped="{skipped}" errors="0">',
    ]
    for row in rows:
        name, said, verdict = (str(row.get(key) or "") for key in ("name", "sentence", "verdict"))
        head = f"  <testcase classname={quoteattr(str(row.get('signal') or ''))} name={quoteattr(name)}"
        if verdict == "passed":
            lines.append(f"{head}><system-out>{escape(said)}</system-out></testcase>")
        elif verdict == "failed":
            lines.append(f"{head}><failure message={quoteattr(said)}>{escape(said)}</failure></testcase>")
        else:
            lines.append(f"{head}><skipped message={quoteattr(said)}/></testcase>")
    return "\n".join([*lines, "</testsuite></testsuites>", ""])


def sarif(result: Result) -> str:
    """The checks that did not pass as SARIF 2.1.0 results; a rule a signal. They point at the settings file."""
    rows = [row for row in items(result, "checks") if row.get("verdict") in _LEVEL]
    signals = sorted({str(row.get("signal")) for row in rows})
    place = {"physicalLocation": {"artifactLocation": {"uri": str(result.get("config") or "everyturn.toml")}}}
    document = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "everyturn",
                        "version": __version__,
                        "rules": [{"id": name, "name": name} for name in signals],
                    }
                },
                "results": [
                    {
                        "ruleId": str(row.get("signal")),
                        "level": _LEVEL[str(row.get("verdict"))],
                        "message": {"text": str(row.get("sentence") or row.get("name"))},
                        "locations": [place],
                    }
                    for row in rows
                ],
            }
        ],
    }
    return orjson.dumps(document, option=orjson.OPT_INDENT_2).decode() + "\n"


FORMS: Mapping[str, Callable[[Result], str]] = {"markdown": markdown, "junit": junit, "sarif": sarif}
