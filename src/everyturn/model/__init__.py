"""The nouns: what readers give, what signals see and say. This is where they are imported from.

Records are plain frozen values. Times are aware datetimes in UTC; shares are 0 to 1; text is never cut. How the nouns are written
stands beside them: as JSON in `model.exchange`, as Arrow tables in `model.schemas`.
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
