"""Results as people and machines read them: the page (`html`), the terminal (`text`), reports of checks (`checks`), eval cases.

A result is one JSON object with `schema`, `verb` and the verb's own fields. Everything here renders that object and never sees the
workspace, so whatever a person reads can also be had as data. Any field may be missing or null, because data may be missing; what is
shown then is "unknown" or "not enough data".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import orjson

SCHEMA = "everyturn/1"

Result: TypeAlias = Mapping[str, Any]


def to_json(result: Result) -> str:
    """The result as the text that `--json` prints: keys in the order given, times in UTC, a NaN as null.

    >>> print(to_json({"schema": SCHEMA, "verb": "load", "conversations": 2}))
    {
      "schema": "everyturn/1",
      "verb": "load",
      "conversations": 2
    }
    """
    return orjson.dumps(
        encodable(result), option=orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS
    ).decode()


def encodable(value: Any) -> Any:
    r"""The value with what UTF-8 cannot carry (halves of split emoji, as some clients record them) as question marks.

    >>> encodable({"content": ["fine \ud83d", 1]})
    {'content': ['fine ?', 1]}
    """
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, Mapping):
        return {encodable(key): encodable(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [encodable(inner) for inner in value]
    return value
