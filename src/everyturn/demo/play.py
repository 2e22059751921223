"""Plays the sample world: writes its files, reads them as it would a user's, and makes the page."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from everyturn.demo.world import write_world
from everyturn.outputs.places import make_folder
from everyturn.workspace import Progress, Result, Workspace


def play(
    page: Path, *, seed: int = 7, folder: Path | None = None, db: Path = Path("everyturn-demo.db"), progress: Progress
) -> Result:
    """The report on the sample world of that seed; the page is written to `page`, the workspace kept in `db`.

    The world's files are kept in `folder`; without one they are deleted afterwards. An earlier workspace at `db` is replaced.
    """
    with TemporaryDirectory() as temporary:
        files = folder or Path(temporary)
        progress("writing the sample world", 0, None)
        make_folder(files)
        write_world(files, seed=seed)
        for stale in (db, db.with_name(db.name + ".wal")):
            stale.unlink(missing_ok=True)
        with Workspace(db, progress=progress) as ws:
            ws.load(files / "traces", files / "chat")
            ws.load(files / "actions", as_="actions")
            ws.load(files / "evals", as_="evals")
            ws.discover()
            return ws.report(page, title="Tidewater Commerce support agent")
