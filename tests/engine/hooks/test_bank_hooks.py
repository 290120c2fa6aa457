"""Runs of a small CoKe detector with the hooks that look after its banks."""

import copy
import json
import logging

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmengine.hooks import Hook
from mmpose.apis import inference_topdown, init_model
from mmpose.registry import HOOKS

from kpt_plugins.engine.hooks import EpochSeedHook
from kpt_plugins.engine.hooks.bank_pass import fill_banks
from tests.engine.hooks.toy import toy_runner
from tests.helpers import write_json
from tests.models.coke_runs import K, model_config, runner, write_dots


@pytest.fixture(scope='module')
def dots(tmp_path_factory):
    return write_dots(tmp_path_factory.mktemp('dots'))


def exact_theta(run, mode):
    """Directions of the mean feature of each keypoint, image by image in a plain loop."""
    model = run.model
    model.train(mode == 'train')
    found = [[] for _ in range(K)]
    with torch.no_grad():
        for data in run.train_dataloader:
            data = model.data_preprocessor(data, True)
            (feats,) = model.extract_feat(data['inputs'])
            for b, sample in enumerate(data['data_samples']):
                labels = sample.gt_instance_labels
                for k in range(K):
                    x, y = labels.keypoint_labels[0, k]
                    vector = model.head.projection.weight[..., 0, 0] @ feats[b, :, y, x]
                    found[k].append(F.normalize(vector, dim=0))
    return F.normalize(torch.stack([torch.stack(rows).mean(0) for rows in found]), dim=1)


def no_training(**options):
    """Parameters that stay, so that what the hooks have done can be repeated."""
    return dict(optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.0)), **options)


def statistics(model):
    return {name: b.clone() for name, b in model.named_buffers() if 'running' in name}


class StopBefore(Hook):
    """Keeps the model's state before the first iteration, and ends the run there."""

    def before_train_epoch(self, runner):
        self.state = copy.deepcopy(runner.model.state_dict())
        raise KeyboardInterrupt


def after_init(dots, work_dir, num_batches):
    """A run that BankInitHook has prepared, and the state of its model then."""
    hooks = [dict(type='BankInitHook', num_batches=num_batches)]
    run, stop = runner(dots, work_dir, 1, hooks), StopBefore()
    run.register_hook(stop)
    with pytest.raises(KeyboardInterrupt):
        run.train()
    return run, stop.state


def test_init_fills_the_banks_as_training_will_see_them(dots, tmp_path):
    run, state = after_init(dots, tmp_path, 99)
    norms = [m for m in run.model.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert norms and all(norm.track_running_stats for norm in norms)
    for norm in norms:
        assert not norm.running_mean.any(), 'batch norm must not remember the pass'
    assert state['head.bank.count'].tolist() == [16] * K
    assert state['head.clutter.filled'] == 64 and state['head.clutter.ptr'] == 16 * 5 - 64
    # the same batches, because they are drawn from (seed, epoch, rank)
    EpochSeedHook().before_train_epoch(run)
    expected = exact_theta(run, 'train')
    torch.testing.assert_close(state['head.bank.theta'], expected, atol=1e-4, rtol=0)


def test_init_takes_the_number_of_batches_that_it_is_told(dots, tmp_path):
    _, state = after_init(dots, tmp_path, 1)
    assert state['head.bank.count'].tolist() == [8] * K


def test_refresh_is_exact_saved_and_idempotent(dots, tmp_path):
    hooks = [dict(type='BankInitHook', num_batches=1), dict(type='BankRefreshHook')]
    run = runner(dots, tmp_path, 2, hooks)
    run.train()
    bank = copy.deepcopy(run.model.head.state_dict())
    torch.testing.assert_close(bank['bank.theta'], exact_theta(run, 'eval'), atol=1e-5, rtol=0)
    assert bank['bank.count'].tolist() == [16] * K

    first, last = (
        torch.load(tmp_path / f'epoch_{epoch}.pth', weights_only=False)['state_dict']
        for epoch in (1, 2)
    )
    for name, value in bank.items():
        assert torch.equal(last[f'head.{name}'], value)
    assert not torch.allclose(first['head.bank.theta'], bank['bank.theta'], atol=1e-3)

    hook = next(hook for hook in run.hooks if type(hook).__name__ == 'BankRefreshHook')
    run.model.train()
    run.train_loop._epoch -= 1  # as it was when the hook ran first
    before = statistics(run.model)
    hook.refresh(run)
    assert run.model.training
    for name, value in run.model.head.state_dict().items():
        assert torch.equal(value, bank[name]), name
    for name, value in statistics(run.model).items():
        assert torch.equal(value, before[name])


def test_refresh_in_iterations_and_with_a_loader_of_its_own(dots, tmp_path):
    example = runner(dots, tmp_path, 1)
    loader = copy.deepcopy(example.cfg.train_dataloader.to_dict())
    loader['dataset']['indices'] = 3
    run = runner(
        dots,
        tmp_path,
        1,
        [dict(type='BankRefreshHook', dataloader=loader)],
        train_cfg=dict(by_epoch=False, max_iters=3),
        default_hooks=dict(checkpoint=dict(type='SafeCheckpointHook', by_epoch=False, interval=1)),
        log_processor=dict(by_epoch=False),
    )
    run.train()
    counts = [
        torch.load(tmp_path / f'iter_{i}.pth', weights_only=False)['state_dict']['head.bank.count']
        for i in (2, 3)
    ]
    assert [count.tolist() for count in counts] == [[16] * K, [3] * K]


@pytest.mark.parametrize('reset, expected', [('epoch', [16] * K), ('never', [48] * K)])
def test_reset_restarts_the_average_every_epoch(dots, tmp_path, reset, expected):
    model = model_config(bank=dict(type='PrototypeBank', mode='cma', reset=reset))
    run = runner(dots, tmp_path, 3, [dict(type='BankResetHook')], **no_training(model=model))
    run.train()
    assert run.model.head.bank.count.tolist() == expected


def test_resumed_run_is_the_whole_run(dots, tmp_path):
    hooks = [dict(type=f'Bank{name}Hook') for name in ('Init', 'Reset', 'Refresh')]
    model = model_config(bank=dict(type='PrototypeBank', mode='cma', reset='never', n_max=20))
    whole = runner(dots, tmp_path / 'whole', 3, hooks, model=model)
    whole.train()
    for name in ('epoch_2.pth', 'last_checkpoint'):
        (tmp_path / 'broken').mkdir(exist_ok=True)
        text = (tmp_path / 'whole' / name).read_bytes()
        (tmp_path / 'broken' / name).write_bytes(text)
    (tmp_path / 'broken' / 'last_checkpoint').write_text(str(tmp_path / 'broken' / 'epoch_2.pth'))
    resumed = runner(dots, tmp_path / 'broken', 3, hooks, model=model, resume=True)
    resumed.train()
    for name, value in whole.model.state_dict().items():
        torch.testing.assert_close(resumed.model.state_dict()[name], value, msg=name)


def test_optimiser_never_touches_the_banks(dots, tmp_path):
    """Weight decay alone would shrink them."""
    optimizer = dict(type='AdamW', lr=1e-3, weight_decay=0.5)
    run = runner(dots, tmp_path, 1, optim_wrapper=dict(optimizer=optimizer))
    run.train()
    trained = {id(p) for group in run.optim_wrapper.param_groups for p in group['params']}
    assert not any(id(buffer) in trained for buffer in run.model.head.buffers())
    torch.testing.assert_close(run.model.head.bank.theta.norm(dim=1), torch.ones(K))


def test_learns_and_answers_in_mmposes_apis(dots, tmp_path):
    """Dots of four colours, from scratch, with the spatial term."""
    hooks = [dict(type='BankInitHook', num_batches=2), dict(type='BankRefreshHook')]
    loss = dict(type='CoKeContrastiveLoss', spatial_weight=1.0)
    quiet = dict(checkpoint=dict(type='SafeCheckpointHook', interval=100))
    run = runner(dots, tmp_path, 15, hooks, model=model_config(loss=loss), default_hooks=quiet)
    run.train()
    assert run.test()['PCK'] > 0.8

    run.cfg.dump(str(tmp_path / 'config.py'))
    cfg = Config.fromfile(tmp_path / 'config.py')
    model = init_model(cfg, str(tmp_path / 'epoch_15.pth'), device='cpu')
    image = str(dots / 'images' / '0.png')
    (sample,) = inference_topdown(model, image, np.array([[8.0, 4, 88, 76]]))
    truth = run.train_dataloader.dataset[0]['data_samples'].gt_instances.keypoints[0]
    found = sample.pred_instances
    assert found.keypoints.shape == (1, K, 2) and found.keypoint_scores.shape == (1, K)
    assert (np.linalg.norm(found.keypoints[0] - truth, axis=1) < 10).sum() >= K - 1
    assert (found.keypoint_scores > 0.5).all() and (found.keypoint_scores < 1).all()

    # An image of background only has none of the keypoints.
    grey = np.random.default_rng(5).integers(90, 130, (80, 96, 3)).astype(np.uint8)
    (empty,) = inference_topdown(model, grey, np.array([[8.0, 4, 88, 76]]))
    assert empty.pred_instances.keypoint_scores.max() < found.keypoint_scores.min()


@pytest.mark.parametrize('name', ['BankInitHook', 'BankResetHook', 'BankRefreshHook'])
def test_model_without_a_coke_head(tmp_path, name):
    with pytest.raises(TypeError, match=f'{name} fills the banks of a CoKeHead, .* is a NoneType'):
        toy_runner(tmp_path, hooks=[dict(type=name)]).train()


def test_bad_number_of_batches():
    with pytest.raises(ValueError, match='BankInitHook.num_batches is 0'):
        HOOKS.build(dict(type='BankInitHook', num_batches=0))


def test_reset_every_epoch_needs_its_hook(dots, tmp_path):
    model = model_config(bank=dict(type='PrototypeBank', mode='cma', reset='epoch'))
    run = runner(dots, tmp_path, 1, [dict(type='BankRefreshHook')], model=model)
    with pytest.raises(ValueError, match="reset is 'epoch', which needs .*BankResetHook"):
        run.train()


def hide(root, target, hidden):
    """The dots with some keypoints far outside of all images."""
    content = json.loads((root / 'ann.json').read_text())
    for record in content['annotations']:
        for k in hidden:
            record['keypoints'][3 * k : 3 * k + 3] = [5000, 5000, 2]
    (target / 'images').symlink_to(root / 'images')
    write_json(target / 'ann.json', content)
    return target


def test_keypoints_that_no_image_shows_are_named(dots, tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(
        'kpt_plugins.engine.hooks.bank_pass.print_log',
        lambda text, logger, level=logging.INFO: said.append((level, text)),
    )
    root = hide(dots, tmp_path, [2])
    hooks = [dict(type='BankInitHook'), dict(type='BankRefreshHook')]
    run = runner(root, tmp_path / 'run', 1, hooks)
    run.train()
    name = run.train_dataloader.dataset.metainfo['keypoint_id2name'][2]
    for done, (first, second) in zip(
        ('initialised', 'refreshed'), (said[:2], said[2:]), strict=True
    ):
        assert first == (logging.INFO, f'3 of 4 prototypes {done}')
        assert second[0] == logging.WARNING and second[1].endswith(f'shows them: {name}')
    assert not run.model.head.bank.theta[2].any()


def test_nothing_to_learn_from(dots, tmp_path):
    run = runner(hide(dots, tmp_path, range(K)), tmp_path / 'run', 1, [dict(type='BankInitHook')])
    with pytest.raises(ValueError, match='no prototype is initialised: none of the images'):
        run.train()


def test_repeated_images_count_once(dots, tmp_path):
    """16 images for three processes: the third sees the first two again."""
    run = runner(dots, tmp_path, 1, [])
    run.train()
    loader, numbers = run.train_dataloader, []
    sampler = loader.sampler
    for rank in range(3):
        sampler.world_size, sampler.rank, sampler.num_samples = 3, rank, 6
        sampler.total_size = 18
        fill_banks(run, run.model, loader)
        numbers.append(run.model.head.bank.count.tolist())
    assert numbers == [[6] * K, [5] * K, [5] * K]
