"""Affine maps between a crop and its original image."""

import numpy as np
from mmpose.structures.bbox import get_warp_matrix


def crop_to_image_matrix(
    center: np.ndarray, scale: np.ndarray, rotation: float, input_size: tuple[int, int]
) -> np.ndarray:
    """The map from crop pixels to original-image pixels.

    Args:
        center (np.ndarray): Box centre (2,) in original-image pixels.
        scale (np.ndarray): Size (2,) of the cropped region in original-image pixels.
        rotation (float): Rotation of the crop in degrees, as ``TopdownAffine`` applies it.
        input_size (tuple[int, int]): Width and height of the crop in pixels.

    Returns:
        np.ndarray: Affine matrix (2, 3), float64.
    """
    forward = np.vstack([get_warp_matrix(center, scale, rotation, input_size), [0.0, 0.0, 1.0]])
    return np.linalg.inv(forward)[:2]


def apply_affine(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Map points (..., 2) by an affine matrix (2, 3)."""
    return points @ matrix[:, :2].T + matrix[:, 2]
