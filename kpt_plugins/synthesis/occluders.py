"""Procedural occluders: textured blobs, polygons and bars."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .shapes import capsule, ellipse, smooth_closed
from .sprites import make_sprite
from .textures import KINDS, Texture, random_texture

_COUNT, _SIZE = 48, 160


def textured_occluders(seed: int) -> tuple[np.ndarray, ...]:
    """Pictures to be pasted in front of objects; takes about 0.2 s.

    Outlines are smooth blobs, polygons with corners, ovals and bars; every kind of texture occurs.

    Returns:
        48 pictures, uint8 (h, w, 4) BGRA, the longer side about 160 pixels; colour is defined
        under transparent pixels too.
    """
    rng = np.random.default_rng([seed, 0x0CC1])
    pictures = []
    for index in range(_COUNT):
        outline = _outline(rng)
        outline = outline / np.ptp(outline, axis=0).max()
        texture = _muted(rng, random_texture(rng, kind=KINDS[index % len(KINDS)]))
        pictures.append(make_sprite(outline, texture, _SIZE, relief=0.3, outline=0.3).bgra)
    return tuple(pictures)


def _muted(rng: np.random.Generator, texture: Texture) -> Texture:
    """As dull as things are: a gaudy occluder would be told from an animal by its colour alone."""
    saturation, contrast = rng.uniform(0.1, 0.6), rng.uniform(0.4, 1.0)
    base, accent = (
        colour.mean() + saturation * (colour - colour.mean())
        for colour in (texture.base, texture.accent)
    )
    accent = base + contrast * (accent - base)
    return replace(texture, base=np.float32(base), accent=np.float32(accent))


def _outline(rng: np.random.Generator) -> np.ndarray:
    """A closed polygon (N, 2) around the origin."""
    kind = rng.integers(5)
    if kind == 0:
        outline = ellipse((0, 0), rng.uniform(0.25, 0.5, 2), rng.uniform(2, 4))
    elif kind == 1:
        outline = capsule(1.0, *rng.uniform(0.1, 0.3, 2), bulge=rng.uniform(0, 0.1))
    else:
        corners = rng.integers(5, 10)
        angles = 2 * np.pi * (np.arange(corners) + rng.uniform(-0.3, 0.3, corners)) / corners
        radii = rng.uniform(0.3, 0.5, corners)
        outline = np.stack([radii * np.cos(angles), radii * np.sin(angles)], axis=1)
        if kind > 2:
            outline = smooth_closed(outline)
    return outline
