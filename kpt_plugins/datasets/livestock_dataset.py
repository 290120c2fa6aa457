"""Cattle, horses and sheep with 18 keypoints each."""

from __future__ import annotations

from mmpose.registry import DATASETS

from kpt_plugins.datasets.checked_coco_style import CheckedCocoStyleDataset

FRONT = ('mouth', 'eye', 'ear', 'neck', 'shoulder', 'chest', 'elbow')
NAMES = (
    *('mouth', 'eye', 'ear', 'neck', 'shoulder', 'chest', 'hip', 'tail', 'elbow'),
    *('l_fore_wrist', 'l_fore_foot', 'r_fore_wrist', 'r_fore_foot'),
    *('hind_knee', 'l_hind_hock', 'l_hind_foot', 'r_hind_hock', 'r_hind_foot'),
)
LINKS = (
    *(('mouth', 'eye'), ('eye', 'ear'), ('eye', 'neck'), ('neck', 'shoulder')),
    *(('shoulder', 'chest'), ('shoulder', 'elbow'), ('shoulder', 'hip'), ('hip', 'tail')),
    *(('elbow', 'l_fore_wrist'), ('l_fore_wrist', 'l_fore_foot')),
    *(('elbow', 'r_fore_wrist'), ('r_fore_wrist', 'r_fore_foot'), ('hip', 'hind_knee')),
    *(('hind_knee', 'l_hind_hock'), ('l_hind_hock', 'l_hind_foot')),
    *(('hind_knee', 'r_hind_hock'), ('r_hind_hock', 'r_hind_foot')),
)
SIDES = {'l_': ('r_', (0, 255, 0)), 'r_': ('l_', (255, 128, 0))}
"""Prefix of a side: that of the other side, and the colour of its keypoints and links."""
MIDDLE_COLOR = (51, 153, 255)


def _keypoint(index: int, name: str) -> dict:
    other, color = SIDES.get(name[:2], ('', MIDDLE_COLOR))
    front = name in FRONT or '_fore_' in name
    return dict(
        name=name,
        id=index,
        color=list(color),
        type='upper' if front else 'lower',
        swap=other + name[2:] if other else '',
    )


@DATASETS.register_module()
class LivestockDataset(CheckedCocoStyleDataset):
    """LivestockKeypoints: side views of cattle, horses and sheep, 18 keypoints, one animal each.

    2,229 images by Yiwei Wang et al., LivestockKeypoints v1.0 (github.com/yww0411/
    Livestock-keypoint-detection), licence CC BY 4.0: whoever passes images or annotations on
    names the authors. One annotation file for each species and subset, in COCO's format.

    Keypoints: mouth, eye, ear, neck, shoulder, chest, hip, tail, elbow, l_fore_wrist,
    l_fore_foot, r_fore_wrist, r_fore_foot, hind_knee, l_hind_hock, l_hind_foot, r_hind_hock,
    r_hind_foot. The lower legs are named by the animal's own left and right, so flipping an image
    swaps l_ and r_: where an animal faces left, its l_ feet are nearer to the camera, where it
    faces right, its r_ feet. Measured as the lower one of a pair of feet in the training images,
    this holds for 95 to 97 % of the horses and 72 to 80 % of the cattle; most exceptions are
    lifted feet of walking animals, and a few hind legs have their names exchanged. The other
    keypoints exist once, on the side that is seen.

    Head and fore legs are `upper_body_ids`, the rest `lower_body_ids`. The tolerances `sigmas` of
    the OKS metric were never measured for these animals: all are 0.05, so OKS and AP computed
    with them compare detectors on this dataset but mean nothing beside those of other datasets.

    Args:
        args, kwargs: As in :class:`CheckedCocoStyleDataset`.
    """

    METAINFO: dict = dict(
        dataset_name='livestock',
        keypoint_info={i: _keypoint(i, name) for i, name in enumerate(NAMES)},
        skeleton_info={
            i: dict(link=link, id=i, color=list(SIDES.get(link[1][:2], ('', MIDDLE_COLOR))[1]))
            for i, link in enumerate(LINKS)
        },
        joint_weights=[1.0] * len(NAMES),
        sigmas=[0.05] * len(NAMES),
    )
