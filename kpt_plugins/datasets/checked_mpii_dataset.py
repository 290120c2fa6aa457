"""MMPose's MPII, with a message that says what is missing of it."""

from __future__ import annotations

from mmpose.datasets.datasets.body import MpiiDataset
from mmpose.registry import DATASETS

from kpt_plugins.datasets.missing_files import require_paths


@DATASETS.register_module()
class CheckedMpiiDataset(MpiiDataset):
    """MPII Human Pose as in MMPose's `MpiiDataset`, its files checked when they are loaded.

    Args:
        args, kwargs: As in MMPose's `MpiiDataset`.

    Raises:
        FileNotFoundError: If the annotation file, the file of head boxes or the image directory is
            missing.
    """

    def load_data_list(self) -> list[dict]:
        """Read the annotation file into records; called once by MMEngine."""
        for path in filter(None, (self.ann_file, self.headbox_file)):
            require_paths(path, self.data_prefix['img'], self.data_root or '', 'MpiiDataset')
        return super().load_data_list()
