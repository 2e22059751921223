"""How the parts of the page lead to each other: findings to intents and cohorts, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from everyturn.outputs import Result
from everyturn.outputs.figures import items


def intent_anchor(intent: Mapping[str, Any]) -> str:
    """The fragment and element id of an intent's row, percent-encoded so that any id is valid; empty where there is no id.

    >>> intent_anchor({"intent_id": "i-3f9a2c"}), intent_anchor({})
    ('intent:i-3f9a2c', '')
    """
    return _anchor("intent", intent.get("intent_id"))


def cohort_anchor(cohort: Mapping[str, Any]) -> str:
    """The fragment and element id of a cohort's card.

    >>> cohort_anchor({"cohort": "new shops"})
    'cohort:new%20shops'
    """
    return _anchor("cohort", cohort.get("cohort"))


def finding_anchor(finding: Mapping[str, Any]) -> str:
    """The fragment and element id of a finding."""
    return _anchor("finding", finding.get("id"))


class Links:
    """The names on one page with the place each leads to; a name without a place of its own leads nowhere."""

    def __init__(self, report: Result) -> None:
        self._intents = {str(i.get("intent")): intent_anchor(i) for i in items(report, "intents")}
        self._cohorts = {str(c.get("cohort")): cohort_anchor(c) for c in items(report, "cohorts")}
        self._findings = list(enumerate(items(report, "findings"), 1))

    def intent(self, name: object) -> dict[str, str]:
        """An intent's name, and its row."""
        return {"name": str(name), "href": _href(self._intents.get(str(name)))}

    def cohort(self, name: object) -> dict[str, str]:
        """A cohort's name, and its card."""
        return {"name": str(name), "href": _href(self._cohorts.get(str(name)))}

    def findings(self, key: str, name: object) -> list[dict[str, str]]:
        """The findings about an intent or a cohort (`key` says which), by rank and title."""
        return [
            {
                "rank": str(rank),
                "title": str(finding.get("title") or "finding"),
                "href": _href(finding_anchor(finding)),
            }
            for rank, finding in self._findings
            if name is not None and finding.get(key) == name
        ]


def _anchor(kind: str, name: object) -> str:
    return f"{kind}:{quote(str(name), safe='')}" if name else ""


def _href(anchor: str | None) -> str:
    return f"#{anchor}" if anchor else ""
