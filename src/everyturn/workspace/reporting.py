"""The report: everything it is built from, gathered from the workspace."""

from __future__ import annotations

from everyturn.analysis.leading import leading_order
from everyturn.analysis.trust import cohort_trust
from everyturn.engines.local import Database
from everyturn.model import Json
from everyturn.workspace.discovering import known
from everyturn.workspace.looking import coverage_of, findings_of, gap_of, panel_of
from everyturn.workspace.observing import signals
from everyturn.workspace.page import build
from everyturn.workspace.result import Progress
from everyturn.workspace.separating import SEPARATED, contexts_of


def report_on(db: Database, *, title: str, progress: Progress) -> dict[str, Json]:
    """The object the page is drawn from; intents must be there."""
    panel = panel_of(db)
    found = known(db)
    there = signals()
    progress("looking for changes", 0, None)
    return build(
        db,
        title=title,
        panel=panel,
        gap=gap_of(db, panel),
        coverage=coverage_of(db, panel).to_json(),
        trust=cohort_trust(panel),
        order=leading_order(panel),
        watched=findings_of(db),
        contexts=[c for name in SEPARATED for c in contexts_of(db, there[name])],
        provenance={
            "embedder": found.embedder_name if found else None,
            "signals": {name: signal.version for name, signal in there.items()},
        },
    )
