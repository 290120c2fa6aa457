"""Reading image files, with errors that say what is wrong with which file."""

from __future__ import annotations

import os.path as osp

import cv2
import numpy as np
from mmpose.datasets.transforms import LoadImage
from mmpose.registry import TRANSFORMS
from PIL import Image, ImageOps

from kpt_plugins.structures.exif import orientation


def read_image(path: str) -> np.ndarray:
    """Read an image file as MMPose does: BGR, turned by its EXIF orientation.

    Returns:
        uint8 (H, W, 3).

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no whole image.
    """
    return LoadImageChecked().transform(dict(img_path=path))['img']


@TRANSFORMS.register_module()
class LoadImageChecked(LoadImage):
    """MMPose's `LoadImage` with an own error for a missing and for an undecodable file.

    WebP files are turned by their EXIF orientation too.

    `LoadImage` reports a truncated image as an AssertionError that asks whether the file exists.

    Args:
        As for `mmpose.datasets.transforms.LoadImage`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is not an image or only a part of one.
    """

    def transform(self, results: dict) -> dict | None:
        if 'img' in results:
            return super().transform(results)
        path = results['img_path']
        try:
            results = super().transform(results)
            if (turned := _read_turned_webp(path)) is not None:
                image = turned.astype(results['img'].dtype)
                results.update(img=image, img_shape=image.shape[:2], ori_shape=image.shape[:2])
            return results
        except FileNotFoundError as error:
            raise FileNotFoundError(f'{path}: there is no such image') from error
        except (AssertionError, cv2.error) as error:
            size = f'{osp.getsize(path)} bytes' if osp.isfile(path) else 'not a local file'
            raise ValueError(
                f'{path}: cannot be decoded as an image; it is empty, cut off or of another '
                f'format ({size})'
            ) from error


def _read_turned_webp(path: str) -> np.ndarray | None:
    """A local WebP file, upright (H, W, 3), BGR, by its EXIF orientation, which OpenCV does not
    look at; None for all files that OpenCV reads right."""
    if not osp.isfile(path):
        return None
    with open(path, 'rb') as file:
        start = file.read(12)
    if start[:4] != b'RIFF' or start[8:] != b'WEBP':
        return None
    with Image.open(path) as stored:
        if orientation(stored.info.get('exif') or b'') == 1:
            return None
        upright = ImageOps.exif_transpose(stored).convert('RGB')
    return np.ascontiguousarray(np.asarray(upright)[..., ::-1])
