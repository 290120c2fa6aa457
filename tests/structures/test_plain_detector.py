"""What of a training config's imports the exported detector keeps."""

import pytest
from mmengine.config import Config
from mmpose.datasets.datasets.utils import parse_pose_metainfo

from kpt_plugins.structures.plain_detector import imported_modules, plain_config
from tests.tiny_steps import METAINFO, base_model, dataset


def exported(tmp_path, **content):
    cfg = Config(
        dict(
            default_scope='mmpose',
            model=base_model(6),
            test_dataloader=dict(dataset=dataset(tmp_path, 2, test=True)),
            **content,
        )
    )
    return plain_config(cfg, parse_pose_metainfo(METAINFO))


@pytest.mark.parametrize(
    ('imports', 'kept'),
    [
        (['kpt_plugins'], None),
        (['kpt_plugins.models'], None),
        ([], None),
        ('mine', ['mine']),
        (['mine', 'kpt_plugins', 'kpt_plugins_more'], ['mine', 'kpt_plugins_more']),
    ],
)
def test_custom_imports(tmp_path, imports, kept):
    custom = dict(imports=imports, allow_failed_imports=False)
    cfg = exported(tmp_path, custom_imports=custom)
    if kept is None:
        assert 'custom_imports' not in cfg
    else:
        assert cfg.custom_imports == dict(imports=kept, allow_failed_imports=False)


def test_without_custom_imports(tmp_path):
    assert 'custom_imports' not in exported(tmp_path)
    assert imported_modules({}) == imported_modules(dict(imports=None)) == []
