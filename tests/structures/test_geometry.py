import cv2
import numpy as np
import pytest
from mmpose.datasets.transforms import TopdownAffine

from kpt_plugins.structures.geometry import apply_affine, crop_to_image_matrix


@pytest.mark.parametrize('rotation', [0.0, 30.0, -115.0])
@pytest.mark.parametrize('input_size', [(256, 256), (192, 128)])
def test_is_the_way_back_of_the_crop(rotation, input_size):
    rng = np.random.default_rng(0)
    points = rng.uniform(0, 200, (1, 12, 2)).astype(np.float32)
    results = TopdownAffine(input_size)(
        dict(
            img=np.zeros((200, 200, 3), np.uint8),
            bbox_center=np.array([[90, 110]], np.float32),
            bbox_scale=np.array([[150, 100]], np.float32),
            bbox_rotation=np.array([rotation], np.float32),
            keypoints=points,
        )
    )
    matrix = crop_to_image_matrix(
        results['input_center'], results['input_scale'], rotation, input_size
    )
    assert matrix.dtype == np.float64 and matrix.shape == (2, 3)
    back = apply_affine(matrix, results['transformed_keypoints'])
    np.testing.assert_allclose(back, points, atol=1e-3)


def test_agrees_with_the_pixels_of_the_crop():
    """A bright spot of the image is found again from where it lies in the crop."""
    image = np.zeros((120, 160, 3), np.uint8)
    cv2.circle(image, (100, 40), 3, (255, 255, 255), -1)
    center, scale = np.float32([90, 50]), np.float32([80, 80])
    results = TopdownAffine((256, 256))(
        dict(
            img=image,
            bbox_center=center[None],
            bbox_scale=scale[None],
            bbox_rotation=np.float32([25]),
            keypoints=np.float32([[[100, 40]]]),
        )
    )
    y, x = np.argwhere(results['img'][..., 0] > 127).mean(axis=0)
    matrix = crop_to_image_matrix(center, scale, 25.0, (256, 256))
    np.testing.assert_allclose(apply_affine(matrix, np.array([x, y])), (100, 40), atol=0.5)


def test_apply_affine_point_by_point():
    rng = np.random.default_rng(1)
    matrix, points = rng.normal(size=(2, 3)), rng.normal(size=(3, 4, 2))
    result = apply_affine(matrix, points)
    for i in range(3):
        for j in range(4):
            expected = matrix @ [*points[i, j], 1]
            np.testing.assert_allclose(result[i, j], expected)
