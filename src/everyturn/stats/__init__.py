"""Statistics: from per-group totals (`Summary`) to numbers with a range (`Estimate`). Knows nothing of conversations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

_DIGITS = 6  # decimals in JSON; later ones depend on the order in which floats were summed


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its range.

    `value`, `low` and `high` are in the signal's own unit (0 to 1 for rates), `level` is the confidence of the range. `users` is the
    number of independent people behind it, `n` the number of outputs (or conversations) with a known answer, `unknown` the number
    without one.
    """

    value: float
    low: float
    high: float
    users: int
    n: int
    unknown: int = 0
    level: float = 0.95
    method: str = "user-clustered t"

    def __str__(self) -> str:
        """Like `0.62 [0.55, 0.69] 95% · 214 users`."""
        return f"{self.value:.2f} [{self.low:.2f}, {self.high:.2f}] {self.level:.0%} · {self.users:,} users"

    def to_json(self) -> dict[str, Any]:
        """The fields as a dict, rounded to six decimals.

        >>> Estimate(0.62, 0.55, 0.69, users=214, n=900).to_json()["high"]
        0.69
        """
        return {
            "value": round(self.value, _DIGITS),
            "low": round(self.low, _DIGITS),
            "high": round(self.high, _DIGITS),
            "level": self.level,
            "users": self.users,
            "n": self.n,
            "unknown": self.unknown,
            "method": self.method,
        }


@dataclass(frozen=True, slots=True)
class NotEnough:
    """Stands for a number that cannot be given because there are too few users: `users` of the `needed` ones."""

    users: int
    needed: int

    def __str__(self) -> str:
        """Like `not enough data: 4 users, 10 needed`."""
        return f"not enough data: {self.users:,} users, {self.needed} needed"

    def to_json(self) -> dict[str, Any]:
        """The fields under the key that stands for a missing number in every result.

        >>> NotEnough(4, 10).to_json()
        {'not_enough': {'users': 4, 'needed': 10}}
        """
        return {"not_enough": {"users": self.users, "needed": self.needed}}


@dataclass(frozen=True, slots=True)
class Summary:
    """The totals of one group, the only input of the statistics. Summaries of disjoint sets of users can be added.

    With n_u the number of known answers of user u and y_u their sum: `users` = number of users with n_u > 0, `n` = Σ n_u, `y` = Σ y_u,
    `nn` = Σ n_u², `ny` = Σ n_u y_u, `yy` = Σ y_u². `unknown` counts the places where an answer could have been but is not known.
    """

    users: int
    n: float
    y: float
    nn: float
    ny: float
    yy: float
    unknown: int = 0

    def __add__(self, other: Summary) -> Summary:
        """The summary of both together. Assumes no user is in both."""
        return Summary(
            self.users + other.users,
            self.n + other.n,
            self.y + other.y,
            self.nn + other.nn,
            self.ny + other.ny,
            self.yy + other.yy,
            self.unknown + other.unknown,
        )

    @property
    def effective_users(self) -> float:
        """The number of equally active users that would carry the same information: n² / Σ n_u², 0 if nothing is known."""
        return self.n * self.n / self.nn if self.nn > 0 else 0.0
