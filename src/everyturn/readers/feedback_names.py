"""Whether a rating was given by a person or by a machine: one rule for all clients.

Most clients send both through the same channel. An explicit statement decides: the kind of annotator, the source of an annotation, a user
id on the rating itself. Without one the name decides: names of a person's
opinion (user_feedback, thumbs, rating, stars, csat, nps, ces, helpful, satisfaction, resolution, vote, like) are a person's,
all others a machine's.
"""

from __future__ import annotations

import re
from typing import Literal, TypeAlias

Source: TypeAlias = Literal["user", "judge"]

_MARKS: dict[str, Source] = {
    "human": "user",
    "user": "user",
    "annotation": "user",
    "llm": "judge",
    "llm_judge": "judge",
    "model": "judge",
    "code": "judge",
    "eval": "judge",
}
_WORDS = frozenset(
    {
        "ces",
        "csat",
        "dislike",
        "disliked",
        "dissatisfied",
        "downvote",
        "feedback",
        "helpful",
        "helpfulness",
        "like",
        "liked",
        "likes",
        "nps",
        "rated",
        "rating",
        "ratings",
        "resolution",
        "resolved",
        "satisfaction",
        "satisfied",
        "star",
        "stars",
        "thumb",
        "thumbs",
        "thumbsdown",
        "thumbsup",
        "unhelpful",
        "upvote",
        "vote",
        "votes",
    }
)
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")


def source_of(name: str, *, mark: str | None = None, has_user: bool = False) -> Source:
    """Who gave a rating: "user" for a person, "judge" for a machine.

    `mark` is the client's own word for it, if it has one and the word says who.

    >>> source_of("user_feedback"), source_of("goal_reached"), source_of("thumbsUp"), source_of("likelihood")
    ('user', 'judge', 'user', 'judge')
    >>> source_of("tone", mark="HUMAN"), source_of("helpfulness", mark="LLM"), source_of("correct", has_user=True)
    ('user', 'judge', 'user')
    """
    if mark is not None and (found := _MARKS.get(mark.lower())) is not None:
        return found
    if has_user:
        return "user"
    return "user" if any(word.lower() in _WORDS for word in _WORD.findall(name)) else "judge"
