"""`everyturn.toml`: the rates a team wants to hold, and how it recognises that a task was done. An unknown key is an error.

cohort = "plan"                    # the attribute that divides users, where it is not a usual one

[[check]]
signal = "acceptance"
min = 0.60                         # or max, for signals where less is better
by = ["intent"]                    # each group must hold it
where = "channel = 'web'"          # only these conversations

[[success]]
intent = "refund request"          # an intent's name or id; without it, every intent
action = "refund_issued"           # an action of that kind by the user, or recorded for them,
within = "1 day"                   # no longer than this after the conversation (7 days unless said)

[[success]]
intent = "order status"
tool = "find_order"                # or a call of that tool
result = "shipped"                 # whose result holds this text, where one is given
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from everyturn.errors import InputError

FILE = "everyturn.toml"


@dataclass(frozen=True, slots=True)
class Budget:
    """A bound on a signal's rate in every group of `by`: at least `least` or at most `most`; exactly one of them is given."""

    signal: str
    least: float | None = None
    most: float | None = None
    by: tuple[str, ...] = ()
    where: str | None = None


@dataclass(frozen=True, slots=True)
class Success:
    """What shows that a task was done: an action within a time, or a tool's call and its result. `intent` None means every intent."""

    intent: str | None
    action: str | None = None
    tool: str | None = None
    result: str | None = None
    within: timedelta = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Config:
    """The settings of one workspace's owner."""

    cohort: str | None = None
    budgets: tuple[Budget, ...] = ()
    successes: tuple[Success, ...] = ()


def read_config(path: Path) -> Config:
    """The settings in a file; the defaults if there is no file and its name is the usual one.

    Raises InputError if a file of another name does not exist, or if a file cannot be read.

    >>> read_config(Path("everyturn.toml"))
    Config(cohort=None, budgets=(), successes=())
    """
    if not path.exists():
        if path.name == FILE:
            return Config()
        raise InputError(
            "no such settings file", where=str(path), expected="a TOML file", try_=f"everyturn check --config {FILE}"
        )
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        # The parser's words name a place and a token of a settings file, never a message of anyone.
        raise InputError(
            "the settings file is not TOML",
            where=f"{path}: {error}",
            expected="TOML",
            try_="the examples in docs/checks.md and docs/success.md",
        ) from None
    reading = _Reading(str(path))
    reading.allow(given, {"cohort", "check", "success"}, "the file")
    checks = reading.tables(given, "check", "one [[check]] table a budget")
    successes = reading.tables(given, "success", "one [[success]] table a rule")
    return Config(
        reading.text(given, "cohort", "the file"),
        tuple(_budget(reading, check, f"check {number}") for number, check in enumerate(checks, 1)),
        tuple(_success(reading, rule, f"success {number}") for number, rule in enumerate(successes, 1)),
    )


def _budget(reading: _Reading, given: Mapping[str, Any], place: str) -> Budget:
    reading.allow(given, {"signal", "min", "max", "by", "where"}, place)
    signal = reading.text(given, "signal", place)
    least, most = reading.share(given, "min", place), reading.share(given, "max", place)
    if signal is None:
        raise reading.error(f"{place}", "the name of a signal", 'signal = "acceptance"')
    if (least is None) == (most is None):
        raise reading.error(f"{place}", "either min or max", "min = 0.60")
    by = given.get("by", [])
    by = [by] if isinstance(by, str) else by
    if not isinstance(by, list) or not all(isinstance(name, str) for name in by):
        raise reading.error(f"{place}, by", "names to group by", 'by = ["intent"]')
    return Budget(signal, least, most, tuple(by), reading.text(given, "where", place))


def _success(reading: _Reading, given: Mapping[str, Any], place: str) -> Success:
    reading.allow(given, {"intent", "action", "tool", "result", "within"}, place)
    texts = {name: reading.text(given, name, place) for name in ("intent", "action", "tool", "result", "within")}
    if (texts["action"] is None) == (texts["tool"] is None):
        raise reading.error(place, "either an action or a tool", 'action = "refund_issued"')
    if texts["result"] is not None and texts["tool"] is None:
        raise reading.error(f"{place}, result", "a tool whose result is looked at", 'tool = "find_order"')
    within = timedelta(days=7)
    if texts["within"] is not None:
        span = _SPAN.match(texts["within"])
        if span is None or texts["action"] is None:
            raise reading.error(
                f"{place}, within", "hours or days after the conversation, beside an action", 'within = "1 day"'
            )
        within = timedelta(**{f"{span[2]}s": int(span[1])})
    return Success(texts["intent"], texts["action"], texts["tool"], texts["result"], within)


_SPAN = re.compile(r"\s*(\d{1,4})\s*(hour|day)s?\s*$")


@dataclass(frozen=True, slots=True)
class _Reading:
    """Takes values out of one settings file, each with an error that says where and what to write."""

    path: str

    def error(self, place: str, expected: str, example: str) -> InputError:
        return InputError("a setting cannot be read", where=f"{self.path}, {place}", expected=expected, try_=example)

    def allow(self, given: Mapping[str, Any], names: set[str], place: str) -> None:
        unknown = sorted(set(given) - names)
        if unknown:
            raise InputError(
                f'no setting named "{unknown[0]}"',
                where=f"{self.path}, {place}",
                expected=", ".join(sorted(names)),
                try_="the name without a typing error",
            )

    def tables(self, given: Mapping[str, Any], name: str, expected: str) -> list[dict[str, Any]]:
        value = given.get(name, [])
        if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
            raise self.error(name, expected, f"[[{name}]]")
        return value

    def text(self, given: Mapping[str, Any], name: str, place: str) -> str | None:
        value = given.get(name)
        if value is not None and not isinstance(value, str):
            raise self.error(f"{place}, {name}", "a text in quotes", f'{name} = "…"')
        return value

    def share(self, given: Mapping[str, Any], name: str, place: str) -> float | None:
        value = given.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            raise self.error(f"{place}, {name}", "a share from 0 to 1", f"{name} = 0.60")
        return float(value)
