"""The top of a report in words: how much was read, what evals cover, system health. The same on the page and in the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from everyturn.analysis.words import UNKNOWN, counted, percent
from everyturn.outputs.figures import Figure, fields, figure, number, seconds


def sizes(report: Mapping[str, Any]) -> list[str]:
    """How many conversations, users and outputs the report rests on; those it does not state are left out.

    >>> sizes({"counts": {"conversations": 9, "users": 1}})
    ['9 conversations', '1 user']
    """
    counts = fields(report, "counts")
    nouns = (("conversation", "conversations"), ("user", "users"), ("output", "outputs"))
    return [counted(value, noun) for noun, key in nouns if (value := counts.get(key)) is not None]


def health(report: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What monitoring sees in the same traces: each figure and what it measures; unknown ones are left out.

    >>> health({"dashboard": {"completion_rate": 1.0, "turns": 810, "error_rate": 0.003, "latency_seconds": None}})
    [('100%', 'of 810 turns answered'), ('0.3%', 'of steps failed')]
    """
    dashboard = fields(report, "dashboard")
    shown = (
        (f"of {_counted(dashboard, 'turns')} answered", number(dashboard.get("completion_rate")), percent),
        (f"of {_counted(dashboard, 'steps')} failed", number(dashboard.get("error_rate")), percent),
        ("mean time to an answer", number(dashboard.get("latency_seconds")), seconds),
    )
    return [(say(value), meaning) for meaning, value, say in shown if value is not None]


def coverage_figure(report: Mapping[str, Any]) -> Figure:
    """The share of conversations whose intent an eval case tests; unknown where no evals are loaded.

    >>> report = {"counts": {"eval_cases": 12}, "coverage": {"coverage": 0.748, "low": 0.739, "high": 0.757}}
    >>> print(coverage_figure(report))
    75% (74–76)
    """
    coverage = fields(report, "coverage")
    if not has_evals(report):
        return Figure(UNKNOWN)
    if fields(coverage, "not_enough"):
        return figure(coverage)
    return figure({"value": coverage.get("coverage"), "low": coverage.get("low"), "high": coverage.get("high")})


def coverage_basis(report: Mapping[str, Any]) -> str:
    """What coverage is a share of: what fits no intent can be neither tested nor untested, and is left out.

    >>> coverage_basis({"coverage": {"estimate": {"n": 15646}}})
    'of 15,646 outputs that fit an intent'
    """
    n = fields(fields(report, "coverage"), "estimate").get("n")
    return f"of {counted(n, 'output')} that fit an intent" if number(n) is not None else "of outputs that fit an intent"


def depth_of_coverage(report: Mapping[str, Any]) -> str:
    """How much of it is covered in depth, in words; nothing where that is not known.

    >>> depth_of_coverage({"coverage": {"in_depth": {"value": 0.45, "low": 0.44, "high": 0.47}}})
    '45% in depth'
    """
    deep = figure(fields(report, "coverage").get("in_depth"))
    return f"{deep.text} in depth" if deep.known else ""


def has_evals(report: Mapping[str, Any]) -> bool:
    """Whether any eval case or score is loaded."""
    return bool(fields(report, "counts").get("eval_cases") or fields(report, "headline").get("eval_score"))


def _counted(dashboard: Mapping[str, Any], noun: str) -> str:
    """How many there are, or the bare noun where that is not known."""
    n = number(dashboard.get(noun))
    return noun if n is None else counted(n, noun.removesuffix("s"))
