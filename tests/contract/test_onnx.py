"""A model in ONNX beside its tokenizer: a tiny one, written here byte by byte, that gives each token a vector of a table."""

from __future__ import annotations

import json

import numpy as np
import pytest

from everyturn.errors import InputError
from everyturn.intents.embedders import named, stored
from everyturn.intents.embedders.model import Model

pytest.importorskip("onnxruntime", reason="needs the extra onnx: pip install 'everyturn[onnx]'")
pytest.importorskip("tokenizers", reason="needs the extra onnx: pip install 'everyturn[onnx]'")

WORDS = ("[PAD]", "[UNK]", "refund", "my", "order", "password", "reset", "please")
TABLE = np.random.default_rng(1).standard_normal((len(WORDS), 6)).astype(np.float32)
INT64, FLOAT = 7, 1


def number(value):
    """A varint."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def field(place, value):
    """A field of a protobuf message: a number, a text, or bytes."""
    if isinstance(value, int):
        return number(place << 3) + number(value)
    data = value.encode() if isinstance(value, str) else value
    return number(place << 3 | 2) + number(len(data)) + data


def tensor_type(name, kind, *sizes):
    shape = b"".join(field(1, field(2, size)) for size in sizes)
    return field(1, name) + field(2, field(1, field(1, kind) + field(2, shape)))


def model_bytes(inputs=("input_ids", "attention_mask")):
    """An ONNX model: last_hidden_state = table[input_ids]."""
    table = (
        b"".join(field(1, size) for size in TABLE.shape)
        + field(2, FLOAT)
        + field(8, "table")
        + field(9, TABLE.tobytes())
    )
    node = field(1, "table") + field(1, "input_ids") + field(2, "last_hidden_state") + field(4, "Gather")
    graph = field(1, node) + field(2, "tiny") + field(5, table)
    graph += b"".join(field(11, tensor_type(name, INT64, "texts", "tokens")) for name in inputs)
    graph += field(12, tensor_type("last_hidden_state", FLOAT, "texts", "tokens", "width"))
    return field(1, 8) + field(7, graph) + field(8, field(1, "") + field(2, 13))


@pytest.fixture
def folder(tmp_path):
    vocabulary = {word: i for i, word in enumerate(WORDS)}
    told = {"version": "1.0", "added_tokens": [], "normalizer": {"type": "Lowercase"}, "pre_tokenizer": {"type": "Whitespace"},
            "post_processor": None, "decoder": None, "truncation": None, "padding": None,
            "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": "[UNK]"}}  # fmt: skip
    (tmp_path / "tokenizer.json").write_text(json.dumps(told), encoding="utf-8")
    (tmp_path / "onnx").mkdir()
    (tmp_path / "onnx" / "model.onnx").write_bytes(model_bytes())
    return tmp_path


def tokens_of(text):
    return [TABLE[WORDS.index(word) if word in WORDS else 1] for word in text.lower().split()]


TEXTS = ["Refund my order please", "reset", "a nice password", "please", "my my my order"]


def test_a_text_is_the_mean_of_its_tokens_whatever_else_is_in_the_batch(folder):
    rows = Model(folder).embed(TEXTS)
    assert rows.dtype == np.float32
    assert rows == pytest.approx(np.array([np.mean(tokens_of(text), axis=0) for text in TEXTS]), rel=1e-5)
    assert Model(folder).embed(["reset"]) == pytest.approx(rows[1:2])


def test_or_its_first_token_where_the_model_says_so(folder):
    (folder / "1_Pooling").mkdir()
    noted = folder / "1_Pooling" / "config.json"
    noted.write_text('{"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": false}', encoding="utf-8")
    assert Model(folder).embed(TEXTS) == pytest.approx(np.array([tokens_of(text)[0] for text in TEXTS]))
    noted.write_text('{"pooling_mode_max_tokens": true}', encoding="utf-8")
    with pytest.raises(InputError, match="how this model joins its tokens"):
        Model(folder).embed(TEXTS)


def test_it_is_named_by_its_folder_and_weights_and_stored(folder):
    embedder = named(str(folder))
    embedder.fit(TEXTS)
    rows = embedder.encode([*TEXTS, "", "refund \ud800 order", "refund " * 2000])
    assert np.linalg.norm(rows, axis=1) == pytest.approx([1] * 5 + [0, 1, 1], abs=1e-3)
    assert embedder.name.startswith(f"model:{folder.name}@")
    assert np.array_equal(stored(embedder.name, embedder.to_bytes()).encode(TEXTS), rows[:5])
    (folder / "onnx" / "model.onnx").write_bytes(model_bytes(("input_ids",)))
    with pytest.raises(InputError, match="not the one used before"):
        stored(embedder.name, embedder.to_bytes())
    assert named(str(folder / "onnx"))  # its tokenizer may stand one folder up


def test_a_folder_that_holds_no_usable_model_is_an_error(folder):
    model = folder / "onnx" / "model.onnx"
    model.write_bytes(model_bytes(("input_ids", "pixel_values")))
    with pytest.raises(InputError, match="asks for more than a text"):
        Model(folder).embed(TEXTS)
    model.write_bytes(b"no model at all")
    with pytest.raises(InputError, match="cannot be read"):
        Model(folder).embed(TEXTS)
    (folder / "tokenizer.json").unlink()
    with pytest.raises(InputError, match="no tokenizer"):
        Model(folder).embed(TEXTS)
