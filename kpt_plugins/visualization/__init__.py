"""Drawing, without a window: arrays in, arrays out."""

from .episode import draw_data_sample, draw_episode_row, draw_model_input
from .keypoints import draw_skeleton, keypoint_colors
from .panels import add_caption, join_column, join_row, resize_image, write_image

__all__ = [
    'add_caption',
    'draw_data_sample',
    'draw_episode_row',
    'draw_model_input',
    'draw_skeleton',
    'join_column',
    'join_row',
    'keypoint_colors',
    'resize_image',
    'write_image',
]
