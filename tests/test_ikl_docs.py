"""The examples of docs/ikl.md run, and say the truth."""

import re
import shutil

import pytest

from kpt_plugins.apis import shipped_configs
from kpt_plugins.apis.incremental import plan_steps, step_dataset
from kpt_plugins.apis.model_loading import build_dataset
from kpt_plugins.apis.run_config import load_config
from kpt_plugins.structures.step_manifest import read_manifest
from tests.test_docs import DOCS
from tests.tiny_steps import STEPS, write_dots
from tests.tools.tool import load_tool

TEXT = (DOCS / 'ikl.md').read_text()


@pytest.fixture
def own(tmp_path, monkeypatch):
    """The two configs of the page beside the shipped ones, and data of one's own."""
    configs = tmp_path / 'configs'
    shutil.copytree(shipped_configs()['ikl_synth'].parent, configs)
    section = TEXT.split('### Your own steps\n')[1]
    blocks = re.findall('```python\n# (configs/.*?)\n(.*?)```', section, re.DOTALL)
    assert [name for name, _ in blocks] == ['configs/mine_step0.py', 'configs/mine.py']
    for name, code in blocks:
        (tmp_path / name).write_text(code)
    data = write_dots(tmp_path / 'my_data')
    for name in ('train.json', 'test.json'):
        shutil.copy(data / 'dots.json', data / name)
    monkeypatch.chdir(tmp_path)
    return configs


def test_own_steps_build(own):
    runs = plan_steps([own / 'mine.py'], 'runs')
    assert [tuple(run.names) for run in runs] == [
        tuple(sum(STEPS[: step + 1], [])) for step in range(3)
    ]
    for run in runs:
        cfg = load_config(run.config, run.cfg_options())
        assert step_dataset(cfg, 'train_dataloader')[1].step == run.step
        for part in ('train', 'test'):
            dataset = build_dataset(cfg, part)
            assert len(dataset) == (8 if part == 'train' else 24)
            dataset[0]


def test_own_steps_train(own, monkeypatch):
    """The command of the page, as short as can be."""
    tool = load_tool('train_incremental')
    base = own / 'mine_step0.py'
    base.write_text(base.read_text() + 'train_cfg = dict(max_epochs=1)\n')
    tool.main([str(own / 'mine.py'), '--work-dir', 'runs', '--last-step', '1', '--cfg-options',
               'custom_hooks.5.num_epochs=1', 'model.triplets=random'])  # fmt: skip
    manifest = read_manifest('runs/step1')
    assert list(manifest.seen_names) == STEPS[0] + STEPS[1] and len(manifest.triplets) == 1


def test_the_table_of_configs_is_complete():
    families = {re.sub(r'_step0$', '', name) for name in shipped_configs() if 'ikl_' in name[:4]
                and name.endswith('_step0')}  # fmt: skip
    assert families and all(f'`{name}`' in TEXT for name in families)
    sizes = dict(re.findall(r'\| `(ikl_\w+)`[^|]*\|[^|]*\| ([\d +]+) \|', TEXT))
    for name, written in sizes.items():
        steps = load_config(shipped_configs()[name]).model.steps
        assert written == ' + '.join(str(len(group)) for group in steps), name


def test_commands_name_the_options_that_the_tools_need():
    parse = load_tool('summarize_incremental').parse_args
    command = re.search(r'summarize_incremental.py (.*)', TEXT)[1].split()
    assert parse(command).out
