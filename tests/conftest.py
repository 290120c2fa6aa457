"""Fixtures of all tests."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest
from mmengine.logging import MMLogger

from tests.helpers import write_tiny_mp100


@pytest.fixture(autouse=True)
def _without_closed_logs() -> None:
    """A web server that a test has started (uvicorn, by ``dictConfig``) closes all log files of the
    process; MMEngine's loggers of earlier tests would write into them."""
    for logger in MMLogger._instance_dict.values():
        for handler in list(logger.handlers):
            if isinstance(handler, logging.FileHandler) and handler.stream is None:
                logger.removeHandler(handler)


@pytest.fixture(scope='session')
def tiny_mp100(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Root of a small data set with the files of all five MP-100 splits; do not change it.

    The directory is called `mp100`, so its parent can serve as KPT_DATA_ROOT.
    """
    root = tmp_path_factory.mktemp('data') / 'mp100'
    for split in range(1, 6):
        write_tiny_mp100(root, f'mp100_split{split}', split)
    return root


@pytest.fixture(scope='session')
def kpt_data() -> Path:
    """Directory of real data sets, named by the environment variable KPT_TEST_DATA."""
    root = os.environ.get('KPT_TEST_DATA')
    if not root:
        pytest.skip('KPT_TEST_DATA is not set')
    return Path(root)
