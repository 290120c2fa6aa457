"""What the page says. Names that users give are escaped wherever HTML is made."""

from __future__ import annotations

from html import escape

from kpt_plugins.apis.inference_results import ImageResult

from .annotation import Annotation
from .pictures import result_colors


def prompt(annotation: Annotation) -> str:
    """What the next click on the photo does."""
    if not annotation.photos:
        return 'Add a photo of the object, then click on its keypoints one after the other.'
    names, selected = annotation.names, annotation.keypoint
    if annotation.mode == 'move':
        if selected is None:
            return 'There is no keypoint to move yet.'
        return f'Click where {_numbered(annotation, selected)} is.'
    if annotation.mode == 'link':
        if annotation.link_start is None:
            return 'Click on the first keypoint of a link.'
        start = _numbered(annotation, annotation.link_start)
        return f'Click on the keypoint to link with {start}.'
    target = annotation.target
    if target is not None:
        return (
            f'Click on {_numbered(annotation, target)}, or choose another keypoint if this photo '
            f'does not show it.'
        )
    if not names:
        return 'Click on the first keypoint.'
    return 'Click on the next keypoint, or go on: name them, link them, add a photo.'


def keypoint_choices(annotation: Annotation) -> list[tuple[str, int]]:
    """The keypoints with how they are in the photo that is looked at, and their indices."""
    points = annotation.shown.points if annotation.photos else (None,) * len(annotation.names)
    choices = []
    for index, point in enumerate(points):
        how = ' (not placed)' if point is None else ' (hidden)' if point.hidden else ''
        choices.append((_numbered(annotation, index) + how, index))
    return choices


def photo_choices(annotation: Annotation) -> list[tuple[str, int]]:
    """The photos with how many keypoints are placed, and their indices."""
    total = len(annotation.names)
    return [
        (f'{number + 1}: {photo.name} ({total - photo.points.count(None)} of {total})', number)
        for number, photo in enumerate(annotation.photos)
    ]


def link_list(annotation: Annotation) -> str:
    """The links, for those who do not see the picture."""
    links = [f'{annotation.names[a]} – {annotation.names[b]}' for a, b in annotation.links]
    return f'Links: {", ".join(links)}' if links else 'No links yet.'


def message(text: str, kind: str = 'info') -> str:
    """HTML of a line that says what is going on; kinds are ``info``, ``busy`` and ``error``."""
    role = 'alert' if kind == 'error' else 'status'
    return f'<p class="kpt-message kpt-{kind}" role="{role}">{escape(text)}</p>'


def confidence_table(result: ImageResult, threshold: float, by_side: bool) -> str:
    """HTML table of a prediction: names, confidences, places."""
    if result.error is not None:
        return message(f'{result.name}: {result.error}', 'error')
    colors, rows = result_colors(result, by_side), []
    for each in result.instances:
        for index, name in enumerate(result.category.keypoint_names):
            if not each.shown[index]:
                continue
            score, (x, y) = float(each.scores[index]), each.keypoints[index]
            blue, green, red = colors[index]
            low = ' class="kpt-low"' if score < threshold else ''
            rows.append(
                f'<tr{low}><th scope="row"><span class="kpt-dot" style="background:'
                f'rgb({red},{green},{blue})"></span>{escape(name)}</th>'
                f'<td><meter min="0" max="1" value="{score:.3f}"></meter> {score:.2f}</td>'
                f'<td>{x:.1f}</td><td>{y:.1f}</td></tr>'
            )
    head = ''.join(f'<th scope="col">{t}</th>' for t in ('Keypoint', 'Confidence', 'x', 'y'))
    body = f'<thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody>'
    return f'<table class="kpt-table">{body}</table>'


def _numbered(annotation: Annotation, index: int) -> str:
    return f'{index + 1} {annotation.names[index]}'
