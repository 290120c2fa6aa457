"""The circle of azimuths cut into bins, for tests on poses that a training has not seen."""

from __future__ import annotations

NUM_BINS = 8
BIN_SIZE = 360 / NUM_BINS
"""Degrees of a bin."""

TRAIN_BINS, TEST_BINS = 'TFFTTFFT', 'FTTFFTTF'
"""The bins that NeMo trains on, and those unseen by it (github.com/Angtian/NeMo, its lists of
limited viewpoints). Both sets stay what they are under a flip of the image."""


def azimuth_bin(azimuth: float) -> int:
    """Bin of an azimuth in degrees: bin i is [45 i, 45 (i + 1))."""
    # Of a tiny negative angle % 360 gives 360 itself.
    return int(azimuth % 360 // BIN_SIZE) % NUM_BINS


def chosen_bins(pattern: str) -> set[int]:
    """Bins that a pattern chooses, a letter T or F for each bin.

    Raises:
        ValueError: If the pattern has other letters, another length, or chooses nothing.
    """
    if not isinstance(pattern, str) or len(pattern) != NUM_BINS or not set(pattern) <= set('TF'):
        raise ValueError(
            f'azimuth_bins={pattern!r}: expected {NUM_BINS} letters T or F, such as {TRAIN_BINS!r}'
        )
    if 'T' not in pattern:
        raise ValueError(f'azimuth_bins={pattern!r}: expected at least one T')
    return {i for i, letter in enumerate(pattern) if letter == 'T'}
