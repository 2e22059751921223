"""The verb `fit`: from what users did with some outputs, learns how likely others were rejected, judging by users' words."""

from __future__ import annotations

from dataclasses import dataclass

from everyturn.engines.fragments import fragments
from everyturn.engines.local import Database
from everyturn.model import Json
from everyturn.signals.fitted import Fitted, Row, fit, rows_of
from everyturn.signals.outcome import table_of
from everyturn.signals.rejection_risk import SIGNAL, observation_of

_ACTED = "observations WHERE signal = 'acceptance' AND evidence IN ('action', 'artefact')"
_EXPLICIT = f"""
    SELECT conversation_id, turn, label = 'rejected' AS is_rejected FROM {_ACTED}
    AND label IN ('accepted', 'edited', 'rejected') AND turn IS NOT NULL
"""
_LABELS = f"""
    SELECT * FROM ({_EXPLICIT} UNION ALL SELECT conversation_id, NULL, accepted < 0.5 FROM given_outcomes WHERE accepted IS NOT NULL
    AND conversation_id IN (SELECT conversation_id FROM conversations WHERE origin <> 'outcomes')
    AND conversation_id NOT IN (SELECT conversation_id FROM ({_EXPLICIT})))
"""
MOST = 20_000  # labelled outputs used for a fit; more do not improve it measurably


@dataclass(frozen=True, slots=True)
class Fitting:
    """A fit, the number of outputs with a label, and the number of outputs that were given a probability."""

    fitted: Fitted
    labelled: int
    predicted: int


def fit_words(db: Database) -> Fitting:
    """Fits a model to explicit outcomes and, if it is better than the word rule, stores probabilities for the other outputs.

    Labels are the outcomes that come from actions, ratings and artefacts. If a conversation has none, the outcome in the team's own table
    (`load --as outcomes`) is used as the label of the last output to which the user replied. Of more than 20,000 labels, those with the
    lowest hashes of their conversations' ids are used, so that they are the same every time.
    """
    labelled: int = db.scalar(f"SELECT count(*) FROM ({_LABELS})")
    known = {
        (conversation_id, turn): is_rejected
        for conversation_id, turn, is_rejected in db.rows(
            f"{_LABELS} ORDER BY md5(conversation_id), conversation_id, turn LIMIT {MOST}"
        )
    }
    db.run("CREATE OR REPLACE TABLE labelled (conversation_id VARCHAR)")
    db.run("INSERT INTO labelled SELECT unnest(?)", [sorted({conversation_id for conversation_id, _ in known})])
    rows: list[Row] = []
    rejected: list[bool] = []
    groups: list[str] = []
    for fragment in fragments(db, among="labelled"):
        for conversation in fragment.conversations():
            told = list(rows_of(conversation))
            whole = known.get((conversation.conversation_id, None))
            labels = [known.get((row.conversation_id, row.turn)) for row in told]
            if whole is not None:
                labels[-1:] = [whole] if told else []
            for row, label in zip(told, labels, strict=True):
                if label is not None:
                    rows.append(row)
                    rejected.append(label)
                    groups.append(conversation.user_id or conversation.conversation_id)
    db.run("DROP TABLE labelled")
    fitted = fit(rows, rejected, groups)
    with db.transaction():
        db.run("DELETE FROM observations WHERE signal = ?", [SIGNAL.name])
        predicted = _predict(db, fitted)
    return Fitting(fitted, labelled, predicted)


def fitted_json(made: Fitting) -> dict[str, Json]:
    """The fields of the `fit` result: whether the model is used, and how it compares with the rule."""
    found = made.fitted
    sentence = (
        f"Fitted to {found.rows:,} labelled outputs, and better than the rule on the part held back: {made.predicted:,} outputs have a"
        " rejection_risk."
        if found.predict
        else f"The word rule stays: {found.why}."
    )
    names = ("method", "rows", "rarer", "rule", "fitted", "gain", "low", "high", "folds")
    return {
        "sentence": sentence,
        "labelled": made.labelled,
        "predicted": made.predicted,
        **{name: getattr(found, name) for name in names},
    }


def _predict(db: Database, fitted: Fitted) -> int:
    """Stores the probability for each output without an explicit outcome to which the user replied; returns their number."""
    if fitted.predict is None:
        return 0
    stored = 0
    for fragment in fragments(db):
        rows = [row for conversation in fragment.conversations() for row in rows_of(conversation)]
        ids = sorted({row.conversation_id for row in rows})
        explicit = set(
            db.rows(f"SELECT conversation_id, turn FROM {_ACTED} AND conversation_id IN (SELECT unnest(?))", [ids])
        )
        rows = [row for row in rows if (row.conversation_id, row.turn) not in explicit]
        if rows:
            found = zip(rows, fitted.predict(rows), strict=True)
            told = table_of(observation_of(row, chance, method=fitted.method) for row, chance in found)
            db.insert("observations", told)
            stored += len(rows)
    return stored
