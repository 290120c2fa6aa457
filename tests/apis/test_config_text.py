"""Configs out of checkpoints, none of whose text is run."""

import pytest

from kpt_plugins.apis.config_lookup import shipped_configs
from kpt_plugins.apis.config_text import checkpoint_config
from kpt_plugins.apis.run_config import load_config

ENTRIES = ('default_scope', 'model', 'test_dataloader')


def read(text):
    return checkpoint_config(dict(meta=dict(cfg=text)), 'x.pth', ENTRIES)


@pytest.mark.parametrize('name', [n for n in shipped_configs() if n.startswith('fmmp')])
def test_equal_to_the_config(name):
    cfg = load_config(name)
    found = read(cfg.pretty_text)
    for entry in ENTRIES:
        assert found[entry] == cfg[entry], entry


def test_keys_that_are_no_names():
    text = "model = dict(info=dict({0: dict(id=0), 'a-b': [1]}, link=dict({}), size=3))"
    expected = dict(info={0: dict(id=0), 'a-b': [1], 'link': {}, 'size': 3})
    assert read(text).to_dict()['model'] == expected


def test_only_the_entries():
    text = "import os\nmodel = dict(type='A', size=(1, -2))\nother = os.getcwd()\nhook.x = 3"
    assert read(text).to_dict() == dict(model=dict(type='A', size=(1, -2)))


@pytest.mark.parametrize(
    'value',
    [
        'open("x")',
        'dict(open("x"))',
        'dict({}, {})',
        'dict([])',
        'dict(type=open("x"))',
        '[1, __import__("os")]',
        'dict(**{})',
        '1 +',
        '(' * 3000,
    ],
)
def test_programs_are_refused(value):
    with pytest.raises(ValueError, match='x.pth: meta.cfg .* not made of plain values'):
        read(f'model = {value}')


@pytest.mark.parametrize('kind', ['os.system', 'subprocess.Popen', 'mmdet.a.B', 'builtins.eval'])
def test_types_outside_the_registries_are_refused(kind):
    with pytest.raises(ValueError, match=f'x.pth: .*{kind}'):
        read(f"model = dict(type='A', neck=[dict(type='{kind}')])")
    for kind in ('mmdet.RTMDet', ''):
        assert read(f"model = dict(type='{kind}')").model.type == kind


@pytest.mark.parametrize('checkpoint', [{}, dict(meta=None), dict(meta={}), dict(meta=dict(cfg=3))])
def test_no_config(checkpoint):
    with pytest.raises(ValueError, match='x.pth: the checkpoint has no config'):
        checkpoint_config(checkpoint, 'x.pth', ENTRIES)
