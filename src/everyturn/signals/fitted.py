"""A model of users' words, fitted to the labels of one deployment and used only if it beats the general word rule.

The rule transfers from one deployment to another better than models trained elsewhere, so no fitted model is shipped. With a deployment's
own labels a fit becomes better from about 25 rows of the rarer class on: then standardised cues are fitted and added to the rule. From
about 100 on, the texts themselves are used as well. A quarter of the groups (users, or conversations if users are unknown) is held back to
decide which is better; it is selected by a hash of the groups' names, so that it is always the same quarter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import fuzz

from everyturn.model import Conversation, digest
from everyturn.signals.replies import AGENT_WEIGHT, WEIGHT, Reply, words_of

FEWEST = 25  # labelled rows of the rarer class needed for a fit
TEXTS = 100  # and needed to learn from the texts themselves
FOLDS = 5
_HELD = 4  # one in four groups is held back
_DRAWS = 400  # bootstrap samples; the 5% and 95% quantiles need no more
_SEED = 7  # the same data give the same range

_KINDS = (*WEIGHT, *AGENT_WEIGHT, "conceded")
_LONGEST = 2_000  # characters of a text that are learnt from


@dataclass(frozen=True, slots=True)
class Row:
    """An output and the user's reply to it: request, output and reply, the rule's score, and the cues as numbers."""

    conversation_id: str
    turn: int
    request: str
    output: str
    reply: str
    score: float
    cues: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Fitted:
    """The result of an attempt to fit.

    `method` is "rule" if the fit is not used, and `why` says why. `rule` and `fitted` are areas under the ROC curve on the part held back;
    `gain` is their difference, with `low` and `high` from a 90% bootstrap over groups; None if nothing could be compared. `folds` is the
    area over grouped cross-validation of all rows. `predict` gives the probability that an output is rejected.
    """

    method: Literal["rule", "rule + cues", "texts + cues"]
    rows: int
    rarer: int
    why: str | None = None
    rule: float | None = None
    fitted: float | None = None
    gain: float | None = None
    low: float | None = None
    high: float | None = None
    folds: float | None = None
    predict: Callable[[Sequence[Row]], NDArray[np.float64]] | None = None


def rows_of(conversation: Conversation) -> Iterator[Row]:
    """The outputs of a conversation to which the user replied in words that can be read."""
    turns, words = conversation.turns, words_of(conversation)
    earlier: list[str] = []
    for turn, reply in zip(turns, words.replies, strict=True):
        output = ((turn.output.content if turn.output else None) or "")[:_LONGEST]
        if reply is not None and reply.tone != "unreadable" and output:
            request = (turn.user.content or "")[:_LONGEST]
            said = (turns[turn.index + 1].user.content or "")[:_LONGEST]
            numbers = _numbers(reply, request, output, said)
            alike = max((fuzz.ratio(output[:400], each) for each in earlier[-10:]), default=0.0) / 100
            yield Row(
                conversation.conversation_id,
                turn.index,
                request,
                output,
                said,
                reply.score,
                (*numbers, alike, turn.index),
            )
        earlier.append(output[:400])


def _numbers(reply: Reply, request: str, output: str, said: str) -> tuple[float, ...]:
    cues = {*reply.firm, *reply.agent}
    weak = set(reply.cues) - reply.firm
    return (
        reply.score,
        *(float(kind in cues) for kind in _KINDS),
        *(float(kind in weak) for kind in WEIGHT),
        *(float("?" in text or "\uff1f" in text) for text in (request, output, said)),
        *(float(np.log1p(text.count(" "))) for text in (request, output, said)),
        *(
            fuzz.token_set_ratio(a.casefold(), b.casefold()) / 100
            for a, b in ((request, said), (output, said), (output, request))
        ),
    )


def fit(rows: Sequence[Row], rejected: Sequence[bool], groups: Sequence[str]) -> Fitted:
    """Fits a model to the labels in `rejected` and compares it with the rule on the groups held back.

    The order of the rows does not matter.
    """
    from sklearn.metrics import roc_auc_score

    order = sorted(range(len(rows)), key=lambda i: (groups[i], rows[i].conversation_id, rows[i].turn))
    rows = [rows[i] for i in order]
    truth = np.array([bool(rejected[i]) for i in order], dtype=bool)
    names = np.array([groups[i] for i in order])
    rarer = int(min(truth.sum(), (~truth).sum()))
    if rarer < FEWEST:
        return Fitted("rule", len(rows), rarer, f"{rarer} labelled rows of the rarer class, {FEWEST} are needed")
    train = _trainer(rarer)
    held = np.array([int(digest("held", name)[:8], 16) % _HELD == 0 for name in names])
    rule = np.array([row.score for row in rows])
    if min(truth[held].sum(), (~truth[held]).sum()) < 2 or min(truth[~held].sum(), (~truth[~held]).sum()) < 2:
        return Fitted("rule", len(rows), rarer, "too few groups to hold a part back")
    scores = train(_pick(rows, ~held), truth[~held])(_pick(rows, held))
    by_rule, by_fit = roc_auc_score(truth[held], rule[held]), roc_auc_score(truth[held], scores)
    low, high, floor = _gain(truth[held], rule[held], scores, names[held])
    facts: dict[str, Any] = {
        "rule": round(by_rule, 4), "fitted": round(by_fit, 4), "gain": round(by_fit - by_rule, 4), "low": low, "high": high,
        "folds": folds_auc(rows, truth, names),
    }  # fmt: skip
    if low <= 0 or floor <= 0.5:  # it must also be better than chance
        why = "no clear gain over the rule" if low <= 0 else "no better than chance"
        return Fitted("rule", len(rows), rarer, f"{why} on the part held back", **facts)
    predict = train(rows, truth)
    return Fitted("texts + cues" if rarer >= TEXTS else "rule + cues", len(rows), rarer, predict=predict, **facts)


def folds_auc(rows: Sequence[Row], truth: NDArray[np.bool_], groups: NDArray[np.str_]) -> float | None:
    """The area under the ROC curve of `out_of_fold` scores, None if there are none."""
    scores = out_of_fold(rows, truth, groups)
    if scores is None:
        return None
    from sklearn.metrics import roc_auc_score

    return round(float(roc_auc_score(truth, scores)), 4)


def out_of_fold(rows: Sequence[Row], truth: NDArray[np.bool_], groups: NDArray[np.str_]) -> NDArray[np.float64] | None:
    """Each row's score by a model that was not trained on its group; None if there are fewer groups than folds."""
    from sklearn.model_selection import GroupKFold

    if len(set(groups.tolist())) < FOLDS:
        return None
    scores = np.zeros(len(rows))
    train = _trainer(int(min(truth.sum(), (~truth).sum())))
    for seen, unseen in GroupKFold(FOLDS).split(truth, truth, groups):
        if len(set(truth[seen].tolist())) < 2:
            return None
        scores[unseen] = train([rows[i] for i in seen], truth[seen])([rows[i] for i in unseen])
    return scores


_Predict = Callable[[Sequence[Row]], NDArray[np.float64]]


def _trainer(rarer: int) -> Callable[[Sequence[Row], NDArray[np.bool_]], _Predict]:
    return _train_texts if rarer >= TEXTS else _train_cues


def _train_cues(rows: Sequence[Row], truth: NDArray[np.bool_]) -> _Predict:
    """A logistic regression on standardised cues; its standardised margin and rule score are added, and their scale is fitted."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    cues = np.array([row.cues for row in rows])
    rule = np.array([row.score for row in rows])
    scaler = StandardScaler().fit(cues)
    model = LogisticRegression(C=0.1, max_iter=2000).fit(scaler.transform(cues), truth)
    margin = model.decision_function(scaler.transform(cues))
    centre, spread = (margin.mean(), rule.mean()), (margin.std() or 1.0, rule.std() or 1.0)

    def joint(margin: NDArray[np.float64], rule: NDArray[np.float64]) -> NDArray[np.float64]:
        summed: NDArray[np.float64] = (margin - centre[0]) / spread[0] + (rule - centre[1]) / spread[1]
        return summed.reshape(-1, 1)

    final = LogisticRegression(max_iter=2000).fit(joint(margin, rule), truth)

    def predict(those: Sequence[Row]) -> NDArray[np.float64]:
        margin = model.decision_function(scaler.transform(np.array([row.cues for row in those])))
        chance: NDArray[np.float64] = final.predict_proba(joint(margin, np.array([row.score for row in those])))[:, 1]
        return chance

    return predict


def _train_texts(rows: Sequence[Row], truth: NDArray[np.bool_]) -> _Predict:
    """One- and two-word runs of output, reply and request, weighted by rarity, beside the standardised cues."""
    from scipy.sparse import csr_matrix, hstack
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    parts: list[tuple[Callable[[Row], str], Any]] = []
    for take in map(attrgetter, ("output", "reply", "request")):
        words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2, token_pattern=_WORD)
        try:
            parts.append((take, words.fit([take(row) for row in rows])))
        except ValueError:  # no word stands in two rows
            continue
    scaler = StandardScaler().fit(np.array([row.cues for row in rows]))

    def matrix(those: Sequence[Row]) -> Any:
        cues = csr_matrix(scaler.transform(np.array([row.cues for row in those])) * _CUE_SHARE)
        return hstack([*(words.transform([take(row) for row in those]) for take, words in parts), cues]).tocsr()

    model = LogisticRegression(max_iter=2000).fit(matrix(rows), truth)

    def predict(those: Sequence[Row]) -> NDArray[np.float64]:
        chance: NDArray[np.float64] = model.predict_proba(matrix(those))[:, 1]
        return chance

    return predict


_WORD = r"(?u)[\u3040-\u30ff\u3400-\u9fff]|[^\W\u3040-\u30ff\u3400-\u9fff]+|[?!.]"
_CUE_SHARE = 0.3  # a cue's weight beside a word's: a row has dozens of cues and their values reach far beyond 1


def _pick(rows: Sequence[Row], which: NDArray[np.bool_]) -> list[Row]:
    return [row for row, chosen in zip(rows, which, strict=True) if chosen]


def _gain(
    truth: NDArray[np.bool_], rule: NDArray[np.float64], scores: NDArray[np.float64], groups: NDArray[np.str_]
) -> tuple[float, float, float]:
    """A 90% range of the difference of the two areas, and the lower end of the fitted one's own, drawing whole groups."""
    from sklearn.metrics import roc_auc_score

    members = [np.flatnonzero(groups == name) for name in sorted(set(groups.tolist()))]
    draw = np.random.default_rng(_SEED)
    gains, own = [], []
    for _ in range(_DRAWS):
        picked = np.concatenate([members[i] for i in draw.integers(0, len(members), len(members))])
        if 0 < truth[picked].sum() < len(picked):
            own.append(roc_auc_score(truth[picked], scores[picked]))
            gains.append(own[-1] - roc_auc_score(truth[picked], rule[picked]))
    if not gains:
        return 0.0, 0.0, 0.0
    low, high = np.quantile(gains, [0.05, 0.95])
    return round(float(low), 4), round(float(high), 4), round(float(np.quantile(own, 0.05)), 4)
