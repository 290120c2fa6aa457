"""Undo."""

from __future__ import annotations

from dataclasses import dataclass

from .annotation import Annotation

_LONGEST = 200


@dataclass(frozen=True)
class History:
    """An annotation and those before it, the latest last. Photos are shared among them."""

    present: Annotation = Annotation()
    past: tuple[Annotation, ...] = ()


def record(history: History, annotation: Annotation) -> History:
    """Make a step; one that changes the view alone cannot be undone on its own."""
    if annotation == history.present:
        return History(annotation, history.past)
    return History(annotation, (*history.past, history.present)[-_LONGEST:])


def undo(history: History) -> History:
    """Go back a step, or take back the half of a link or box.

    Raises:
        ValueError: If there is none.
    """
    if history.present.has_begun:
        return History(history.present.settled(), history.past)
    if not history.past:
        raise ValueError('There is nothing to undo.')
    return History(history.past[-1].settled(), history.past[:-1])
