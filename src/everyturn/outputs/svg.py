"""The charts of the page: values in, inline SVG out, every range drawn and every chart readable aloud.

Widths are percentages and heights pixels, so that a chart fits its column on any screen while its text and strokes keep
their size. Colours come from the style sheet by class; users are filled marks, evals hollow diamonds, what is not over yet
is hatched, so that nothing rests on colour.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from html import escape

from markupsafe import Markup

from everyturn.analysis.words import count, percent, span
from everyturn.outputs.days import short_day
from everyturn.outputs.figures import Figure

# The pattern that `fill="url(#hatch)"` refers to; the page holds it once.
HATCH = Markup(
    '<svg class="defs" width="0" height="0" aria-hidden="true" focusable="false"><defs>'
    '<pattern id="hatch" width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
    '<line class="hatch-line" x1="0" y1="0" x2="0" y2="5"/></pattern></defs></svg>'
)

_DIAMOND = "M0-6.5 6.5 0 0 6.5-6.5 0Z"
_HEIGHT, _TOP, _BOTTOM = 128, 22, 108  # of a trend: room above for the start's label, below for the weeks
_LEFT, _RIGHT = 13.5, 96.0  # percent: room for the labels of the value axis, and for the last dot


@dataclass(frozen=True, slots=True)
class Point:
    """One week of a series; None where there was too little data, `complete` False where the week was not over."""

    week: date
    value: float | None
    low: float | None = None
    high: float | None = None
    n: float | None = None
    complete: bool = True


@dataclass(frozen=True, slots=True)
class Axis:
    """The value axis of one or several charts, so that they can be compared by eye."""

    low: float
    high: float
    step: float
    unit: str

    def say(self, value: float) -> str:
        """The value in the axis's unit."""
        return count(value) if self.unit == "count" else percent(value)

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """Where the grid lines stand, and what they are called."""
        values = [self.low + i * self.step for i in range(round((self.high - self.low) / self.step) + 1)]
        return [(v, count(v) if self.unit == "count" else f"{round(v * 100, 6):g}%") for v in values]


def axis(points: Iterable[Point], *, unit: str = "rate") -> Axis:
    """A round axis that holds every value and range in three to six ticks; counts and shares start at zero.

    >>> a = axis([Point(date(2025, 3, 3), 0.62, 0.55, 0.69)])
    >>> [name for _, name in a.ticks]
    ['55%', '60%', '65%', '70%']
    """
    values = [v for p in points for v in (p.value, p.low, p.high) if v is not None]
    if not values:
        return Axis(0.0, 1.0, 0.5, unit)
    low, high = (min(values), max(values)) if unit == "rate" else (0.0, max(values))
    span = max(high - low, 0.04 if unit != "count" else 4.0)  # below this a flat line would look like a storm
    magnitude = 10.0 ** math.floor(math.log10(span / 4))
    for step in (m * magnitude for m in (1, 2, 5, 10, 20)):
        floor = math.floor(round(low / step, 9)) * step
        ceiling = max(math.ceil(round(high / step, 9)) * step, floor + 2 * step)
        if round((ceiling - floor) / step) <= 4:
            break
    if unit == "rate" and ceiling > 1 >= high:
        floor, ceiling = max(0.0, min(floor, 1 - 2 * step)), 1.0
    return Axis(round(floor, 9), round(ceiling, 9), step, unit)


def trend(points: Sequence[Point], on: Axis, *, label: str, since: date | None = None) -> Markup:
    """A series by week: line, range as a band, the week it began, an unfinished week hatched; empty without values.

    Weeks without a value break the line. `label` names the series for those who hear the page.
    """
    points = sorted(points, key=lambda p: p.week)
    known = [p for p in points if p.value is not None]
    if not known:
        return Markup()
    place = _Place(points[0].week, points[-1].week, on)
    parts = [_grid(on, place), _unfinished(points, place)]
    curves = []
    for run in _runs([p for p in points if p.complete]):
        edges = [(p.week, p.low, p.high) for p in run if p.low is not None and p.high is not None]
        if len(edges) > 1:
            there = [place.pair(week, high) for week, _, high in edges]
            back = [place.pair(week, low) for week, low, _ in reversed(edges)]
            curves.append(f'<polygon class="band" points="{" ".join(there + back)}"/>')
        curves.append(f'<polyline class="line" points="{" ".join(place.pair(p.week, p.value or 0.0) for p in run)}"/>')
    parts.append(
        f'<svg viewBox="0 0 100 {_HEIGHT}" height="{_HEIGHT}" preserveAspectRatio="none">{"".join(curves)}</svg>'
    )
    if since is not None and points[0].week <= since <= points[-1].week:
        parts.append(_since(since, place))
    parts.extend(_dot(p, place) for p in known)
    parts.append(_ends(known, place))
    heard = ", ".join(
        f"{short_day(p.week)} {on.say(p.value or 0.0)}{'' if p.complete else ' (unfinished week)'}" for p in known
    )
    return _drawing("trend", _HEIGHT, f"{label}, by week: {heard}", "".join(parts))


def interval(users: Figure, *, evals: float | None, label: str) -> Markup:
    """A rate's range on 0 to 100%, with the eval score on the same line and the distance between them."""
    if users.value is None and evals is None:
        return Markup()
    parts = ['<line class="track" x1="2%" x2="98%" y1="11" y2="11"/>']
    parts.extend(f'<line class="track" x1="{x}%" x2="{x}%" y1="7" y2="15"/>' for x in (2, 50, 98))
    if users.value is not None and evals is not None:
        parts.append(f'<line class="gap" x1="{_x(users.value)}%" x2="{_x(evals)}%" y1="11" y2="11"/>')
    parts.append(_range(users, y=11, thickness=8))
    parts.append(_mark(evals, y=11))
    said = [f"users {users}"] + ([f"evals {percent(evals)}"] if evals is not None else [])
    return _drawing("interval", 22, f"{label}: {', '.join(said)}", "".join(parts))


def scale(users: Figure, *, evals: float | None, label: str) -> Markup:
    """The headline drawn: users and evals on one line from 0 to 100%, the distance named, the unknowns' bounds pale."""
    if users.value is None and evals is None:
        return Markup()
    parts = ['<line class="track" x1="2%" x2="98%" y1="32" y2="32"/>']
    for tick in (0, 25, 50, 75, 100):
        x, anchor = _x(tick / 100), "start" if tick == 0 else "end" if tick == 100 else "middle"
        parts.append(f'<line class="track" x1="{x}%" x2="{x}%" y1="26" y2="38"/>')
        parts.append(f'<text class="tick" x="{x}%" y="55" text-anchor="{anchor}">{tick}</text>')
    if users.bounds:
        low, high = (_x(v) for v in users.bounds)
        parts.append(f'<rect class="bounds" x="{low}%" width="{_round(high - low)}%" y="24" height="16" rx="2"/>')
    said = [f"users {users}"] + ([f"evals {percent(evals)}"] if evals is not None else [])
    if users.value is not None and evals is not None:
        middle, width = _x((users.value + evals) / 2), abs(users.value - evals)
        parts.append(f'<line class="gap" x1="{_x(users.value)}%" x2="{_x(evals)}%" y1="32" y2="32"/>')
        if width >= 0.1:  # narrower, and the words would lie on the marks
            words = f"{width * 100:.0f} points apart"
            parts.append(f'<text class="apart" x="{middle}%" y="16" text-anchor="middle">{words}</text>')
        said.append(f"{width * 100:.0f} points apart")
    parts.append(_range(users, y=32, thickness=12))
    parts.append(_mark(evals, y=32))
    return _drawing("scale", 58, f"{label}: {', '.join(said)}", "".join(parts))


def bars(weeks: Sequence[Point], *, label: str) -> Markup:
    """Counts by week as bars, an unfinished week hatched; empty without counts."""
    counts = [p for p in weeks if p.n is not None]
    top = max((p.n or 0.0 for p in counts), default=0.0)
    if not top:
        return Markup()
    slot = 100 / max(len(counts), 8)  # a week alone is a bar, not a wall
    parts = ['<line class="track" x1="0" x2="100%" y1="29.5" y2="29.5"/>']
    for i, p in enumerate(counts):
        height = _round(27 * (p.n or 0.0) / top)
        look = "filled" if p.complete else "filled unfinished"
        said = f"week of {short_day(p.week)}: {count(p.n)}{'' if p.complete else ', unfinished'}"
        parts.append(
            f'<rect class="{look}" x="{_round(i * slot + slot * 0.12)}%" width="{_round(slot * 0.76)}%" '
            f'y="{_round(29 - height)}" height="{height}"><title>{said}</title></rect>'
        )
    heard = ", ".join(f"{short_day(p.week)} {count(p.n)}{'' if p.complete else ' (unfinished week)'}" for p in counts)
    return _drawing("bars", 30, f"{label}, by week: {heard}", "".join(parts))


def share_bar(value: float | None, *, of: float, label: str) -> Markup:
    """A share as a bar; `of` is the share that would fill the line."""
    if value is None or of <= 0:
        return Markup()
    width = _round(min(100.0, 100 * value / of))
    drawn = (
        f'<rect class="rest" width="100%" height="6" rx="1"/><rect class="filled" width="{width}%" height="6" rx="1"/>'
    )
    return _drawing("share", 6, f"{label}: {percent(value)}", drawn)


def coverage_bar(value: float, low: float | None, high: float | None, *, label: str) -> Markup:
    """The covered share solid, the rest hatched; between them the range, with a line at the value."""
    sure = value if low is None else low
    parts = [
        '<rect class="uncovered" width="100%" y="4" height="14" rx="2"/>',
        f'<rect class="filled" width="{_round(100 * sure)}%" y="4" height="14" rx="2"/>',
    ]
    if low is not None and high is not None:
        width = _round(100 * (high - low))
        parts.append(f'<rect class="unsure" x="{_round(100 * low)}%" width="{width}%" y="4" height="14"/>')
    parts.append(f'<line class="edge" x1="{_round(100 * value)}%" x2="{_round(100 * value)}%" y1="0" y2="22"/>')
    parts.append('<text class="tick" x="0" y="38">tested</text>')
    parts.append('<text class="tick" x="100%" y="38" text-anchor="end">never tested</text>')
    return _drawing("coverage-bar", 42, f"{label}: {percent(value)} ({span(low, high, beside=value)})", "".join(parts))


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a week and a value stand in a trend."""

    first: date
    last: date
    on: Axis

    def x(self, week: date) -> float:
        days = (self.last - self.first).days
        share = (week - self.first).days / days if days else 0.5
        return _round(_LEFT + (_RIGHT - _LEFT) * share)

    def y(self, value: float) -> float:
        return _round(_BOTTOM - (_BOTTOM - _TOP) * (value - self.on.low) / (self.on.high - self.on.low))

    def pair(self, week: date, value: float) -> str:
        return f"{self.x(week)},{self.y(value)}"


def _grid(on: Axis, place: _Place) -> str:
    lines = [
        f'<line class="grid" x1="{_LEFT}%" x2="100%" y1="{place.y(value)}" y2="{place.y(value)}"/>'
        f'<text class="tick" x="{_LEFT - 1.5}%" y="{place.y(value) + 3.5}" text-anchor="end">{name}</text>'
        for value, name in on.ticks
    ]
    weeks = [(place.first, "start"), (place.last, "end")] if place.first != place.last else [(place.first, "middle")]
    lines.extend(
        f'<text class="tick" x="{_LEFT if anchor == "start" else 100 if anchor == "end" else place.x(week)}%" '
        f'y="{_HEIGHT - 5}" text-anchor="{anchor}">{short_day(week)}</text>'
        for week, anchor in weeks
    )
    return "".join(lines)


def _unfinished(points: Sequence[Point], place: _Place) -> str:
    last = points[-1]
    if last.complete:
        return ""
    half = (_RIGHT - _LEFT) / max(len(points) - 1, 1) / 2
    left = _round(place.x(last.week) - half)
    return f'<rect class="hatched" x="{left}%" width="{_round(100 - left)}%" y="{_TOP}" height="{_BOTTOM - _TOP}"><title>week not over</title></rect>'


def _since(since: date, place: _Place) -> str:
    x = place.x(since)
    anchor, dx = ("start", 4) if x < 65 else ("end", -4)  # the label stays inside the chart
    return (
        f'<line class="since" x1="{x}%" x2="{x}%" y1="6" y2="{_BOTTOM}"/>'
        f'<text class="since-label" x="{x}%" dx="{dx}" y="14" text-anchor="{anchor}">since {short_day(since)}</text>'
    )


def _dot(p: Point, place: _Place) -> str:
    value = p.value or 0.0
    between = f" ({span(p.low, p.high, beside=value)})" if p.low is not None and place.on.unit != "count" else ""
    n = f", n {count(p.n)}" if p.n is not None else ""
    said = f"week of {short_day(p.week)}: {place.on.say(value)}{between}{n}{'' if p.complete else ', not over'}"
    look = "dot" if p.complete else "dot unfinished"
    return f'<circle class="{look}" cx="{place.x(p.week)}%" cy="{place.y(value)}" r="3"><title>{escape(said)}</title></circle>'


def _ends(known: Sequence[Point], place: _Place) -> str:
    """The first and the last finished value, named where they stand."""
    finished = [p for p in known if p.complete] or list(known)
    ends = [(finished[0], "start")] + ([(finished[-1], "end")] if len(finished) > 1 else [])
    parts = []
    for p, anchor in ends:
        value = p.value or 0.0
        others = [q.value for q in finished if q is not p and q.value is not None]
        above = not others or value >= sum(others) / len(others)  # away from the rest of the line
        y = place.y(value) + (-9 if above or place.y(value) > _BOTTOM - 16 else 17)  # never on the weeks' names
        parts.append(
            f'<text class="end" x="{place.x(p.week)}%" y="{_round(y)}" text-anchor="{_anchor(anchor, place.x(p.week))}">{place.on.say(value)}</text>'
        )
    return "".join(parts)


def _anchor(anchor: str, x: float) -> str:
    return anchor if x > 90 or anchor == "start" else "middle"


def _runs(points: Sequence[Point]) -> list[list[Point]]:
    runs: list[list[Point]] = [[]]
    for p in points:
        if p.value is None:
            runs.append([])
        else:
            runs[-1].append(p)
    return [run for run in runs if run]


def _range(users: Figure, *, y: int, thickness: int) -> str:
    if users.value is None:
        return ""
    parts = []
    if users.low is not None and users.high is not None:
        low, high = _x(users.low), _x(users.high)
        parts.append(
            f'<rect class="range" x="{low}%" width="{_round(high - low)}%" y="{y - thickness // 2}" height="{thickness}" rx="2"/>'
        )
    parts.append(f'<circle class="users" cx="{_x(users.value)}%" cy="{y}" r="{thickness // 2}"/>')
    return "".join(parts)


def _mark(evals: float | None, *, y: int) -> str:
    if evals is None:
        return ""
    return f'<svg x="{_x(evals)}%" y="{y}" overflow="visible"><path class="evals" d="{_DIAMOND}"/></svg>'


def _x(share: float) -> float:
    """Percent of the width, with room for half a mark at both ends."""
    return _round(2 + 96 * min(1.0, max(0.0, share)))


def _round(value: float) -> float:
    return round(value, 2)


def _drawing(name: str, height: int, label: str, drawn: str) -> Markup:
    opened = Markup('<svg class="{}" width="100%" height="{}" role="img" aria-label="{}">').format(name, height, label)
    # Every text inside comes from numbers, dates and our own words; the label alone may hold a user's.
    return opened + Markup(drawn) + Markup("</svg>")  # noqa: S704
