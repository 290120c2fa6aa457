"""What the datasets of rigid objects have in common."""

from __future__ import annotations

from kpt_plugins.datasets.azimuth_bins import azimuth_bin
from kpt_plugins.datasets.checked_coco_style import CheckedCocoStyleDataset


class RigidObjectDataset(CheckedCocoStyleDataset):
    """A dataset of objects without a skeleton, whose azimuth is known.

    Records have ``azimuth`` in degrees or None, and ``azimuth_bin``, 0 to 7 (bins of 45 degrees) or
    -1 if unknown.

    Args:
        args, kwargs: As in :class:`CheckedCocoStyleDataset`.

    Raises:
        FileNotFoundError: If the annotation file, the image directory or an image is missing, with
            ``HELP``: who offers the data set, and what makes its annotation files.
    """

    HELP = ''

    def load_data_list(self) -> list[dict]:
        """Read the annotation file into records; called once by MMEngine."""
        try:
            return super().load_data_list()
        except FileNotFoundError as error:
            raise FileNotFoundError(f'{error} {self.HELP}') from error

    def parse_data_info(self, raw_data_info: dict) -> dict | None:
        """One annotation object and its image object as a record; None to leave it out."""
        record = super().parse_data_info(raw_data_info)
        if record is not None:
            azimuth = raw_data_info['raw_ann_info'].get('azimuth')
            number = -1 if azimuth is None else azimuth_bin(azimuth)
            record.update(azimuth=azimuth, azimuth_bin=number)
        return record
