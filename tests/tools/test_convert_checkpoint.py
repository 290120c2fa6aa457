"""``tools/convert_checkpoint.py`` from file to file."""

import pytest
import torch

from tests import tiny_exports as tiny
from tests.apis.test_checkpoint_conversion import released_state
from tests.tools.tool import load_tool


@pytest.fixture
def tool():
    return load_tool('convert_checkpoint')


def test_fmmp(tool, tmp_path, capsys):
    cfg = tiny.episode_config()
    cfg.dump(tmp_path / 'config.py')
    source, out = tmp_path / 'released.pth', tmp_path / 'new' / 'converted.pth'
    torch.save(dict(state_dict=released_state(**TINY), meta={}), source)
    options = ['--cfg-options', 'model.head.proposal=None']
    tool.main([str(tmp_path / 'config.py'), str(source), str(out), *options])
    told = capsys.readouterr().out
    assert 'converted.pth written' in told and 'legacy_order=True' in told
    content = torch.load(out, weights_only=True)
    assert content['meta']['converted_from'] == 'released.pth'
    assert 'legacy_order=True' in content['meta']['cfg']
    assert sorted(path.name for path in out.parent.iterdir()) == ['converted.pth']

    arguments = [str(tmp_path / 'config.py'), str(source), str(out), *options]
    with pytest.raises(FileExistsError, match='--force'):
        tool.main(arguments)
    tool.main([*arguments, '--force'])


TINY = dict(dims=16, layers=2, branches=3, heads=2, points=2, channels=(16, 8), stem=tiny.BACKBONE)


def test_damaged_file(tool, tmp_path):
    tiny.episode_config().dump(tmp_path / 'config.py')
    (tmp_path / 'cut.pth').write_bytes(b'PK\x03\x04')
    with pytest.raises(ValueError, match='cut.pth'):
        tool.main([str(tmp_path / name) for name in ('config.py', 'cut.pth', 'out.pth')])
