"""Lateral X-ray images of the head with 38 landmarks."""

from __future__ import annotations

import math
from typing import Any

from mmpose.registry import DATASETS

from kpt_plugins.datasets.checked_coco_style import CheckedCocoStyleDataset

LANDMARKS = (
    *('sella', 'nasion', 'orbitale', 'porion', 'subspinale', 'supramentale', 'pogonion'),
    *('menton', 'gnathion', 'gonion', 'lower_incisor', 'upper_incisor', 'upper_lip', 'lower_lip'),
    *('subnasale', 'soft_pogonion', 'posterior_nasal_spine', 'anterior_nasal_spine'),
    *('articulare', 'd_point', 'upper_incisor_apex', 'lower_incisor_apex', 'columella'),
    *('pterygomaxillary_fissure', 'condylion', 'pronasale', 'basion', 'pt_point', 'bolton'),
    *('upper_lip_border', 'lower_lip_border', 'soft_gnathion', 'soft_menton', 'glabella'),
    *('soft_nasion', 'cervical_point', 'upper_molar', 'lower_molar'),
)
"""Landmarks 1 to 38 of CL-Detection 2023, in the order of their numbers."""

HELP = (
    'The images and landmarks of CL-Detection 2023 are for non-commercial use and given on request '
    'by its organisers (cl-detection2023.grand-challenge.org); '
    'tools/dataset_converters/cephalometric_to_coco.py makes the annotation files from them.'
)

BONE_COLOR, TOOTH_COLOR, SKIN_COLOR = (51, 153, 255), (0, 255, 0), (255, 128, 0)
SKIN = ('lip', 'soft_', 'subnasale', 'columella', 'pronasale', 'glabella', 'cervical')


def _color(name: str) -> list[int]:
    if 'incisor' in name or 'molar' in name:
        return list(TOOTH_COLOR)
    return list(SKIN_COLOR if any(part in name for part in SKIN) else BONE_COLOR)


@DATASETS.register_module()
class CephalometricDataset(CheckedCocoStyleDataset):
    """Lateral cephalograms with the 38 landmarks of the CL-Detection 2023 challenge.

    Zhang et al., "Deep Learning Techniques for Automatic Lateral X-ray Cephalometric Landmark
    Detection: Is the Problem Solved?", arXiv 2409.15834. 600 images of three hospitals, 400 of
    them with public landmarks, licence CC BY-NC 4.0. The landmarks have numbers from 1 in the
    challenge's files; the names follow the numbered list of its annotation repository
    (github.com/cwwang1979/CL-detection2023). The first 19 are the landmarks of the earlier
    challenges (Wang et al., Medical Image Analysis 31, 2016). The sides of the head lie over each
    other in such images: no landmark has a left and a right. There is no skeleton.

    The file is COCO-style and says in every image or annotation object how large a pixel is:
    ``spacing`` in mm, about 0.1; an annotation's own goes first. A record has it as ``spacing`` and
    in ``raw_ann_info``, which MMPose's ``PackPoseInputs`` hands on, so that
    ``IncrementalKeypointMetric(base='mre', spacing='spacing')`` gives errors in mm.

    The tolerances ``sigmas`` of the OKS metric were never measured for these landmarks.

    Args:
        args, kwargs: As in :class:`CheckedCocoStyleDataset`.

    Raises:
        FileNotFoundError: If the annotation file, the image directory or an image is missing.
        ValueError: If an annotation has no valid spacing, or not 38 keypoints.
    """

    METAINFO: dict = dict(
        dataset_name='cephalometric',
        keypoint_info={
            i: dict(name=name, id=i, color=_color(name), type='', swap='')
            for i, name in enumerate(LANDMARKS)
        },
        skeleton_info={},
        joint_weights=[1.0] * len(LANDMARKS),
        sigmas=[0.05] * len(LANDMARKS),
    )

    def load_data_list(self) -> list[dict]:
        """Read the annotation file into records; called once by MMEngine."""
        try:
            return super().load_data_list()
        except FileNotFoundError as error:
            raise FileNotFoundError(f'{error} {HELP}') from error

    def parse_data_info(self, raw_data_info: dict) -> dict | None:
        """One annotation object and its image object as a record; None to leave it out."""
        record = super().parse_data_info(raw_data_info)
        if record is not None:
            annotation, image = raw_data_info['raw_ann_info'], raw_data_info['raw_img_info']
            source = annotation if 'spacing' in annotation else image
            record['spacing'] = self._checked(source.get('spacing'), annotation, image)
            record['raw_ann_info']['spacing'] = record['spacing']
        return record

    def _checked(self, spacing: Any, annotation: dict, image: dict) -> float:
        number = isinstance(spacing, (int, float)) and not isinstance(spacing, bool)
        if not number or not 0 < spacing < math.inf:
            found = 'missing' if spacing is None else repr(spacing)
            raise ValueError(
                f'{self.ann_file}: annotation {annotation["id"]}, image {image["file_name"]}: '
                f'spacing: {found}, expected the size of a pixel in mm, such as 0.1'
            )
        return float(spacing)
