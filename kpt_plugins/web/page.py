"""The page: both panels in one column on a phone, side by side parts on a broad screen."""

from __future__ import annotations

from pathlib import Path

import gradio as gr

from kpt_plugins.apis.few_shot_inferencer import FewShotInferencer

from .annotate_events import wire_annotate_parts
from .annotate_layout import build_annotate_parts
from .annotation import MAX_KEYPOINTS, Annotation
from .history import History
from .result_panel import build_result_parts, wire_result_parts
from .session import Session

_KEPT = 4 * 3600  # seconds that an idle tab's state is kept
_INTRO = """<h1>Keypoints from a few photos</h1>
<p>Mark keypoints in up to five photos of a kind of object; they are then found in your other photos
of it. Photos stay on the computer that runs this page, and are deleted when it stops.</p>"""


def build_page(inferencer: FewShotInferencer, folder: Path) -> gr.Blocks:
    """The page, not served yet.

    Args:
        inferencer: Shared by all tabs, used by one at a time.
        folder: Where tabs keep their files.
    """
    title = 'Keypoints from a few photos'
    with gr.Blocks(title=title, analytics_enabled=False, delete_cache=(600, 3600)) as page:
        most = min(MAX_KEYPOINTS, inferencer.max_keypoints or MAX_KEYPOINTS)
        session = Session(folder, History(Annotation(max_keypoints=most)))
        state = gr.State(session, time_to_live=_KEPT, delete_callback=Session.close)
        gr.HTML(_INTRO)
        annotate, result = build_annotate_parts(), build_result_parts()
        wire_annotate_parts(annotate, state)
        wire_result_parts(result, state, inferencer)
    page.queue(max_size=30)
    return page


def theme() -> gr.themes.Base:
    """Fonts of the user's own system: the page asks no other server for anything."""
    return gr.themes.Default(font=['system-ui', 'sans-serif'], font_mono=['monospace'])
