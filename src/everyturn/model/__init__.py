"""The data types that the parts of the program exchange: what readers return, what signals are given and what they return.

Import them from here. All are plain immutable values. Times are aware datetimes in UTC, shares are between 0 and 1, and text is never
cut. Their JSON form is in `model.exchange`, their Arrow schemas are in `model.schemas`.
"""

from everyturn.model.conversation import (
    COMMENT,
    NO_NOISE,
    Action,
    Conversation,
    Evidence,
    Feedback,
    Message,
    NoiseFloor,
    Observation,
    Outcome,
    Role,
    ToolCall,
    Turn,
)
from everyturn.model.records import (
    DEFAULT_SUITE,
    EvalCase,
    EvalResult,
    FeedbackRecord,
    MessageRecords,
    Operation,
    OutcomeRecord,
    Record,
    Rejected,
    Span,
    TraceEnds,
)
from everyturn.model.values import Attributes, Json, digest, frozen

__all__ = [
    "COMMENT",
    "DEFAULT_SUITE",
    "NO_NOISE",
    "Action",
    "Attributes",
    "Conversation",
    "EvalCase",
    "EvalResult",
    "Evidence",
    "Feedback",
    "FeedbackRecord",
    "Json",
    "Message",
    "MessageRecords",
    "NoiseFloor",
    "Observation",
    "Operation",
    "Outcome",
    "OutcomeRecord",
    "Record",
    "Rejected",
    "Role",
    "Span",
    "ToolCall",
    "TraceEnds",
    "Turn",
    "digest",
    "frozen",
]
