"""Stores embedding vectors that are costly to compute in the workspace, so that no text is embedded twice."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import pyarrow as pa

from everyturn.engines.local import Database


class Vectors:
    """The workspace's table of vectors; implements `intents.embedders.VectorStore`."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def load(self, embedder: str, digests: Sequence[str]) -> Mapping[str, bytes]:
        """The stored vectors of an embedder by the digest of their texts; digests that are not stored are left out."""
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
        """Stores further vectors of an embedder, given with the digests of their texts."""
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
