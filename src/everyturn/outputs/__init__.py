"""Results as people and machines read them. There is one JSON form; every face renders that form and nothing else.

A result is one object with `schema`, `verb` and the verb's own fields. A face is one file that ends in
`OUTPUT = Output(…)`; it sees results only, never the workspace, so that what a person reads can always be had as data.
Any field may be missing or null, because data may be missing: a face then says "unknown" or "not enough data".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import orjson

SCHEMA = "everyturn/1"

Result: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Output:
    """A way to show results.

    `verbs` are the results it can show, empty for all of them; `render` gives the whole text, the same for the same
    result on every machine.
    """

    name: str
    media_type: str
    verbs: frozenset[str]
    render: Callable[[Result], str]


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
