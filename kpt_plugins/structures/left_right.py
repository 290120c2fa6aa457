"""Left and right keypoints, told by their names."""

from __future__ import annotations

import re
from collections.abc import Sequence

_WORD = re.compile('left|right', re.IGNORECASE)
# A single letter is a word of its own: l_eye, eye_L, L-eye, l eye, LEye, eyeL (not lEye, ear, Lip).
_LETTER = re.compile(r'(?<![A-Za-z])[lrLR](?![A-Za-z])|^[LR](?=[A-Z][a-z])|(?<=[a-z])[LR]$')
_OTHER = {'left': 'right', 'right': 'left', 'l': 'r', 'r': 'l'}


def find_left_right_pairs(names: Sequence[str]) -> list[tuple[int, int]]:
    """Pairs of keypoints whose names differ in left and right only.

    Understood are the words left and right anywhere in a name, and l and r (or L and R) set off
    from the rest of it, as in l_eye, eye-R, LEye, eyeL. Both names must be there.

    Returns:
        (left, right) index pairs, in the order of the left ones.
    """
    index = {name: i for i, name in enumerate(names)}
    pairs = []
    for i, name in enumerate(names):
        other = _mirrored(name)
        if _side(name) == 'l' and other in index and _mirrored(other) == name:
            pairs.append((i, index[other]))
    return pairs


def find_unpaired(names: Sequence[str]) -> list[str]:
    """Names with a left or right whose counterpart is not among them."""
    return [name for name in names if _side(name) and _mirrored(name) not in names]


def _mirrored(name: str) -> str:
    """The name with left and right exchanged."""
    return _pattern(name).sub(lambda match: _swap(match.group()), name)


def _side(name: str) -> str:
    """'l', 'r', or '' for a name without a side."""
    match = _pattern(name).search(name)
    return match.group()[0].lower() if match else ''


def _pattern(name: str) -> re.Pattern:
    return _WORD if _WORD.search(name) else _LETTER


def _swap(word: str) -> str:
    """left <-> right and l <-> r, upper and lower case kept."""
    other = _OTHER[word.lower()]
    if word.isupper():
        return other.upper()
    return other.capitalize() if word[0].isupper() else other
