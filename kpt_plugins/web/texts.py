"""What the page says. Names that users give are escaped wherever HTML is made."""

from __future__ import annotations

from html import escape

from kpt_plugins.apis.inference_results import ImageResult

from .annotation import Annotation
from .boxes import Corner
from .pictures import result_colors
from .prediction import Query

_CORNERS = 'Click on two opposite corners of the object’s box.'
_OPPOSITE = 'Click on the opposite corner of the box.'


def prompt(annotation: Annotation) -> str:
    """What the next click on the photo does, and which keypoints are not in its box."""
    outside = _outside_box(annotation)
    warning = f' Not in the box: {", ".join(outside)}.' if outside else ''
    return _next_click(annotation) + warning


def box_prompt(query: Query, corner: Corner | None) -> str:
    """What the next click on a photo or video to predict on does."""
    if corner is not None:
        return _OPPOSITE
    where = 'photo' if not query.source.is_video else 'video'
    if query.box is None:
        return f'The whole {where} is searched. {_CORNERS}'
    frames = ' in every frame' if query.source.is_video else ''
    return f'The box is searched{frames}. {_CORNERS}'


def query_choices(queries: list[Query]) -> list[tuple[str, int]]:
    """The photos and videos to predict on, with whether they have a box, and their indices."""
    return [
        (f'{number + 1}: {query.name}' + (' (box)' if query.box else ''), number)
        for number, query in enumerate(queries)
    ]


def _next_click(annotation: Annotation) -> str:
    if not annotation.photos:
        return 'Add a photo of the object, then click on its keypoints one after the other.'
    names, selected = annotation.names, annotation.keypoint
    if annotation.mode == 'move':
        if selected is None:
            return 'There is no keypoint to move yet.'
        return f'Click where {_numbered(annotation, selected)} is.'
    if annotation.mode == 'box':
        return _CORNERS if annotation.corner is None else _OPPOSITE
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
    """The photos with how many keypoints are placed and whether a box is, and their indices."""
    total = len(annotation.names)
    return [
        (
            f'{number + 1}: {photo.name} ({total - photo.points.count(None)} of {total}'
            f'{", box" if photo.bbox else ""})',
            number,
        )
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


def _outside_box(annotation: Annotation) -> list[str]:
    if not annotation.photos or annotation.shown.bbox is None:
        return []
    x1, y1, x2, y2 = annotation.shown.bbox
    return [
        _numbered(annotation, index)
        for index, point in enumerate(annotation.shown.points)
        if point is not None and not (x1 <= point.x <= x2 and y1 <= point.y <= y2)
    ]


def _numbered(annotation: Annotation, index: int) -> str:
    return f'{index + 1} {annotation.names[index]}'
