"""Where the photos are annotated: what happens when something is pressed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import gradio as gr

from . import edit
from .annotate_layout import SHOWN, TYPED, AnnotateParts
from .annotation import Annotation
from .boxes import format_box, parse_box
from .category_file import read_category, write_category
from .history import record, undo
from .pictures import draw_annotation, preview_scale
from .session import Session
from .supports import from_supports, to_supports
from .texts import keypoint_choices, link_list, message, photo_choices, prompt
from .uploads import display_name, read_photo

# Edits of all tabs, one after the other: a tab's own must not overtake each other.
ONE_BY_ONE = dict(
    trigger_mode='multiple',
    concurrency_id='edit',
    concurrency_limit=1,
    show_progress='hidden',
    api_visibility='private',
)


def wire_annotate_parts(parts: AnnotateParts, state: gr.State) -> None:
    """Connect the components with the state of the tab."""

    def on(
        trigger: Callable,
        function: Callable[..., Annotation],
        inputs: list | None = None,
        typed: bool = False,
    ) -> None:
        handler = _edit(function, typed)
        trigger(handler, [state, *(inputs or [])], [state, *parts.shown()], **ONE_BY_ONE)

    on(parts.mode.input, edit.set_mode, [parts.mode])
    on(parts.photo.input, edit.show_photo, [parts.photo])
    on(parts.keypoint.input, edit.select, [parts.keypoint])
    on(parts.remove_photo.click, edit.remove_photo)
    on(parts.whole.click, lambda annotation: edit.set_box(annotation, None))
    on(parts.new.click, edit.add_keypoint)
    on(parts.hidden.click, edit.toggle_hidden)
    on(parts.clear.click, edit.clear_point)
    on(parts.delete.click, edit.delete_keypoint)
    on(parts.link.click, edit.toggle_link, [parts.keypoint, parts.link_to])
    for event in ('submit', 'blur'):
        on(getattr(parts.name, event), _rename, [parts.keypoint, parts.name], typed=True)
        on(getattr(parts.category, event), edit.rename_category, [parts.category], typed=True)
        on(getattr(parts.box, event), _type_box, [parts.box], typed=True)
        for number in (parts.x, parts.y):
            on(getattr(number, event), _move, [parts.keypoint, parts.x, parts.y], typed=True)

    shown = [state, *parts.shown()]
    parts.picture.select(_click, [state], shown, **ONE_BY_ONE)
    parts.undo.click(_undo, [state], shown, **ONE_BY_ONE)
    slow = {**ONE_BY_ONE, 'show_progress': 'minimal', 'show_progress_on': parts.message}
    parts.photos.upload(_add_photos, [state, parts.photos], [*shown, parts.photos], **slow)
    parts.load.upload(_load, [state, parts.load], [*shown, parts.load], **slow)
    parts.save.click(_save, [state], [parts.message, parts.download], **slow)


def show(session: Session, *errors: str) -> list[Any]:
    """What the state's components show; see :meth:`AnnotateParts.shown`."""
    annotation = session.annotation
    photos, keypoints = photo_choices(annotation), keypoint_choices(annotation)
    any_photo, selected, point = bool(photos), annotation.keypoint, annotation.point
    picture = cv2.cvtColor(draw_annotation(annotation), cv2.COLOR_BGR2RGB) if any_photo else None
    others = [choice for choice in keypoints if choice[1] != selected]
    return [
        ''.join(message(error, 'error') for error in errors) + message(prompt(annotation)),
        gr.update(choices=photos, value=annotation.photo if any_photo else None, visible=any_photo),
        gr.update(value=picture, visible=any_photo),
        annotation.mode,
        gr.update(choices=keypoints, value=selected),
        '' if selected is None else annotation.names[selected],
        None if point is None else round(point.x, 1),
        None if point is None else round(point.y, 1),
        'Mark as visible' if point is not None and point.hidden else 'Mark as hidden',
        gr.update(choices=others, value=others[0][1] if others else None),
        message(link_list(annotation)),
        annotation.category,
        format_box(annotation.shown.bbox) if any_photo else '',
        gr.update(visible=False),
        gr.update(visible=any_photo),
    ]


def _edit(function: Callable[..., Annotation], typed: bool) -> Callable[..., list[Any]]:
    """A handler of a function of an annotation.

    One of something `typed` leaves what can be typed into alone: by the time of its answer the user
    may be typing on. Where it changes nothing, as on leaving a field that was submitted, all but
    the message stays: leaving it may be the beginning of a click on the photo, which would be lost
    if another picture came under it.
    """

    def handle(session: Session, *values: Any) -> list[Any]:
        before = session.annotation
        session, *shown = _apply(session, lambda: function(before, *values))
        if typed:
            same = session.annotation is before
            kept = set(SHOWN) - {'message'} if same else TYPED
            pairs = zip(SHOWN, shown, strict=True)
            shown = [gr.skip() if name in kept else value for name, value in pairs]
        return [session, *shown]

    return handle


def _apply(session: Session, change: Callable[[], Annotation]) -> list[Any]:
    """Make a step; what is wrong with it is said, and then nothing is changed."""
    try:
        session.history = record(session.history, change())
    except ValueError as error:
        return [session, *show(session, str(error))]
    return [session, *show(session)]


def _click(session: Session, place: gr.SelectData) -> list[Any]:
    def change() -> Annotation:
        scale = preview_scale(session.annotation.shown.image.shape)
        x, y = place.index
        return edit.click(session.annotation, x / scale, y / scale)

    return _apply(session, change)


def _undo(session: Session) -> list[Any]:
    try:
        session.history = undo(session.history)
    except ValueError as error:
        return [session, *show(session, str(error))]
    return [session, *show(session)]


def _rename(annotation: Annotation, index: int | None, name: str) -> Annotation:
    # leaving an empty box is no mistake where there is nothing to name
    return annotation if index is None else edit.rename(annotation, index, name)


def _move(
    annotation: Annotation, index: int | None, x: float | None, y: float | None
) -> Annotation:
    """Take over the two numbers, once both are there and differ from what was shown."""
    if index is None or x is None or y is None:
        return annotation
    annotation = edit.select(annotation, index)
    point = annotation.point
    if point is not None and (round(point.x, 1), round(point.y, 1)) == (x, y):
        return annotation
    return edit.move(annotation, x, y)


def _type_box(annotation: Annotation, text: str) -> Annotation:
    photo = annotation.shown
    if text.strip() == format_box(photo.bbox):  # which is rounded
        return annotation
    box = parse_box(text, photo.image.shape)
    return annotation if box == photo.bbox else edit.set_box(annotation, box)


def _add_photos(session: Session, files: list[str]) -> list[Any]:
    errors = []
    for path in map(Path, files):
        name = display_name(path, {photo.name for photo in session.annotation.photos})
        try:
            photo = edit.add_photo(session.annotation, name, read_photo(path, name))
            session.history = record(session.history, photo)
        except ValueError as error:
            errors.append(str(error))
    _delete(files)
    return [session, *show(session, *errors), None]


def _load(session: Session, files: list[str]) -> list[Any]:
    def change() -> Annotation:
        supports = read_category(list(map(Path, files)))
        return from_supports(supports, session.annotation.max_keypoints)

    try:
        return [*_apply(session, change), None]
    finally:
        _delete(files)


def _save(session: Session) -> tuple[str, Any]:
    path = session.folder / 'category.zip'
    try:
        write_category(to_supports(session.annotation), path)
    except (OSError, ValueError) as error:
        return message(str(error), 'error'), gr.update(visible=False)
    label = f'Download {path.name} ({path.stat().st_size / 1e6:.1f} MB)'
    return message('The category is ready to download.'), gr.update(
        value=path, label=label, visible=True
    )


def _delete(files: list[str]) -> None:
    for file in files:
        Path(file).unlink(missing_ok=True)
