"""Keypoints of the 12 categories of PASCAL3D+, by the names of its anchors."""

from __future__ import annotations

from collections.abc import Sequence

from kpt_plugins.structures.left_right import find_left_right_pairs

KEYPOINTS: dict[str, tuple[str, ...]] = {
    'aeroplane': (
        *('left_elevator', 'left_wing', 'noselanding', 'right_elevator', 'right_wing'),
        *('rudder_lower', 'rudder_upper', 'tail'),
    ),
    'bicycle': (
        *('head_center', 'left_back_wheel', 'left_front_wheel', 'left_handle'),
        *('left_pedal_center', 'right_back_wheel', 'right_front_wheel', 'right_handle'),
        *('right_pedal_center', 'seat_back', 'seat_front'),
    ),
    'boat': ('head', 'head_down', 'head_left', 'head_right', 'tail_left', 'tail_right', 'tail'),
    'bottle': (
        *('mouth', 'body', 'body_left', 'body_right', 'bottom', 'bottom_left', 'bottom_right'),
    ),
    'bus': (
        *('body_back_left_lower', 'body_back_left_upper', 'body_back_right_lower'),
        *('body_back_right_upper', 'body_front_left_upper', 'body_front_right_upper'),
        *('body_front_left_lower', 'body_front_right_lower', 'left_back_wheel'),
        *('left_front_wheel', 'right_back_wheel', 'right_front_wheel'),
    ),
    'car': (
        *('left_front_wheel', 'left_back_wheel', 'right_front_wheel', 'right_back_wheel'),
        *('upper_left_windshield', 'upper_right_windshield', 'upper_left_rearwindow'),
        *('upper_right_rearwindow', 'left_front_light', 'right_front_light'),
        *('left_back_trunk', 'right_back_trunk'),
    ),
    'chair': (
        *('back_upper_left', 'back_upper_right', 'seat_upper_left', 'seat_upper_right'),
        *('seat_lower_left', 'seat_lower_right', 'leg_upper_left', 'leg_upper_right'),
        *('leg_lower_left', 'leg_lower_right'),
    ),
    'diningtable': (
        *('leg_upper_left', 'leg_upper_right', 'leg_lower_left', 'leg_lower_right'),
        *('top_upper_left', 'top_upper_right', 'top_lower_left', 'top_lower_right'),
        *('top_up', 'top_down', 'top_left', 'top_right'),
    ),
    'motorbike': (
        *('back_seat', 'front_seat', 'head_center', 'headlight_center', 'left_back_wheel'),
        *('left_front_wheel', 'left_handle_center', 'right_back_wheel', 'right_front_wheel'),
        'right_handle_center',
    ),
    'sofa': (
        *('front_bottom_left', 'front_bottom_right', 'seat_bottom_left', 'seat_bottom_right'),
        *('left_bottom_back', 'right_bottom_back', 'top_left_corner', 'top_right_corner'),
        *('seat_top_left', 'seat_top_right'),
    ),
    'train': (
        *('head_left_bottom', 'head_left_top', 'head_right_bottom', 'head_right_top', 'head_top'),
        *('mid1_left_bottom', 'mid1_left_top', 'mid1_right_bottom', 'mid1_right_top'),
        *('mid2_left_bottom', 'mid2_left_top', 'mid2_right_bottom', 'mid2_right_top'),
        *('tail_left_bottom', 'tail_left_top', 'tail_right_bottom', 'tail_right_top'),
    ),
    'tvmonitor': (
        *('front_bottom_left', 'front_bottom_right', 'front_top_left', 'front_top_right'),
        *('back_bottom_left', 'back_bottom_right', 'back_top_left', 'back_top_right'),
    ),
}
"""Keypoint names by category; a category's number is its place here, from 1."""

LEFT_COLOR, RIGHT_COLOR, MIDDLE_COLOR = (0, 255, 0), (255, 128, 0), (51, 153, 255)


def check_category(category: str) -> None:
    """Refuse a name that is not one of the 12.

    Raises:
        ValueError: with the names that are.
    """
    if category not in KEYPOINTS:
        raise ValueError(f'category={category!r}: expected one of {", ".join(KEYPOINTS)}')


def category_id(category: str) -> int:
    """Number of a category in annotation files, from 1."""
    check_category(category)
    return list(KEYPOINTS).index(category) + 1


def rigid_metainfo(dataset_name: str, names: Sequence[str], flips: bool = True) -> dict:
    """MMPose's metainfo of keypoints without a skeleton, and with the same tolerance for all.

    Args:
        dataset_name: Of the dataset.
        names: Of the keypoints.
        flips: Whether names that differ in left and right only are exchanged by a flip.
    """
    pairs = find_left_right_pairs(names) if flips else []
    swaps = {names[i]: names[j] for left, right in pairs for i, j in ((left, right), (right, left))}
    colors = {name: LEFT_COLOR for name in swaps} | {names[j]: RIGHT_COLOR for _, j in pairs}
    return dict(
        dataset_name=dataset_name,
        keypoint_info={
            i: dict(
                name=name,
                id=i,
                color=list(colors.get(name, MIDDLE_COLOR)),
                type='',
                swap=swaps.get(name, ''),
            )
            for i, name in enumerate(names)
        },
        skeleton_info={},
        joint_weights=[1.0] * len(names),
        sigmas=[0.05] * len(names),
    )
