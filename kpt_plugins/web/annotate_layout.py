"""Where the photos are annotated: what is on the page."""

from __future__ import annotations

from dataclasses import dataclass, fields

import gradio as gr

from .annotation import MAX_NAME_LENGTH, MAX_PHOTOS, Annotation
from .texts import link_list, message, prompt
from .uploads import PHOTO_SUFFIXES

_MODES = [
    ('Place keypoints', 'add'),
    ('Move the selected one', 'move'),
    ('Link two', 'link'),
    ('Mark the object’s box', 'box'),
]


@dataclass
class AnnotateParts:
    """Its components; :meth:`shown` are those that follow the state."""

    message: gr.HTML
    photo: gr.Radio
    picture: gr.Image
    mode: gr.Radio
    keypoint: gr.Radio
    name: gr.Textbox
    x: gr.Number
    y: gr.Number
    hidden: gr.Button
    link_to: gr.Dropdown
    links: gr.HTML
    category: gr.Textbox
    box: gr.Textbox
    download: gr.DownloadButton
    photo_tools: gr.Column
    whole: gr.Button
    remove_photo: gr.Button
    photos: gr.File
    undo: gr.Button
    new: gr.Button
    clear: gr.Button
    delete: gr.Button
    link: gr.Button
    save: gr.Button
    load: gr.File

    def shown(self) -> list:
        return [getattr(self, name) for name in SHOWN]


SHOWN = [field.name for field in fields(AnnotateParts)][:15]
TYPED = {'name', 'x', 'y', 'category', 'box'}
"""What is typed into."""


def build_box_text(elem_id: str) -> gr.Textbox:
    """Where a box is typed, for those who do not click on the picture."""
    return gr.Textbox(
        label='Box of the object in pixels: x1, y1, x2, y2',
        placeholder='the whole photo',
        max_length=100,
        max_lines=1,
        elem_id=elem_id,
    )


def build_annotate_parts() -> AnnotateParts:
    """Make them within the present Gradio context, as an empty annotation shows them."""
    empty = Annotation()
    gr.HTML('<h2>1. Show which keypoints</h2>')
    parts = {}
    with gr.Row(equal_height=False):
        with gr.Column(scale=3, min_width=320):
            parts['photos'] = gr.File(
                label=f'Photos of the object, 1 to {MAX_PHOTOS}',
                file_count='multiple',
                file_types=PHOTO_SUFFIXES,
                height=160,
                elem_id='kpt-photos',
            )
            parts['photo'] = gr.Radio([], label='Photo', visible=False, elem_id='kpt-photo')
            parts['message'] = gr.HTML(message(prompt(empty)), elem_id='kpt-prompt')
            parts['picture'] = gr.Image(
                label='Photo with keypoints',
                alt_text='The photo with the keypoints placed so far',
                show_label=False,
                visible=False,
                interactive=False,
                format='jpeg',
                buttons=[],
                elem_id='kpt-picture',
            )
            with gr.Column(visible=False) as parts['photo_tools']:
                parts['box'] = build_box_text('kpt-box')
                with gr.Row():
                    parts['whole'] = gr.Button('Remove the box', size='sm', min_width=90)
                    parts['remove_photo'] = gr.Button('Remove this photo', size='sm', min_width=90)
        with gr.Column(scale=2, min_width=320):
            parts['mode'] = gr.Radio(_MODES, value=empty.mode, label='A click on the photo does')
            with gr.Row():
                parts['undo'] = gr.Button('Undo', size='sm', min_width=90)
                parts['new'] = gr.Button('New keypoint', size='sm', min_width=90)
            parts['keypoint'] = gr.Radio([], label='Keypoint', elem_id='kpt-keypoints')
            parts['name'] = gr.Textbox(
                label='Its name', max_length=MAX_NAME_LENGTH, max_lines=1, elem_id='kpt-name'
            )
            with gr.Row():
                parts['x'] = gr.Number(label='x in pixels', min_width=100, elem_id='kpt-x')
                parts['y'] = gr.Number(label='y in pixels', min_width=100, elem_id='kpt-y')
            with gr.Row():
                parts['hidden'] = gr.Button('Mark as hidden', size='sm', min_width=90)
                parts['clear'] = gr.Button('Not in this photo', size='sm', min_width=90)
                parts['delete'] = gr.Button('Delete it', size='sm', min_width=90)
            parts['link_to'] = gr.Dropdown([], label='Link it with', elem_id='kpt-link-to')
            parts['link'] = gr.Button('Link, or part if linked', size='sm')
            parts['links'] = gr.HTML(message(link_list(empty)), elem_id='kpt-links')
            with gr.Accordion('Save or load a category', open=False):
                parts['category'] = gr.Textbox(
                    empty.category,
                    label='Name of the category',
                    max_length=MAX_NAME_LENGTH,
                    max_lines=1,
                )
                parts['save'] = gr.Button('Save it as a file', size='sm')
                parts['download'] = gr.DownloadButton(visible=False, elem_id='kpt-category-file')
                parts['load'] = gr.File(
                    label='Load a saved one (.zip)',
                    file_count='multiple',
                    file_types=['.zip', '.json', '.png'],
                    height=160,
                    elem_id='kpt-load',
                )
    return AnnotateParts(**parts)
