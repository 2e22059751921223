"""The report: everything it is built from, gathered from the workspace."""

from __future__ import annotations

from everyturn.analysis.leading import leading_order
from everyturn.analysis.trust import cohort_trust
from everyturn.engines import inputs
from everyturn.engines.local import Database
from everyturn.model import Json
from everyturn.workspace.discovering import known_embedder
from everyturn.workspace.looking import coverage_of, findings_of, gap_of, panel_of
from everyturn.workspace.observing import signals
from everyturn.workspace.page import Seen, build
from everyturn.workspace.result import Progress
from everyturn.workspace.separating import SEPARATED, contexts_of


def report_on(db: Database, *, title: str, progress: Progress) -> dict[str, Json]:
    """The object the page is drawn from; intents must be there."""
    panel, evals = panel_of(db), inputs.evals(db)
    there = signals()
    progress("looking for changes", 0, None)
    seen = Seen(
        panel,
        gap_of(db, panel, evals),
        coverage_of(db, panel, evals),
        cohort_trust(panel),
        leading_order(panel),
        findings_of(db, evals),
        [c for name in SEPARATED for c in contexts_of(db, there[name])],
    )
    made_with = {"embedder": known_embedder(db), "signals": {name: signal.version for name, signal in there.items()}}
    return build(db, seen, title=title, provenance=made_with)
