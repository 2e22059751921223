"""What every embedder must do. A new one is added to `EMBEDDERS` and held to this."""

from __future__ import annotations

import numpy as np
import pytest

from everyturn.intents.embedders import Embedder, stored
from everyturn.intents.embedders.lexical import Lexical

EMBEDDERS = [Lexical]
TEXTS = [
    *(f"{ask} the {thing}" for ask in ("please refund", "I want my money back for") for thing in ("lamp", "chair", "desk", "bike")),
    *(f"{ask} my {thing}" for ask in ("reset", "I forgot") for thing in ("password", "login", "pin")),
]  # fmt: skip
ODD = ["", " ", "?!", "\x00", "\ud800", "😀", "我想退款", "a" * 10_000, "0 0 0", "\n\n"]

each = pytest.mark.parametrize("make", EMBEDDERS, ids=lambda make: make.name)


def fitted(make: type[Embedder]) -> Embedder:
    embedder = make()
    embedder.fit(TEXTS)
    return embedder


@each
def test_rows_are_float32_of_length_one_or_zero(make):
    rows = fitted(make).encode(TEXTS + ODD)
    assert rows.dtype == np.float32
    assert rows.shape[0] == len(TEXTS + ODD)
    length = np.linalg.norm(rows, axis=1)
    assert np.all((np.abs(length - 1) < 1e-3) | (length == 0))
    assert np.all(length[: len(TEXTS)] > 0)


@each
def test_each_row_depends_on_its_text_alone(make):
    embedder = fitted(make)
    together = embedder.encode(TEXTS)
    one_by_one = np.vstack([embedder.encode([text]) for text in TEXTS])
    assert np.array_equal(together, one_by_one)
    assert np.array_equal(embedder.encode(TEXTS[::-1]), together[::-1])
    assert embedder.encode([]).shape == (0, together.shape[1])


@each
def test_texts_that_ask_alike_lie_nearer(make):
    rows = fitted(make).encode(["please refund the lamp", "please refund the desk", "I forgot my password"])
    assert rows[0] @ rows[1] > rows[0] @ rows[2] + 0.2


@each
def test_familiar_is_a_share(make):
    embedder = fitted(make)
    shares = embedder.familiar(TEXTS + ODD)
    assert shares.dtype == np.float32
    assert ((shares >= 0) & (shares <= 1 + 1e-6)).all()
    assert (shares[: len(TEXTS)] > 0.5).all()
    assert embedder.familiar([]).shape == (0,)


@each
def test_fitting_again_gives_the_same(make):
    assert fitted(make).to_bytes() == fitted(make).to_bytes()
    shuffled = make()
    shuffled.fit(TEXTS[::-1])
    assert shuffled.to_bytes() == fitted(make).to_bytes()


@each
def test_a_stored_embedder_encodes_exactly_as_the_fitted_one(make):
    embedder = fitted(make)
    again = stored(embedder.name, embedder.to_bytes())
    assert again.name == embedder.name
    assert np.array_equal(again.encode(TEXTS + ODD), embedder.encode(TEXTS + ODD))
    assert np.array_equal(again.familiar(TEXTS + ODD), embedder.familiar(TEXTS + ODD))
    assert again.to_bytes() == embedder.to_bytes()


@each
def test_the_stored_state_holds_no_text_and_the_name_its_version(make):
    embedder = fitted(make)
    assert b"refund" not in embedder.to_bytes()
    name, _, version = embedder.name.partition("/")
    assert name
    assert version.isdigit()
