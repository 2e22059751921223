"""A workspace's noise floor: the share of an output that appears to be contained even in an unrelated person's text."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from everyturn.model import NO_NOISE, NoiseFloor
from everyturn.signals.survival import Artefact, is_measurable, survival

FEWEST = 20  # pairs; with fewer the floor of a kind is not measured and taken as none


def measure_noise(outputs: pa.Table, artefacts: pa.Table) -> NoiseFloor:
    """The mean share of an output found in another user's text, for prose and for code, rounded to hundredths.

    Both tables have the columns user and text. Each artefact is compared with the output that is nearest to it in length, among those of
    the same kind that were given to another user. With fewer than 20 such pairs the floor of a kind is 0.

    Assumes: users do not share templates. What an agent says to everyone counts as noise, which is intended.
    """
    given = [(user, text, Artefact(text)) for user, text in _rows(outputs) if is_measurable(text)]
    shares: dict[bool, list[float]] = {False: [], True: []}
    for user, text in _rows(artefacts):
        artefact = Artefact(text)
        strangers = [each for each in given if each[0] != user and each[2].is_code == artefact.is_code]
        if not strangers or not is_measurable(text):
            continue
        output = min(strangers, key=lambda each: (abs(len(each[1]) - len(text)), each[1]))[1]
        share = survival(output, artefact)
        if share is not None:
            shares[artefact.is_code].append(share)
    floors = {kind: round(sum(each) / len(each), 2) if len(each) >= FEWEST else 0.0 for kind, each in shares.items()}
    return NoiseFloor(prose=floors[False], code=floors[True]) if any(floors.values()) else NO_NOISE


def _rows(table: pa.Table) -> Sequence[tuple[str, str]]:
    """Users and texts, ordered by the texts, so that the order of rows does not matter."""
    return sorted(
        zip(table.column("user").to_pylist(), table.column("text").to_pylist(), strict=True), key=lambda r: r[1]
    )
