"""Where vectors that cost something are kept: in the workspace, so that each text is embedded once, ever."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import pyarrow as pa

from everyturn.engines.local import Database


class Vectors:
    """The workspace's table of vectors (an `embedders.VectorStore`)."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def load(self, embedder: str, digests: Sequence[str]) -> Mapping[str, bytes]:
        """The vectors kept, by digest; what is not kept is left out."""
        wanted = pa.table({"digest": pa.array(digests, pa.string())})
        self._db.connection.register("wanted_vectors", wanted)
        try:
            return dict(
                self._db.rows(
                    "SELECT digest, vector FROM embeddings SEMI JOIN wanted_vectors USING (digest) WHERE embedder = ?",
                    [embedder],
                )
            )
        finally:
            self._db.connection.unregister("wanted_vectors")

    def keep(self, embedder: str, vectors: Iterable[tuple[str, bytes]]) -> None:
        """Keep these too."""
        digests, values = zip(*vectors, strict=True)
        self._db.insert(
            "embeddings",
            pa.table(
                {
                    "embedder": pa.array([embedder] * len(digests), pa.string()),
                    "digest": pa.array(digests, pa.string()),
                    "vector": pa.array(values, pa.binary()),
                }
            ),
        )
