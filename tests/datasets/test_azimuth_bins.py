"""Azimuth bins of 45 degrees."""

from __future__ import annotations

import pytest

from kpt_plugins.datasets.azimuth_bins import TEST_BINS, TRAIN_BINS, azimuth_bin, chosen_bins


@pytest.mark.parametrize(
    ('azimuth', 'number'),
    [(0, 0), (44.9, 0), (45, 1), (179.9, 3), (180, 4), (359.9, 7), (360, 0), (-1, 7), (-1e-14, 0)],
)
def test_bins(azimuth, number):
    assert azimuth_bin(azimuth) == number


def test_train_and_test_share_the_circle():
    train, test = chosen_bins(TRAIN_BINS), chosen_bins(TEST_BINS)
    assert train == {0, 3, 4, 7}
    assert not train & test and train | test == set(range(8))
    # a flipped object has the opposite azimuth
    for bins in (train, test):
        assert {azimuth_bin(-(45 * i + 20)) for i in bins} == bins


@pytest.mark.parametrize('pattern', ['TF', 'TFFTTFFX', 'TFFTTFFTT', 'FFFFFFFF', '', 3, [True] * 8])
def test_wrong_patterns(pattern):
    with pytest.raises(ValueError, match='azimuth_bins=.*expected'):
        chosen_bins(pattern)
