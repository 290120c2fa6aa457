"""Where the objects' boxes are marked in the photos to predict on: components and events."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

import cv2
import gradio as gr

from . import query_boxes
from .annotate_events import ONE_BY_ONE
from .annotate_layout import build_box_text
from .boxes import Box, format_box, parse_box
from .session import Session
from .texts import box_prompt, message, query_choices


@dataclass
class QueryParts:
    """Its components, all of which follow the state."""

    panel: gr.Accordion
    which: gr.Dropdown
    message: gr.HTML
    picture: gr.Image
    box: gr.Textbox
    whole: gr.Button

    def shown(self) -> list:
        return [getattr(self, field.name) for field in fields(self)][:-1]


def build_query_parts() -> QueryParts:
    """Make them within the present Gradio context."""
    title = 'Mark the objects where they do not fill the photos'
    with gr.Accordion(title, open=False, visible=False, elem_id='kpt-query-boxes') as panel:
        which = gr.Dropdown([], label='Photo or video', filterable=False, elem_id='kpt-query')
        text = gr.HTML(elem_id='kpt-query-prompt')
        picture = gr.Image(
            label='Photo with the box',
            alt_text='The photo with the box of its object',
            show_label=False,
            interactive=False,
            format='jpeg',
            buttons=[],
            elem_id='kpt-query-picture',
        )
        box = build_box_text('kpt-query-box')
        whole = gr.Button('Search the whole photo', size='sm')
    return QueryParts(panel, which, text, picture, box, whole)


def wire_query_parts(parts: QueryParts, state: gr.State, taken: gr.events.Dependency) -> None:
    """Connect the components with the state of the tab; `taken` is when there are new files."""
    shown = [state, *parts.shown()]
    taken.then(_look_at_first, [state], shown, **ONE_BY_ONE)
    parts.which.input(_look_at, [state, parts.which], shown, **ONE_BY_ONE)
    parts.picture.select(_click, [state], shown, **ONE_BY_ONE)
    parts.whole.click(_remove_box, [state], shown, **ONE_BY_ONE)
    for event in (parts.box.submit, parts.box.blur):
        event(_type_box, [state, parts.box], shown, **ONE_BY_ONE)


def show(session: Session, error: str = '') -> list[Any]:
    """What the components show; see :meth:`QueryParts.shown`."""
    queries, looked_at = session.queries, session.looked_at
    choices = query_choices(queries)
    texts = message(error, 'error') if error else ''
    if looked_at is None:
        return [gr.update(visible=bool(queries)), gr.update(choices=choices), texts, None, '']
    query = queries[looked_at.index]
    return [
        gr.update(visible=True),
        gr.update(choices=choices, value=looked_at.index),
        texts + message(box_prompt(query, looked_at.corner)),
        cv2.cvtColor(looked_at.draw(query.box), cv2.COLOR_BGR2RGB),
        format_box(query.box),
    ]


def _apply(session: Session, change: Callable[[], None]) -> list[Any]:
    """Make a step; what is wrong with it is said."""
    try:
        change()
    except ValueError as error:
        return [session, *show(session, str(error))]
    return [session, *show(session)]


def _look_at_first(session: Session) -> list[Any]:
    return _look_at(session, 0) if session.queries else [session, *show(session)]


def _look_at(session: Session, index: int) -> list[Any]:
    def change() -> None:
        session.looked_at = None
        session.looked_at = query_boxes.look_at(session.queries, index)

    return _apply(session, change)


def _click(session: Session, place: gr.SelectData) -> list[Any]:
    def change() -> None:
        looked_at = session.looked_at
        if looked_at is None:
            return  # its photo is gone
        query = session.queries[looked_at.index]
        session.queries[looked_at.index], session.looked_at = query_boxes.click(
            query, looked_at, *place.index
        )

    return _apply(session, change)


def _type_box(session: Session, text: str) -> list[Any]:
    def change() -> None:
        looked_at = session.looked_at
        if looked_at is None:
            return
        if text.strip() != format_box(session.queries[looked_at.index].box):  # which is rounded
            _set_box(session, parse_box(text, looked_at.shape))

    return [*_apply(session, change)[:-1], gr.skip()]  # the user may be typing on


def _remove_box(session: Session) -> list[Any]:
    return _apply(session, lambda: _set_box(session, None))


def _set_box(session: Session, box: Box | None) -> None:
    looked_at = session.looked_at
    if looked_at is not None:
        index = looked_at.index
        session.queries[index] = replace(session.queries[index], box=box)
        session.looked_at = replace(looked_at, corner=None)
