"""The map of intents: a circle each, near those that ask for like things; values in, inline SVG out.

The area is volume. The wedge, read like a clock face, is the share of outputs that users accepted, with its range; a dashed
rim is an intent that no eval case tests; thin lines join the intents of a theme. Nothing rests on colour alone.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

from markupsafe import Markup

from everyturn.analysis.words import count, counted
from everyturn.outputs.figures import Figure

_EDGE = 54.0  # pixels above and below the places; room for the largest circle and for names
_LOW, _HIGH = 240.0, 480.0  # of the part where places are
_LARGEST, _SMALLEST = 50.0, 6.0  # radii
_FULL = 0.16  # of the frame, what all circles cover at most
_APART = 4.0  # pixels kept between two circles
_ROUNDS = 60  # of moving overlapping circles apart
_MANY = 150  # circles beyond which none is moved, named or joined: too many to read
_NAMED = 40  # circles, the largest, whose names are drawn where there is room
_LINE, _LETTERS = 14.0, 24  # of a name: height of a line, letters in it


@dataclass(frozen=True, slots=True)
class Frame:
    """What the map is drawn into: its width in pixels, and what of it is left free on each side."""

    name: str
    width: float
    side: float


WIDE, NARROW = Frame("wide", 760.0, 64.0), Frame("narrow", 380.0, 44.0)
"""A page on a screen and one in a hand: smaller than it was drawn, a map cannot be read."""


@dataclass(frozen=True, slots=True)
class Spot:
    """An intent on the map. `volume` None is unknown; `tested` None where no evals are loaded or the cases are unknown."""

    name: str
    x: float
    y: float
    volume: float | None
    acceptance: Figure
    tested: bool | None = None
    theme: str | None = None
    said: str = ""
    href: str | None = None


@dataclass(slots=True)
class _Circle:
    spot: Spot
    x: float
    y: float
    r: float


@dataclass(slots=True)
class _Taken:
    """What stands on the drawing already: circles, and the boxes of names as (left, top, right, bottom)."""

    circles: Sequence[_Circle]
    width: float
    height: float
    boxes: list[tuple[float, float, float, float]] = field(default_factory=list)

    def is_free(self, box: tuple[float, float, float, float]) -> bool:
        left, top, right, bottom = box
        if left < 2 or top < 2 or right > self.width - 2 or bottom > self.height - 2:
            return False
        if any(left < r and right > x and top < b and bottom > y for x, y, r, b in self.boxes):
            return False
        nearest = ((c, min(max(c.x, left), right), min(max(c.y, top), bottom)) for c in self.circles)
        return all(math.hypot(c.x - x, c.y - y) >= c.r + 1 for c, x, y in nearest)


def draw(spots: Sequence[Spot], *, label: str, frame: Frame = WIDE) -> Markup:
    """The map; empty with fewer than two intents, which stand near nothing.

    All distances are shrunk alike, so what is nearer is more alike; circles that would cover each other are pushed just
    apart. Names stand beside the larger circles where there is room; every circle says its own when pointed at or read
    aloud, and leads to its `href`.
    """
    spots = sorted(spots, key=lambda s: (-(s.volume or 0), s.name, s.x, s.y))
    if len(spots) < 2:
        return Markup()
    circles, height = _placed(spots, frame)
    few = len(circles) <= _MANY
    sizes, strip = _sizes(spots, frame, height)
    drawn = [
        *(_threads(circles) if few else []),
        *(_circle(c) for c in circles),
        '<g class="names" aria-hidden="true">',
        *(_names(circles, frame, height) if few else []),
        "</g>",
        sizes,
    ]
    opened = Markup('<svg class="map {}" viewBox="0 0 {} {}" role="group" aria-label="{}">').format(
        frame.name, round(frame.width), round(height + strip), label
    )
    # Texts of users are escaped where they are put in.
    return opened + Markup("".join(drawn)) + Markup("</svg>")  # noqa: S704


def _scale(spots: Sequence[Spot], area: float) -> float:
    """Radius by the root of the volume: the largest at its most, or all together at what the frame holds."""
    volumes = [s.volume or 0.0 for s in spots]
    top, total = max(volumes), sum(volumes)
    return min(_LARGEST / math.sqrt(top), math.sqrt(_FULL * area / (math.pi * total))) if top > 0 else 0.0


def _placed(spots: Sequence[Spot], frame: Frame) -> tuple[list[_Circle], float]:
    """The circles where they stand, the largest first, and the height they need."""
    left, right = min(s.x for s in spots), max(s.x for s in spots)
    top, bottom = max(s.y for s in spots), min(s.y for s in spots)
    across, down = max(right - left, 1e-6), max(top - bottom, 1e-6)
    unit = min((frame.width - 2 * frame.side) / across, _HIGH / down)
    inner = min(max(down * unit, _LOW), _HIGH)
    height = inner + 2 * _EDGE
    scale = _scale(spots, frame.width * height)
    circles = [
        _Circle(
            s,
            frame.width / 2 + (s.x - (left + right) / 2) * unit,
            height / 2 - (s.y - (top + bottom) / 2) * unit,
            max(_SMALLEST, scale * math.sqrt(s.volume or 0.0)),
        )
        for s in spots
    ]
    if len(circles) <= _MANY:
        _push_apart(circles, frame, height)
    return circles, height


def _push_apart(circles: Sequence[_Circle], frame: Frame, height: float) -> None:
    for _ in range(_ROUNDS):
        moved = False
        for i, a in enumerate(circles):
            for b in circles[i + 1 :]:
                dx, dy = b.x - a.x, b.y - a.y
                length = math.hypot(dx, dy)
                over = a.r + b.r + _APART - length
                if over <= 0.01:
                    continue
                ux, uy = (dx / length, dy / length) if length > 1e-9 else (1.0, 0.0)
                share = b.r / (a.r + b.r)  # the larger gives way less
                a.x, a.y = a.x - ux * over * share, a.y - uy * over * share
                b.x, b.y = b.x + ux * over * (1 - share), b.y + uy * over * (1 - share)
                moved = True
        for c in circles:
            c.x, c.y = min(max(c.x, c.r + 3), frame.width - c.r - 3), min(max(c.y, c.r + 3), height - c.r - 3)
        if not moved:
            return


def _circle(c: _Circle) -> str:
    s, at = c.spot, f'cx="{_n(c.x)}" cy="{_n(c.y)}"'
    said = escape(s.said or s.name)
    inside = [f"<title>{said}</title>", f'<circle class="ground" {at} r="{_n(c.r)}"/>']
    a = s.acceptance
    if a.value is None:
        inside.append(f'<text class="unsaid" x="{_n(c.x)}" y="{_n(c.y + 4)}" text-anchor="middle">?</text>')
    else:
        low, high = (a.low, a.high) if a.low is not None and a.high is not None else (a.value, a.value)
        inside.append(_wedge(c, 0.0, low, "filled"))
        inside.append(_wedge(c, low, high, "unsure"))
        x, y = _on_rim(c, a.value)
        inside.append(f'<line class="edge" x1="{_n(c.x)}" y1="{_n(c.y)}" x2="{x}" y2="{y}"/>')
    rim = "rim untested" if s.tested is False else "rim"
    inside.append(f'<circle class="{rim}" {at} r="{_n(c.r)}"/>')
    if s.href is None:
        return f'<g class="spot" role="img" aria-label="{said}">{"".join(inside)}</g>'
    return f'<a class="spot" href="{escape(s.href)}" aria-label="{said}">{"".join(inside)}</a>'


def _wedge(c: _Circle, begin: float, end: float, look: str) -> str:
    begin, end = (min(1.0, max(0.0, v)) for v in (begin, end))
    if end - begin < 0.0005:
        return ""
    if end - begin > 0.9995:
        return f'<circle class="{look}" cx="{_n(c.x)}" cy="{_n(c.y)}" r="{_n(c.r)}"/>'
    (x1, y1), (x2, y2) = _on_rim(c, begin), _on_rim(c, end)
    large = int(end - begin > 0.5)
    return f'<path class="{look}" d="M{_n(c.x)} {_n(c.y)}L{x1} {y1}A{_n(c.r)} {_n(c.r)} 0 {large} 1 {x2} {y2}Z"/>'


def _on_rim(c: _Circle, share: float) -> tuple[float, float]:
    angle = 2 * math.pi * min(1.0, max(0.0, share))
    return _n(c.x + c.r * math.sin(angle)), _n(c.y - c.r * math.cos(angle))


def _threads(circles: Sequence[_Circle]) -> list[str]:
    """Lines that join the intents of each theme, as short as can be (minimum spanning tree, Prim 1957)."""
    lines = []
    for theme in dict.fromkeys(c.spot.theme for c in circles if c.spot.theme):
        last, *rest = [c for c in circles if c.spot.theme == theme]
        near = [(math.inf, last)] * len(rest)  # of each not yet joined: how far, and from which that is
        while rest:
            gaps = [math.hypot(c.x - last.x, c.y - last.y) for c in rest]
            near = [(gap, last) if gap < known[0] else known for gap, known in zip(gaps, near, strict=True)]
            i = min(range(len(rest)), key=lambda i: near[i][0])
            (_, a), b = near.pop(i), rest.pop(i)
            lines.append(f'<line class="thread" x1="{_n(a.x)}" y1="{_n(a.y)}" x2="{_n(b.x)}" y2="{_n(b.y)}"/>')
            last = b
    return lines


def _names(circles: Sequence[_Circle], frame: Frame, height: float) -> list[str]:
    """The names that find room beside their circles, the largest first."""
    taken = _Taken(circles, frame.width, height)
    drawn: list[str] = []
    for c in circles[:_NAMED]:
        lines = _lines(c.spot.name)
        wide, high = max(_wide(line) for line in lines) + 4, _LINE * len(lines)
        aside, above = c.r + 5, c.r + 3
        for x, y, anchor in (
            (c.x + aside, c.y - high / 2, "start"),
            (c.x - aside, c.y - high / 2, "end"),
            (c.x, c.y + above, "middle"),
            (c.x, c.y - above - high, "middle"),
        ):
            left = {"start": x, "end": x - wide, "middle": x - wide / 2}[anchor]
            box = (left, y, left + wide, y + high)
            if taken.is_free(box):
                taken.boxes.append(box)
                drawn.extend(
                    f'<text class="name" x="{_n(x)}" y="{_n(y + _LINE * i + 11)}" text-anchor="{anchor}">{escape(line)}</text>'
                    for i, line in enumerate(lines)
                )
                break
    return drawn


def _lines(name: str) -> list[str]:
    r"""A name in at most two lines; what is left over is told by an ellipsis.

    >>> _lines("product / shop description"), _lines("a" * 60)[0][-2:]
    (['product\xa0/ shop', 'description'], 'a…')
    """
    lines = [""]
    for word in re.sub(r" (?=/ )", "\N{NO-BREAK SPACE}", " ".join(name.split())).split(
        " "
    ):  # no line begins with a slash
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and len(longer) > _LETTERS:
            lines.append(word)
        else:
            lines[-1] = longer
    shown = [line if len(line) <= _LETTERS else line[: _LETTERS - 1] + "…" for line in lines[:2]]
    if len(lines) > 2 and not shown[-1].endswith("…"):
        shown[-1] = shown[-1][: _LETTERS - 1] + "…"
    return shown


def _wide(text: str) -> float:
    """About how wide a text is, in pixels, rather too wide than too narrow; scripts of full width count as such."""
    return sum(12.5 if unicodedata.east_asian_width(letter) in "WF" else 6.7 for letter in text)


def _sizes(spots: Sequence[Spot], frame: Frame, height: float) -> tuple[str, float]:
    """Two circles that say what an area is, in a strip below the map, and the strip's height."""
    scale = _scale(spots, frame.width * height)
    top = max(s.volume or 0.0 for s in spots)
    if top < 1:
        return "", 0.0
    magnitude = 10.0 ** math.floor(math.log10(max(top / 2, 1.0)))
    large = next(m * magnitude for m in (5, 2, 1) if m * magnitude <= max(top / 2, 1.0))
    known = [v for v in (large, large / 10) if v >= 1 and scale * math.sqrt(v) >= _SMALLEST]
    if not known:
        return "", 0.0
    strip = 2 * scale * math.sqrt(known[0]) + 10
    x, parts = 8.0, []
    for i, volume in enumerate(known):
        r = scale * math.sqrt(volume)
        said = counted(volume, "output") if i == 0 else count(volume)
        parts.append(
            f'<circle class="rim" cx="{_n(x + r)}" cy="{_n(height + strip / 2)}" r="{_n(r)}"/>'
            f'<text class="tick" x="{_n(x + 2 * r + 6)}" y="{_n(height + strip / 2 + 4)}">{said}</text>'
        )
        x += 2 * r + 6 + _wide(said) + 16
    return f'<g aria-hidden="true">{"".join(parts)}</g>', strip


def _n(value: float) -> float:
    return round(value, 2)
