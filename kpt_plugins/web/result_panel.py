"""Where keypoints are found in other photos: the components and what they do."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import gradio as gr

from kpt_plugins.apis.few_shot_inferencer import FewShotInferencer
from kpt_plugins.apis.inference_results import write_coco

from .pictures import draw_result
from .prediction import MAX_FRAMES, predict, progress
from .query_panel import QueryParts, build_query_parts, wire_query_parts
from .session import MAX_QUERIES, Session
from .supports import to_supports
from .texts import confidence_table, message
from .uploads import PHOTO_SUFFIXES, VIDEO_SUFFIXES

_QUIET = dict(show_progress='hidden', api_visibility='private')


@dataclass
class ResultParts:
    """Its components."""

    queries: gr.File
    boxes: QueryParts
    find: gr.Button
    stop: gr.Button
    message: gr.HTML
    threshold: gr.Slider
    by_side: gr.Checkbox
    which: gr.Slider
    picture: gr.Image
    table: gr.HTML
    download: gr.DownloadButton


def build_result_parts() -> ResultParts:
    """Make them within the present Gradio context."""
    gr.HTML('<h2>2. Find them in other photos</h2>')
    parts = {}
    with gr.Row(equal_height=False):
        with gr.Column(scale=3, min_width=320):
            parts['queries'] = gr.File(
                label=f'Photos (at most {MAX_QUERIES}) or a video ({MAX_FRAMES} frames)',
                file_count='multiple',
                file_types=PHOTO_SUFFIXES + VIDEO_SUFFIXES,
                height=160,
                elem_id='kpt-queries',
            )
            parts['boxes'] = build_query_parts()
            with gr.Row():
                parts['find'] = gr.Button('Find keypoints', variant='primary', min_width=150)
                parts['stop'] = gr.Button('Stop', min_width=90)
            parts['message'] = gr.HTML(elem_id='kpt-progress')
            parts['which'] = gr.Slider(
                1, 2, 1, step=1, label='Photo or frame', visible=False, elem_id='kpt-which'
            )
            parts['picture'] = gr.Image(
                label='Prediction',
                alt_text='The photo with the keypoints that were found; the table lists them',
                show_label=False,
                visible=False,
                interactive=False,
                format='jpeg',
                buttons=['fullscreen'],
                elem_id='kpt-result',
            )
        with gr.Column(scale=2, min_width=320):
            parts['threshold'] = gr.Slider(
                0,
                1,
                0,
                step=0.01,
                label='Least confidence that is shown',
                elem_id='kpt-threshold',
            )
            parts['by_side'] = gr.Checkbox(
                label='Left blue, right orange', elem_id='kpt-by-side', container=False
            )
            parts['table'] = gr.HTML(elem_id='kpt-table')
            parts['download'] = gr.DownloadButton(
                'Download COCO JSON', visible=False, elem_id='kpt-coco'
            )
    return ResultParts(**parts)


def wire_result_parts(parts: ResultParts, state: gr.State, inferencer: FewShotInferencer) -> None:
    """Connect the components with the state of the tab and the model, which all tabs share."""
    view = [parts.which, parts.threshold, parts.by_side]
    pictures = [parts.picture, parts.table]
    found = [state, parts.message, parts.which, *pictures, parts.download]

    def find(session: Session, threshold: float, by_side: bool) -> Iterator[list[Any]]:
        for text in run(session, inferencer):
            yield [session, message(text, 'busy'), *[gr.skip()] * 4]
        yield [session, *finish(session, threshold, by_side)]

    waiting = parts.find.click(
        lambda: message('Waiting for the model …', 'busy'),
        None,
        parts.message,
        queue=False,
        **_QUIET,
    )
    running = waiting.then(
        find, [state, *view[1:]], found, concurrency_id='model', concurrency_limit=1, **_QUIET
    )
    taken = parts.queries.upload(
        _take_queries,
        [state, parts.queries],
        [state, parts.message, parts.queries],
        cancels=[running],
        **_QUIET,
    )
    wire_query_parts(parts.boxes, state, taken)
    parts.stop.click(
        lambda session, *values: [session, *finish(session, *values)],
        [state, *view[1:]],
        found,
        cancels=[running],
        **_QUIET,
    )
    for component in view:
        component.change(
            show_result, [state, *view], pictures, trigger_mode='always_last', **_QUIET
        )


def run(session: Session, inferencer: FewShotInferencer) -> Iterator[str]:
    """Predict all files of a session, and say how far it is. What is wrong is said at the end, by
    :func:`finish`."""
    session.shown, session.problem = [], None
    try:
        supports = to_supports(session.annotation)
        if not session.queries:
            raise ValueError('There is no photo to look at yet: add some above.')
        yield f'Looking at {len(supports.supports)} annotated photos …'
        inferencer.set_support(supports)
    except (TypeError, ValueError) as error:
        session.problem = str(error)
        return
    started, total = time.monotonic(), len(session.queries)
    if any(query.source.is_video for query in session.queries):
        total = None
    for query in session.queries:
        yield progress(len(session.shown), total, query.name, started)
        for shown in predict(inferencer, query):
            session.shown.append(shown)
            if query.source.is_video:
                yield progress(len(session.shown), total, query.name, started)


def finish(session: Session, threshold: float, by_side: bool) -> list[Any]:
    """What is shown of all that was predicted: message, slider, picture, table, download."""
    results = [shown.result for shown in session.shown]
    failed = [result for result in results if result.error is not None]
    text = ''
    if session.problem:
        text = message(session.problem, 'error')
    elif not results:
        text = message('Stopped before the first photo.')
    else:
        text = message(f'{len(results) - len(failed)} of {len(results)} pictures done.')
        text += ''.join(message(f'{result.name}: {result.error}', 'error') for result in failed)
    count, download = len(results), gr.update(visible=False)
    if count > len(failed):
        path = write_coco(session.folder / 'keypoints.json', results)
        download = gr.update(value=path, visible=True)
    slider = gr.update(value=1, maximum=max(2, count), visible=count > 1)
    return [text, slider, *show_result(session, 1, threshold, by_side), download]


def show_result(session: Session, which: float, threshold: float, by_side: bool) -> list[Any]:
    """Picture and table of one prediction, counted from 1."""
    if not session.shown:
        return [gr.update(value=None, visible=False), '']
    shown = session.shown[min(max(int(which), 1), len(session.shown)) - 1]
    table = confidence_table(shown.result, threshold, by_side)
    if shown.jpeg is None:
        return [gr.update(value=None, visible=False), table]
    picture = draw_result(shown.image(), shown.result, threshold, by_side)
    return [gr.update(value=cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), visible=True), table]


def _take_queries(session: Session, files: list[str]) -> list[Any]:
    problems = session.set_queries(list(map(Path, files)))
    for file in files:
        Path(file).unlink(missing_ok=True)
    names = ', '.join(query.name for query in session.queries)
    text = message(f'Ready: {names}' if names else 'No photo or video to look at.')
    return [session, ''.join(message(p, 'error') for p in problems) + text, None]
