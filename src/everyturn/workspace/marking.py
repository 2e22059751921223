"""Adds and removes the marks with which people inform the monitor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

import orjson

from everyturn.analysis.alarms import BLOCKS_A_DAY, TRUST, TRUSTING, date_of
from everyturn.engines import watched
from everyturn.engines.local import Database
from everyturn.errors import InputError, UnknownName
from everyturn.workspace.hearing import marks_of

_LISTS = {"release": "releases", "holiday": "holidays", "mute": "muted", "normal": "normals"}


def add_mark(
    db: Database, kind: str, what: str, *, findings: Callable[[], Sequence[dict[str, Any]]], remove: bool = False
) -> None:
    """Adds a mark or, with `remove`, removes it. Adding a mark that exists changes nothing; removing one that does not is an error.

    `what` is a day for `release` and `holiday`, the id of a finding for `mute` and `normal`; `findings` returns all current findings.
    """
    if kind not in _LISTS:
        raise UnknownName.among("kind of mark", kind, _LISTS, example="everyturn mark {} …")
    marks = marks_of(db)
    stored: dict[str, list[Any]] = {name: [_plain(v) for v in getattr(marks, name)] for name in _LISTS.values()}
    kept = stored[_LISTS[kind]]
    if kind in {"release", "holiday"}:
        values: list[Any] = [_day(what)]
    elif kind == "mute":
        values = [what if remove else _finding(what, findings())["id"]]
    else:
        values = _nodes(db, _finding(what, findings()))
    if remove:
        same = [v[1:] for v in values] if kind == "normal" else values
        left = [v for v in kept if (v[1:] if kind == "normal" else v) not in same]
        if left == kept:
            raise InputError(
                "there is no such mark to remove",
                where=f"{kind} {what}",
                expected=", ".join(str(v) for v in kept) if kept and kind != "normal" else f"a {kind} that was marked",
                try_="everyturn mark",
            )
        kept = left
    else:
        kept = sorted([*kept, *(v for v in values if v not in kept)], key=str)
    stored[_LISTS[kind]] = kept
    db.set_meta("monitor_marks", orjson.dumps(stored).decode())


def _plain(value: object) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _day(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise InputError(
            "this is no date", where="mark", expected="a day", try_="everyturn mark release 2026-10-19"
        ) from None


def _finding(wanted: str, findings: Sequence[dict[str, Any]]) -> dict[str, Any]:
    by_id = {finding["id"]: finding for finding in findings}
    if wanted not in by_id:
        raise UnknownName.among("finding", wanted, by_id, example="everyturn mark mute {}")
    return by_id[wanted]


def _nodes(db: Database, finding: dict[str, Any]) -> list[list[Any]]:
    """The nodes whose changed level becomes the normal one, from the last day of the data on."""
    if finding["kind"] != "level" or finding["since"] is None:
        raise InputError(
            "only a rate that moved can be the new normal",
            where=f"finding {finding['id']}, kind {finding['kind']}",
            expected="a finding of kind level with a start",
            try_=f"everyturn mark mute {finding['id']}",
        )
    today = date_of(watched.closed_block(db) // BLOCKS_A_DAY).isoformat()
    names = [TRUST, *TRUSTING] if finding["signal"] == TRUST else [finding["signal"]]
    return [[today, name, finding["cohort"], finding["intent_id"]] for name in names]
