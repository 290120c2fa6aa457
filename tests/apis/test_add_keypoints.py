"""The command that adds keypoints, from its arguments to an ordinary detector."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from mmpose.apis import init_model

from kpt_plugins.apis import add_keypoints
from kpt_plugins.apis.model_loading import build_model
from kpt_plugins.apis.run_fingerprint import FINGERPRINT_NAME
from kpt_plugins.engine.hooks.knowledge_association_hook import STATE_NAME
from kpt_plugins.engine.hooks.step_handover_hook import CONFIG_NAME, DETECTOR_NAME
from tests.helpers import write_json
from tests.tiny_old_detector import (
    HRNET,
    HRNET_HEAD,
    NEW,
    OLD,
    VIT,
    VIT_HEAD,
    VIT_MODULE,
    cut,
    write_config,
    write_detector,
    write_old_detector,
)
from tests.tiny_steps import NAMES
from tests.tools.tool import load_tool

tool = load_tool('add_keypoints')


@pytest.fixture(scope='module')
def files(tmp_path_factory) -> Path:
    return write_old_detector(tmp_path_factory.mktemp('add'))


@pytest.fixture
def short(monkeypatch):
    """A few iterations, in this process."""
    monkeypatch.setattr(add_keypoints, 'MIN_ITERATIONS', 4)
    monkeypatch.setattr(add_keypoints, 'ASSOCIATION_ITERATIONS', 8)
    monkeypatch.setattr(add_keypoints, 'ASSOCIATION_PASSES', 1)
    train = load_tool('train')

    def run(command):
        train.main(command[2:])
        return SimpleNamespace(returncode=0)

    monkeypatch.setattr(tool, 'subprocess', SimpleNamespace(run=run))


def arguments(files, work_dir, **changes):
    options = {
        'old-config': files / 'old.py',
        'old-checkpoint': files / 'old.pth',
        'ann': files / 'new.json',
        'images': files / 'data' / 'images',
        'work-dir': work_dir,
        'epochs': 1,
        'batch-size': 2,
        **{key.replace('_', '-'): value for key, value in changes.items()},
    }
    return [text for key, value in options.items() for text in (f'--{key}', str(value))]


def prepare(files, work_dir, *extra, **changes):
    return tool.prepare(tool.parse_args([*arguments(files, work_dir, **changes), *extra]))


def plan(files, work_dir, *extra, **changes):
    """Config and annotations of the training; nothing is written."""
    words = [*arguments(files, work_dir, **changes), *extra]
    return tool.plan(tool.parse_args(words))[:2]


def changed(files, tmp_path, change):
    content = json.loads((files / 'new.json').read_text())
    change(content)
    return write_json(tmp_path / 'changed.json', content)


def contents(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob('*') if p.is_file()}


def check_detector(folder):
    """The exported detector is made of stock parts and knows all keypoints."""
    model = init_model(str(folder / CONFIG_NAME), str(folder / DETECTOR_NAME), 'cpu')
    assert type(model.head).__name__ == 'HeatmapHead' and model.head.out_channels == 6
    assert list(model.dataset_meta['keypoint_name2id']) == list(NAMES)
    assert model.dataset_meta['flip_indices'] == [0, 1, 3, 2, 5, 4]
    return model


class TestRuns:
    @pytest.mark.slow
    def test_with_the_miner(self, files, tmp_path, short):
        """Started again it does nothing new; with other inputs it refuses."""
        tool.main(arguments(files, tmp_path))
        check_detector(tmp_path)
        log = next(tmp_path.glob('*/*.log')).read_text()
        assert 'triplets (miner): l_foot, r_foot -> ' in log and 'association residual' in log
        assert 'Association [2/2]' in log  # 8 iterations, 6 an epoch
        manifest = json.loads((tmp_path / 'manifest.json').read_text())
        assert manifest['new_names'] == list(NEW) and len(manifest['triplets']) == 1
        written = (tmp_path / DETECTOR_NAME).read_bytes()
        tool.main(arguments(files, tmp_path))
        assert (tmp_path / DETECTOR_NAME).read_bytes() == written

    @pytest.mark.slow
    def test_transformer_of_custom_imports(self, files, tmp_path, short, monkeypatch):
        (tmp_path / 'tiny_patch_transformer.py').write_text(VIT_MODULE)
        monkeypatch.syspath_prepend(tmp_path)
        imports = dict(imports='tiny_patch_transformer', allow_failed_imports=False)
        __import__('tiny_patch_transformer')
        write_detector(tmp_path, 'vit', VIT, VIT_HEAD, imports)
        run = tmp_path / 'run'
        changes = dict(old_config=tmp_path / 'vit.py', old_checkpoint=tmp_path / 'vit.pth')
        tool.main(arguments(files, run, **changes))
        cfg = Config.fromfile(run / 'input' / 'config.py')
        assert cfg.custom_imports.imports == ['tiny_patch_transformer', 'kpt_plugins']
        assert cfg.custom_imports.allow_failed_imports is False
        exported = Config.fromfile(run / CONFIG_NAME)
        assert exported.custom_imports.imports == ['tiny_patch_transformer']
        assert type(check_detector(run).backbone).__name__ == 'TinyPatchTransformer'

    @pytest.mark.slow
    def test_hrnet(self, files, tmp_path, short):
        write_detector(tmp_path, 'hrnet', HRNET, HRNET_HEAD, size=64)
        run = tmp_path / 'run'
        changes = dict(old_config=tmp_path / 'hrnet.py', old_checkpoint=tmp_path / 'hrnet.pth')
        tool.main(arguments(files, run, **changes))
        model = check_detector(run)
        assert type(model.backbone).__name__ == 'HRNet'
        # fewer than 20 images: no statistics of batch norms have moved
        old = torch.load(tmp_path / 'hrnet.pth', weights_only=True)['state_dict']
        new = model.state_dict()
        moving = [key for key in old if 'running_' in key]
        assert moving and all(torch.equal(old[key], new[key]) for key in moving)
        weights = [key for key in old if key.startswith('backbone.') and key.endswith('weight')]
        assert not all(torch.equal(old[key], new[key]) for key in weights)

    @pytest.mark.slow
    def test_from_the_command_line(self, files, tmp_path, monkeypatch):
        """With a process for the training, and a triplet by name."""
        monkeypatch.setattr(add_keypoints, 'MIN_ITERATIONS', 4)
        monkeypatch.setattr(add_keypoints, 'ASSOCIATION_ITERATIONS', 4)
        tool.main([*arguments(files, tmp_path), '--triplet', 'l_foot', 'r_foot', 'tail'])
        check_detector(tmp_path)
        assert 'l_foot, r_foot -> tail' in next(tmp_path.glob('*/*.log')).read_text()

    def test_failure_before_any_weights_frees_the_folder(self, files, tmp_path, monkeypatch):
        def fail(command):
            return SimpleNamespace(returncode=1)

        monkeypatch.setattr(tool, 'subprocess', SimpleNamespace(run=fail))
        with pytest.raises(SystemExit, match=r'train.py failed \(status 1\)'):
            tool.main(arguments(files, tmp_path))
        assert not (tmp_path / 'input' / FINGERPRINT_NAME).exists()
        prepare(files, tmp_path, epochs=2)
        (tmp_path / STATE_NAME).touch()
        with pytest.raises(SystemExit, match='train.py failed'):
            tool.main(arguments(files, tmp_path, epochs=2))
        with pytest.raises(ValueError, match=r'another --epochs \(2 there, 3 now\)'):
            prepare(files, tmp_path, epochs=3)


class TestConfig:
    def test_data_and_schedule(self, files, tmp_path):
        cfg, merged = plan(files, tmp_path)
        data = cfg.train_dataloader.dataset
        assert data.times == 17  # 6 images in batches of 2, at least 50 iterations
        assert data.dataset.steps == [list(OLD), list(NEW)]
        assert cfg.model.ka_net and cfg.model.triplets == 'miner'
        assert merged['categories'][0]['keypoints'] == list(NAMES)
        original = json.loads((files / 'new.json').read_text())
        for new, old in zip(merged['annotations'], original['annotations'], strict=True):
            assert new['keypoints'] == [0] * 12 + old['keypoints']
            assert new['bbox'] == old['bbox'] and new['image_id'] == old['image_id']

    @pytest.mark.parametrize(
        ('images', 'batch', 'epochs'),
        [
            (6, 2, 10),  # 51 iterations an epoch, 500 at least
            (800, 16, 20),  # 50 an epoch, every image once
            (80, 16, 10),  # 50 an epoch, 10 repetitions
            (3200, 16, 20),  # 200 an epoch
        ],
    )
    def test_epochs_of_ka_net(self, files, tmp_path, images, batch, epochs):
        def repeat(content):
            first, labels = content['images'][0], content['annotations'][0]
            numbers = range(1, images + 1)
            content['images'] = [dict(first, id=n) for n in numbers]
            content['annotations'] = [dict(labels, id=n, image_id=n) for n in numbers]

        ann = changed(files, tmp_path, repeat)
        cfg = plan(files, tmp_path / 'run', ann=ann, batch_size=batch)[0]
        hook = next(h for h in cfg.custom_hooks if h.type == 'KnowledgeAssociationHook')
        assert hook.num_epochs == epochs
        assert cfg.model.norm_eval == (images < 20)

    def test_batch_norms_of_the_head_too(self, files, tmp_path):
        cfg = plan(files, tmp_path)[0]
        model = build_model(cfg).train()
        norms = [m for m in model.head.modules() if isinstance(m, torch.nn.BatchNorm2d)]
        assert norms and not any(norm.training for norm in norms)
        assert 'norm_eval' not in cfg.model.backbone

    def test_without_flips(self, files, tmp_path):
        cfg = plan(files, tmp_path, '--no-flip')[0]
        pipeline = cfg.train_dataloader.dataset.dataset.pipeline
        assert 'RandomFlip' not in [transform.type for transform in pipeline]
        assert cfg.model.test_cfg.flip_test is False

    def test_what_belongs_to_the_old_keypoints_alone_is_left_out(self, files, tmp_path):
        old = Config.fromfile(files / 'old.py')
        old.model.metainfo = old.train_dataloader.dataset.metainfo
        old.model.test_cfg.output_keypoint_indices = [0, 1]
        old.model.init_cfg = dict(type='Pretrained', checkpoint='nowhere.pth')
        write_config(tmp_path / 'old.py', old)
        cfg = plan(files, tmp_path / 'run', old_config=tmp_path / 'old.py')[0]
        assert 'metainfo' not in cfg.model and 'init_cfg' not in cfg.model
        assert 'output_keypoint_indices' not in cfg.model.test_cfg

    def test_a_single_new_keypoint_needs_no_ka_net(self, files, tmp_path, capsys):
        cfg = plan(files, tmp_path / 'run', ann=one_keypoint(files, tmp_path))[0]
        assert cfg.model.ka_net is None and 'KA-Net needs two' in capsys.readouterr().out

    def test_category_by_its_id(self, files, tmp_path):
        ann = changed(files, tmp_path, lambda c: c['categories'].append(dict(id=2, name='cow')))
        cfg = plan(files, tmp_path / 'run', ann=ann, category='1')[0]
        assert cfg.model.steps[1] == list(NEW)

    def test_stated_flip_pairs(self, files, tmp_path):
        def rename(content):
            content['categories'][0].update(keypoints=['l_hoof', 'other'], flip_pairs=[[0, 1]])

        cfg, _ = plan(files, tmp_path / 'run', ann=changed(files, tmp_path, rename))
        data = cfg.train_dataloader.dataset.dataset
        assert data.dataset.metainfo.keypoint_info[4].swap == 'other'
        assert 'RandomFlip' in [transform.type for transform in data.pipeline]


def one_keypoint(files, tmp_path):
    content = cut(json.loads((files / 'data' / 'dots.json').read_text()), 4, 5)
    content['categories'][0]['keypoints'] = ['nose']
    return write_json(tmp_path / 'one.json', content)


@pytest.fixture(scope='module')
def run(files, tmp_path_factory) -> Path:
    """A work directory that is prepared, and must not change any more."""
    folder = tmp_path_factory.mktemp('run')
    prepare(files, folder)
    return folder


class TestAnotherRun:
    """A folder keeps to the inputs that its run was started with."""

    @pytest.mark.parametrize(
        ('option', 'value'),
        [
            ('epochs', 3),
            ('lr', 0.1),
            ('batch_size', 4),
            ('seed', 1),
            ('method', 'l2'),
        ],
    )
    def test_options(self, files, run, option, value):
        self.refused(files, run, rf'another --{option.replace("_", "-")} \(.* there, {value}',
                     **{option: value})  # fmt: skip

    @pytest.mark.parametrize(
        'extra', [['--no-flip'], ['--triplet', 'l_foot', 'r_foot', 'tail']], ids=lambda e: e[0]
    )
    def test_flags(self, files, run, extra):
        self.refused(files, run, f'another {extra[0]} ', *extra)

    def test_annotations(self, files, run, tmp_path):
        """The same images, one label moved."""

        def move(content):
            content['annotations'][0]['keypoints'][0] += 1

        ann = changed(files, tmp_path, move)
        self.refused(files, run, r'another --ann \(sha256 \w{12}\.\.\. there', ann=ann)

    def test_checkpoint(self, files, run, tmp_path):
        content = torch.load(files / 'old.pth', weights_only=True)
        content['state_dict']['head.final_layer.bias'] += 1
        torch.save(content, tmp_path / 'other.pth')
        path = tmp_path / 'other.pth'
        self.refused(files, run, 'another --old-checkpoint', old_checkpoint=path)

    def test_config(self, files, run, tmp_path):
        cfg = Config.fromfile(files / 'old.py')
        cfg.model.head.loss.loss_weight = 2.0
        write_config(tmp_path / 'other.py', cfg)
        path = tmp_path / 'other.py'
        self.refused(files, run, 'another --old-config', old_config=path)

    def test_images(self, files, run, tmp_path):
        (tmp_path / 'copy').symlink_to(files / 'data' / 'images')
        plan(files, run, images=tmp_path / 'copy')  # the same, resolved
        other = tmp_path / 'others'
        other.mkdir()
        for image in (files / 'data' / 'images').iterdir():
            (other / image.name).write_bytes(image.read_bytes())
        self.refused(files, run, 'another --images', images=other)

    def test_wrong_annotations_leave_the_old_ones(self, files, run, tmp_path):
        def hide(content):
            del content['annotations'][0]['bbox']

        self.refused(files, run, 'bbox: missing', ann=changed(files, tmp_path, hide))

    def test_weights_of_unknown_origin(self, files, tmp_path):
        (tmp_path / 'epoch_5.pth').touch()
        with pytest.raises(ValueError, match='inputs are not known'):
            prepare(files, tmp_path)
        assert list(tmp_path.iterdir()) == [tmp_path / 'epoch_5.pth']

    def refused(self, files, run, message, *extra, **changes):
        before = contents(run)
        with pytest.raises(SystemExit, match=message):
            tool.main([*arguments(files, run, **changes), *extra])
        assert contents(run) == before


class TestErrors:
    def refused(self, message, files, tmp_path, *extra, **changes):
        with pytest.raises(SystemExit, match=message):
            tool.main([*arguments(files, tmp_path / 'run', **changes), *extra])
        assert not (tmp_path / 'run').exists()

    @pytest.mark.parametrize('option', ['old_config', 'old_checkpoint', 'ann', 'images'])
    def test_missing_files(self, files, tmp_path, option):
        self.refused(r'error: .*nowhere.*there is no such', files, tmp_path, **{option: 'nowhere'})

    def test_names_that_overlap(self, files, tmp_path):
        ann = changed(
            files, tmp_path, lambda c: c['categories'][0].update(keypoints=['tail', 'r_foot'])
        )
        self.refused(r'changed.json: tail: the old detector has', files, tmp_path, ann=ann)

    def test_one_side_only(self, files, tmp_path):
        ann = changed(
            files, tmp_path, lambda c: c['categories'][0].update(keypoints=['l_foot', 'nose'])
        )
        self.refused(r'changed.json: l_foot: no keypoint of the other', files, tmp_path, ann=ann)

    def test_missing_image(self, files, tmp_path):
        ann = changed(files, tmp_path, lambda c: c['images'][1].update(file_name='no.png'))
        self.refused(r'no.png: there is no such image; 1 of the 6', files, tmp_path, ann=ann)

    @pytest.mark.parametrize(
        ('option', 'value', 'message'),
        [
            ('epochs', 0, '--epochs 0: expected at least 1'),
            ('batch_size', -1, '--batch-size -1: expected at least 1'),
            ('lr', 0, r'--lr 0.0: expected a number above 0'),
            ('lr', 'nan', '--lr nan: expected a number above 0'),
            ('lr', 'inf', '--lr inf: expected a number above 0'),
            ('seed', -1, '--seed -1: expected 0 to'),
        ],
    )
    def test_numbers_out_of_range(self, files, tmp_path, option, value, message):
        self.refused(message, files, tmp_path, **{option: value})

    @pytest.mark.parametrize(
        ('triplet', 'message'),
        [
            (('l_foot', 'nose', 'tail'), 'nose is no new keypoint of this step'),
            (('l_foot', 'r_foot', 'l_foot'), 'l_foot is no old keypoint of this step'),
            (('l_foot', 'l_foot', 'tail'), 'l_foot is given twice'),
        ],
    )
    def test_triplet(self, files, tmp_path, triplet, message):
        self.refused(f'error: --triplet: .*{message}', files, tmp_path, '--triplet', *triplet)

    def test_triplet_without_ka_net(self, files, tmp_path):
        triplet = ['--triplet', 'nose', 'nose', 'tail']
        ann = one_keypoint(files, tmp_path)
        self.refused('KA-Net needs two new keypoints, .*one.json', files, tmp_path, *triplet,
                     ann=ann)  # fmt: skip
        triplet = ['--triplet', 'l_foot', 'r_foot', 'tail']
        self.refused('--method lwf has no KA-Net', files, tmp_path, *triplet, method='lwf')

    def test_checkpoint_of_another_model(self, files, tmp_path):
        write_detector(tmp_path, 'hrnet', HRNET, HRNET_HEAD, size=64)
        path = tmp_path / 'hrnet.pth'
        self.refused('hrnet.pth has not the weights of the model of .*old.py', files, tmp_path,
                     old_checkpoint=path)  # fmt: skip

    def test_checkpoint_that_is_text(self, files, tmp_path):
        path = tmp_path / 'text.pth'
        path.write_text('<html>not found</html>')
        self.refused('checkpoint .*text.pth', files, tmp_path, old_checkpoint=path)
