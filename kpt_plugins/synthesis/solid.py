"""Rigid objects: planar textured faces in space, seen in parallel projection."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .model import Annotator, Blueprint, Layer, Posed
from .sprites import Sprite, make_sprite
from .textures import Texture, Wardrobe

# Where light comes from, in view coordinates (x right, y down, z towards the viewer).
_LIGHT = np.array([-0.35, -0.75, 0.56])


@dataclass(frozen=True)
class Face:
    """A picture in space: part-frame point (u, v) lies at origin + u * axes[0] + v * axes[1].

    `normal` points outwards; faces turned away are not drawn. `lift` moves decals towards the
    viewer so that they win against the face that they are on.
    """

    sprite: Sprite
    origin: np.ndarray
    axes: np.ndarray
    normal: np.ndarray
    lift: float


@dataclass(frozen=True)
class SolidModel:
    """Faces and keypoints (K, 3); x right, y down, z towards the viewer at yaw = pitch = 0.

    Args:
        yaw, pitch: Middle of the viewing angles, radians.
        yaw_range, pitch_range: Largest deviations from it, radians.
        stretch: Per-instance change of width, height and depth, as a share.
    """

    faces: tuple[Face, ...]
    points: np.ndarray
    yaw: float
    pitch: float
    yaw_range: float
    pitch_range: float
    stretch: float = 0.08
    bend: float = 0.0

    def pose(self, rng: np.random.Generator) -> Posed:
        """Draw a viewing direction and proportions."""
        yaw = self.yaw + rng.uniform(-self.yaw_range, self.yaw_range)
        pitch = self.pitch + rng.uniform(-self.pitch_range, self.pitch_range)
        return self.seen_from(yaw, pitch, 1 + rng.uniform(-self.stretch, self.stretch, 3))

    def seen_from(self, yaw: float, pitch: float, scale=(1.0, 1.0, 1.0)) -> Posed:
        """Project; `yaw` turns about the vertical axis, a positive `pitch` looks from above."""
        turn = _rotation(yaw, pitch) * np.asarray(scale)
        # Normals follow the inverse transpose; a positive diagonal keeps their orientation.
        normals = _rotation(yaw, pitch) / np.asarray(scale)
        layers = []
        for i, face in enumerate(self.faces):
            normal = normals @ face.normal
            normal /= np.linalg.norm(normal)
            if normal[2] < 0.03:  # turned away or seen edge on
                continue
            origin, axes = turn @ face.origin, turn @ face.axes.T
            matrix = np.column_stack([axes[:2], origin[:2]])
            # normal . (p - origin) = 0 solved for z, as a function of (x, y)
            slope = -normal[:2] / normal[2]
            plane = np.append(slope, origin[2] - slope @ origin[:2] + face.lift)
            gain = 0.62 + 0.48 * max(0.0, float(normal @ _LIGHT))
            layers.append(Layer(face.sprite, matrix, i + 1, gain, plane))
        return Posed(layers, self.points @ turn[:2].T)


class SolidBuilder:
    """Describes a rigid object in any units; `build` scales it to a diameter of about 1.

    Faces of one block share an edge; a keypoint at a corner belongs to all faces that meet there.
    """

    def __init__(self, rng: np.random.Generator, resolution: float):
        self.rng = rng
        self.wardrobe = Wardrobe(rng)
        self.annotator = Annotator()
        self._resolution = resolution
        self._faces: list[tuple[np.ndarray, Texture, np.ndarray, bool]] = []
        self._points: list[np.ndarray] = []

    def face(self, polygon, texture: str | Texture, normal, decal: bool = False) -> int:
        """Add a planar polygon (N, 3) with its outward normal. Returns the part id."""
        if isinstance(texture, str):
            texture = self.wardrobe[texture]
        self._faces.append((np.asarray(polygon, float), texture, np.asarray(normal, float), decal))
        return len(self._faces)

    def rectangle(self, low, high, z: float, sign: int, texture: str | Texture) -> int:
        """Add an upright decal (x, y) `low` to `high` just above the plane z, facing sign * z."""
        (x0, y0), (x1, y1), z = low, high, z + 1e-3 * sign
        corners = [(x0, y0, z), (x1, y0, z), (x1, y1, z), (x0, y1, z)]
        return self.face(corners, texture, (0, 0, sign), decal=True)

    def disc(self, centre, radii, axis: str, sign: int, texture: str | Texture) -> int:
        """Add an elliptic decal just above the plane across `axis` ('x' or 'z') at `centre`.

        Args:
            radii: Horizontal and vertical.
        """
        angle = np.linspace(0, 2 * np.pi, 20, endpoint=False)
        u, v, w = radii[0] * np.cos(angle), radii[1] * np.sin(angle), np.full(20, 1e-3 * sign)
        if axis == 'x':
            polygon, normal = np.stack([w, v, u], 1), (sign, 0, 0)
        else:
            polygon, normal = np.stack([u, v, w], 1), (0, 0, sign)
        return self.face(np.asarray(centre) + polygon, texture, normal, decal=True)

    def box(self, low, high, texture: str, top: str | None = None) -> dict[str, int]:
        """Add an axis-parallel box. Returns the part ids by side: left, right, top, ..."""
        (x0, y0, z0), (x1, y1, z1) = low, high
        profile = [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]
        ids = self.prism(profile, z0, z1, texture, [top or texture, texture, texture, texture])
        return dict(zip(('top', 'right', 'bottom', 'left', 'front', 'back'), ids, strict=True))

    def prism(self, profile, z0: float, z1: float, texture, sides=None) -> list[int]:
        """Extrude a convex profile (N, 2), clockwise in the image, from z0 to z1.

        Returns:
            N ids of the sides (side i runs from vertex i to i + 1), then front (z1), back (z0).
        """
        profile = np.asarray(profile, float)
        ids = []
        for i, (a, b) in enumerate(zip(profile, np.roll(profile, -1, axis=0), strict=True)):
            quad = [(*a, z1), (*b, z1), (*b, z0), (*a, z0)]
            edge = b - a
            ids.append(self.face(quad, sides[i] if sides else texture, (edge[1], -edge[0], 0)))
        for z, sign in ((z1, 1), (z0, -1)):
            ids.append(self.face([(*p, z) for p in profile], texture, (0, 0, sign)))
        return ids

    def keypoint(self, name: str, point, owners, link: int | None = None) -> int:
        """Add a keypoint at (x, y, z) on the given parts. Returns its index."""
        self._points.append(np.asarray(point, float))
        return self.annotator.add(name, owners, link)

    def link(self, i: int, j: int) -> None:
        """Add a skeleton link between two keypoints."""
        self.annotator.skeleton.append((i, j))

    def build(self, yaw=0.0, pitch=20.0, yaw_range=30.0, pitch_range=10.0) -> Blueprint:
        """Scale, centre, cut the sprites. Angles in degrees."""
        vertices = np.concatenate([polygon for polygon, *_ in self._faces])
        centre = 0.5 * (vertices.min(axis=0) + vertices.max(axis=0))
        scale = 1.15 / np.linalg.norm(np.ptp(vertices, axis=0))
        cache: dict = {}
        faces = []
        for polygon, texture, normal, decal in self._faces:
            polygon = (polygon - centre) * scale
            normal = normal / np.linalg.norm(normal)
            axes = _in_plane_axes(polygon, normal)
            flat = (polygon - polygon[0]) @ axes.T
            key = (id(texture), np.round(flat, 9).tobytes())
            if key not in cache:  # the legs of a chair share their sprites
                cache[key] = make_sprite(flat, texture, self._resolution, 0.12, 0.5)
            faces.append(Face(cache[key], polygon[0], axes, normal, 0.01 if decal else 0.0))
        points = (np.array(self._points) - centre) * scale
        degrees = np.deg2rad([yaw, pitch, yaw_range, pitch_range])
        return self.annotator.blueprint(SolidModel(tuple(faces), points, *map(float, degrees)))


def _in_plane_axes(polygon: np.ndarray, normal: np.ndarray) -> np.ndarray:
    """Orthonormal (2, 3): u along the first edge, v so that (u, v) is upright on the face."""
    u = polygon[1] - polygon[0]
    u = u / np.linalg.norm(u)
    return np.stack([u, np.cross(normal, u)])


def _rotation(yaw: float, pitch: float) -> np.ndarray:
    """Rotation (3, 3) by `yaw` about the vertical, then tilting the top towards the viewer."""
    cy, sy, cp, sp = np.cos(yaw), np.sin(yaw), np.cos(pitch), np.sin(pitch)
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_x = np.array([[1, 0, 0], [0, cp, sp], [0, -sp, cp]])
    return about_x @ about_y
