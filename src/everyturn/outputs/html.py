"""The page: one file that holds everything it shows, asks the network for nothing and reads well without scripts."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
from markupsafe import Markup

from everyturn.outputs import Result, encodable, svg
from everyturn.outputs.commands import asking, command
from everyturn.outputs.page import arrange

if TYPE_CHECKING:
    from jinja2 import Template


def render_html(report: Result) -> str:
    """The report as one HTML document: style, script, charts and conversations inside, no request to anywhere.

    All text of the report is escaped. A content security policy names the hashes of the one style sheet and the one
    script, so that nothing that came in with a conversation can run or load. The same report gives the same bytes.
    """
    style, script = _asset("report.css"), _asset("report.js")
    policy = (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    report = encodable({**report, **_by_name(report)})
    with asking(report):
        return _template().render(
            arrange(report),
            policy=policy,
            style=Markup(style),  # noqa: S704 - our own file
            script=Markup(script),  # noqa: S704 - our own file
            numbers=_numbers(report),
            hatch=svg.HATCH,
        )


@cache
def _template() -> Template:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("everyturn.outputs", "templates"),
        autoescape=True,
        undefined=StrictUndefined,  # a misspelt name in the template is an error, not a hole in the page
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["tight"] = _tight
    environment.globals["command"] = command
    return environment.get_template("report.html.j2")


def render_fragment(result: Result) -> str:
    """What a notebook shows: a report as the page in a frame of its own, any other result as the terminal's text."""
    if result.get("verb") == "report":
        # In its own frame the page's style cannot leak into the notebook, and its policy still holds.
        frame = Markup(
            '<iframe title="Everyturn report" width="100%" height="760" sandbox="allow-scripts" srcdoc="{}"></iframe>'
        )
        return str(frame.format(render_html(result)))
    from everyturn.outputs.text import render

    return str(Markup("<pre>{}</pre>").format(render(result)))


def _by_name(report: Result) -> Result:
    """The workspace by its file's name: a page travels, and where a file lay is no reader's business."""
    return {"workspace": Path(str(report["workspace"])).name} if report.get("workspace") else {}


def _numbers(report: Result) -> Markup:
    r"""The report without its conversations, as JSON that cannot end the script element it stands in.

    >>> _numbers({"verb": "report", "title": "</script>", "conversations": {"c-1": {}}})
    Markup('{"verb":"report","title":"\\u003c/script\\u003e"}')
    """
    numbers = {key: value for key, value in report.items() if key != "conversations"}
    text = orjson.dumps(numbers, option=orjson.OPT_NON_STR_KEYS | orjson.OPT_UTC_Z).decode()
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # noqa: S704 - JSON with nothing in it that HTML could read


def _tight(text: object) -> str:
    r"""The text with its numbers tied to their units and to each other, so that no line ends within a range.

    >>> _tight("7 points, 6–8") == "7\N{NO-BREAK SPACE}points, 6\N{WORD JOINER}–\N{WORD JOINER}8"
    True
    """
    tied = re.sub(r"(?<=\d) (?=points?\b|s\b)", "\N{NO-BREAK SPACE}", str(text))
    return re.sub(r"(?<=\d)–(?=\d)", "\N{WORD JOINER}–\N{WORD JOINER}", tied)


def _asset(name: str) -> str:
    return files("everyturn.outputs").joinpath("templates", name).read_text(encoding="utf-8").strip()


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
