"""What the server keeps of one browser tab."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp

from .annotation import Annotation
from .history import History
from .prediction import Query, Shown
from .query_boxes import LookedAt
from .uploads import display_name, photo_suffix, video_suffix

MAX_QUERIES = 50


@dataclass
class Session:
    """The state of a tab.

    Attributes:
        root: Folder of the server, in which this session makes its own.
        history: The annotation and its undo steps.
        queries: Files to predict on, copies with our own names.
        looked_at: The file of them in which a box is marked.
        shown: Predictions, in order.
        problem: Why there are none.
    """

    root: Path
    history: History = History()
    queries: list[Query] = field(default_factory=list)
    looked_at: LookedAt | None = None
    shown: list[Shown] = field(default_factory=list)
    problem: str | None = None
    _folder: Path | None = None

    @property
    def annotation(self) -> Annotation:
        return self.history.present

    @property
    def folder(self) -> Path:
        """A folder that is this session's alone and deleted with it."""
        if self._folder is None:
            self._folder = Path(mkdtemp(dir=self.root))
        return self._folder

    def set_queries(self, paths: list[Path]) -> list[str]:
        """Take over uploaded files; those before are deleted.

        Returns:
            What is wrong with those that are left out.
        """
        self.clear_queries()
        problems, names = [], set()
        for number, path in enumerate(paths):
            name = display_name(path, names)
            if number >= MAX_QUERIES:
                problems.append(f'Only the first {MAX_QUERIES} files are taken.')
                break
            try:
                suffix = video_suffix(path, name) or photo_suffix(path, name)
            except ValueError as error:
                problems.append(str(error))
                continue
            names.add(name)
            own = self.folder / f'query_{number}{suffix}'
            os.replace(path, own)
            self.queries.append(Query(name, own))
        return problems

    def clear_queries(self) -> None:
        """Delete the files to predict on, and the predictions."""
        for query in self.queries:
            query.path.unlink(missing_ok=True)
        self.queries, self.shown, self.looked_at = [], [], None

    def close(self) -> None:
        """Delete everything."""
        self.clear_queries()
        self.history = History()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None
