"""Predicted labels to look through: one HTML file, the least sure first.

It needs nothing beside it and no network. Names out of files are escaped, and the page's policy
lets no script run but its own.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import cv2
import numpy as np

from .panels import resize_image

MOST_CARDS = 1000
"""Of more objects the least sure are shown: a picture takes 10 to 20 kB."""

_SIDE = 300
_WORST = 3

_STYLE = """
:root { color-scheme: light dark; font: 15px/1.4 system-ui, sans-serif; }
body { margin: 0 auto; max-width: 1400px; padding: 0 1rem 2rem; }
form { position: sticky; top: 0; padding: .6rem 0; background: Canvas; z-index: 1;
  display: flex; flex-wrap: wrap; gap: .4rem 1.2rem; align-items: center;
  border-bottom: 1px solid GrayText; }
input[type=range] { width: min(20rem, 50vw); vertical-align: middle; }
main { display: grid; gap: .8rem; margin-top: .8rem;
  grid-template-columns: repeat(auto-fill, minmax(220px, 1fr)); }
article { border: 2px solid #2a7d46; border-radius: 6px; overflow: hidden; }
article.below { border-color: #c0392b; }
article[hidden] { display: none; }
article p { margin: .3rem .5rem; overflow-wrap: anywhere; font-size: .85rem; }
img { display: block; width: 100%; height: 220px; object-fit: contain; background: #8883; }
table { border-collapse: collapse; } td, th { padding: .1rem .8rem .1rem 0; text-align: left; }
"""

_SCRIPT = """
const form = document.forms[0], main = document.querySelector('main');
const scores = main.dataset.scores.split(' ').filter(Boolean).map(Number);
function show() {
  const least = Number(form.least.value), which = form.which.value;
  for (const card of main.children) {
    const below = Number(card.dataset.score) < least;
    card.classList.toggle('below', below);
    card.hidden = which === 'below' ? !below : which === 'accepted' && below;
  }
  const accepted = scores.filter(score => score >= least).length;
  document.getElementById('value').textContent = least.toFixed(2);
  document.getElementById('count').textContent =
    `${accepted} of ${scores.length} objects are at least as sure: --min-score ${least.toFixed(2)}`;
}
form.addEventListener('input', show);
form.addEventListener('submit', event => event.preventDefault());
show();
"""


@dataclass(frozen=True)
class ReviewCard:
    """An object on the sheet.

    Attributes:
        name: Of its image.
        score: Confidence of the object, [0, 1].
        keypoint_scores: Name and confidence of each of its keypoints.
        picture: JPEG file of its :func:`thumbnail`.
    """

    name: str
    score: float
    keypoint_scores: Sequence[tuple[str, float]]
    picture: bytes


def thumbnail(drawing: np.ndarray, box: np.ndarray, keypoints: np.ndarray) -> bytes:
    """The part of a drawing around an object, as a small JPEG file.

    Args:
        drawing: ``uint8 array (H, W, 3)``, BGR.
        box: ``array (4,)``, x1, y1, x2, y2 in pixels.
        keypoints: ``array (N, 2)`` in pixels, which the picture shows too.
    """
    height, width = drawing.shape[:2]
    corners = np.concatenate([box.reshape(2, 2), keypoints])
    low, high = corners.min(axis=0), corners.max(axis=0)
    margin = 0.06 * (high - low).max()
    x1, y1 = np.clip(np.floor(low - margin), 0, (width - 1, height - 1)).astype(int)
    x2, y2 = np.clip(np.ceil(high + margin), (x1 + 1, y1 + 1), (width, height)).astype(int)
    small = resize_image(drawing[y1:y2, x1:x2], _SIDE)
    return cv2.imencode('.jpg', small, [cv2.IMWRITE_JPEG_QUALITY, 80])[1].tobytes()


def review_sheet(title: str, cards: Sequence[ReviewCard], failed: Sequence[str] = ()) -> str:
    """The HTML of the sheet.

    Args:
        title: Its heading.
        cards: One for each object, in any order.
        failed: What went wrong with images that have no labels.
    """
    ordered = sorted(cards, key=lambda card: card.score)
    shown = ordered[:MOST_CARDS]
    note = ''
    if len(shown) < len(ordered):
        note = f'<p>Shown are the {len(shown)} least sure of {len(ordered)} objects.</p>'
    problems = ''
    if failed:
        items = ''.join(f'<li>{escape(text)}</li>' for text in failed)
        problems = f'<h2>{len(failed)} images without labels</h2><ul>{items}</ul>'
    scores = ' '.join(f'{card.score:.4f}' for card in ordered)
    policy = (
        f"default-src 'none'; img-src data:; style-src {_hash(_STYLE)}; script-src {_hash(_SCRIPT)}"
    )
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<title>{escape(title)}</title>
<style>{_STYLE}</style>
</head>
<body>
<h1>{escape(title)}</h1>
<p>Discs are filled the more the surer a keypoint is. The least sure objects come first.</p>
{note}
<form>
<label>Least confidence <input type="range" name="least" min="0" max="1" step="0.01" value="0">
<output id="value"></output></label>
<label>Show <select name="which"><option value="all">all</option>
<option value="below">those below</option>
<option value="accepted">those at or above</option></select></label>
<output id="count"></output>
</form>
<main data-scores="{scores}">
{''.join(map(_article, shown))}</main>
{problems}
<h2>Mean confidence of each keypoint</h2>
{_keypoint_table(cards)}
<script>{_SCRIPT}</script>
</body>
</html>
"""


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _article(card: ReviewCard) -> str:
    name, data = escape(card.name), base64.b64encode(card.picture).decode()
    worst = sorted(card.keypoint_scores, key=lambda pair: pair[1])[:_WORST]
    listed = ', '.join(f'{escape(keypoint)} {score:.2f}' for keypoint, score in worst)
    return (
        f'<article data-score="{card.score:.4f}">'
        f'<img alt="Keypoints in {name}" src="data:image/jpeg;base64,{data}">'
        f'<p><b>{card.score:.2f}</b> {name}</p><p>least sure: {listed}</p></article>\n'
    )


def _keypoint_table(cards: Sequence[ReviewCard]) -> str:
    found: dict[str, list[float]] = {}
    for card in cards:
        for name, score in card.keypoint_scores:
            found.setdefault(name, []).append(score)
    means = sorted((float(np.mean(scores)), name) for name, scores in found.items())
    rows = ''.join(f'<tr><td>{escape(name)}</td><td>{mean:.2f}</td></tr>' for mean, name in means)
    return f'<table><tr><th>Keypoint</th><th>Confidence</th></tr>{rows}</table>'
