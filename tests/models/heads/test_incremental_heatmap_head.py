"""Growth of a head, and its loss on new keypoints alone."""

import pytest
import torch
from mmengine.model import BaseModule
from mmengine.runner import load_state_dict as mmengine_load
from mmengine.structures import InstanceData, PixelData
from mmpose.models.heads import HeatmapHead
from mmpose.models.losses import KeypointMSELoss
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample
from torch import nn

from kpt_plugins.models.heads import IncrementalHeatmapHead

OLD, ALL = 5, 8
SHAPES = dict(
    hrnet=dict(in_channels=32, deconv_out_channels=None),
    resnet=dict(in_channels=24, deconv_out_channels=(16, 16), deconv_kernel_sizes=(4, 4)),
    vit=dict(
        in_channels=24,
        deconv_out_channels=(16,),
        deconv_kernel_sizes=(4,),
        conv_out_channels=(12,),
        conv_kernel_sizes=(3,),
        final_layer=dict(kernel_size=3, padding=1),
    ),
)


def old_head(shape):
    """As trained: no weight is zero, batch norm has seen something."""
    torch.manual_seed(1)
    head = HeatmapHead(out_channels=OLD, **SHAPES[shape])
    for parameter in head.parameters():
        nn.init.normal_(parameter, std=0.3)
    for module in head.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    return head.eval()


def new_head(shape, **options):
    torch.manual_seed(2)
    config = dict(type='IncrementalHeatmapHead', num_old=OLD, out_channels=ALL, **SHAPES[shape])
    head = MODELS.build(dict(config, **options))
    head.init_weights()
    return head.eval()


def features(shape, size=8):
    channels = SHAPES[shape]['in_channels']
    return (torch.randn(2, channels, size, size, generator=torch.Generator().manual_seed(3)),)


@pytest.mark.parametrize('shape', SHAPES)
@pytest.mark.parametrize('loader', ['torch', 'mmengine'])
def test_old_keypoints_are_the_same_to_the_bit(shape, loader):
    old, new = old_head(shape), new_head(shape)
    before = {k: v.clone() for k, v in new.final_layer.state_dict().items()}
    if loader == 'torch':
        new.load_state_dict(old.state_dict(), strict=True)
    else:
        mmengine_load(new, old.state_dict(), strict=True)
    with torch.no_grad():
        for size in (8, 64):
            feats = features(shape, size)
            assert torch.equal(new(feats)[:, :OLD], old(feats))
    for name, value in new.final_layer.state_dict().items():
        assert torch.equal(value[:OLD], old.final_layer.state_dict()[name])
        assert torch.equal(value[OLD:], before[name][OLD:])


def test_new_rows_start_small():
    head = new_head('hrnet')
    head.load_state_dict(old_head('hrnet').state_dict())
    rows = head.final_layer.weight[OLD:]
    assert 5e-4 < rows.std() < 2e-3
    assert not head.final_layer.bias[OLD:].any()


@pytest.mark.parametrize('shape', SHAPES)
def test_inside_a_model_and_back_to_a_stock_head(shape):
    class Model(BaseModule):
        def __init__(self, head):
            super().__init__()
            self.head = head

    model = Model(new_head(shape))
    state = Model(old_head(shape)).state_dict()
    given = dict(state)
    model.load_state_dict(state, strict=True)
    assert list(state) == list(given) and all(state[key] is given[key] for key in given)
    stock = Model(HeatmapHead(out_channels=ALL, **SHAPES[shape])).eval()
    stock.load_state_dict(model.state_dict(), strict=True)
    assert list(stock.state_dict()) == list(model.state_dict())
    with torch.no_grad():
        torch.testing.assert_close(stock.head(features(shape)), model.head(features(shape)))
    # and back, for a resumed run
    again = Model(new_head(shape))
    again.load_state_dict(stock.state_dict(), strict=True)
    assert torch.equal(again.head.final_layer.weight, stock.head.final_layer.weight)


def test_grown_parameters_train_alike():
    head = new_head('resnet')
    head.load_state_dict(old_head('resnet').state_dict())
    head(features('resnet')).sum().backward()
    assert head.final_layer.weight.grad.flatten(1).any(1).all()


def test_checkpoint_of_the_old_format():
    """Heads before MMPose 1.0 keep their inner convolutions in ``final_layer``."""
    state = old_head('vit').state_dict()
    old_names = {
        'final_layer.weight': 'final_layer.3.weight',
        'final_layer.bias': 'final_layer.3.bias',
    }
    old_format = {
        old_names.get(key, key.replace('conv_layers.', 'final_layer.') if key[0] == 'c' else key): v
        for key, v in state.items()
    }
    assert 'final_layer.0.weight' in old_format
    new = new_head('vit')
    new.load_state_dict(old_format, strict=True)
    with torch.no_grad():
        assert torch.equal(new(features('vit'))[:, :OLD], old_head('vit')(features('vit')))


@pytest.mark.parametrize('rows', [1, OLD - 1, OLD + 1, ALL + 1])
@pytest.mark.parametrize('loader', [nn.Module.load_state_dict, mmengine_load])
def test_wrong_number_of_rows(rows, loader):
    head = new_head('hrnet')
    state = HeatmapHead(out_channels=rows, **SHAPES['hrnet']).state_dict()
    with pytest.raises(ValueError, match=f'final_layer.weight .* {rows} rows.* 5 .* or 8 '):
        loader(head, state)


def test_wrong_key_names_its_place_in_the_model():
    model = nn.Sequential(new_head('hrnet'))
    state = {'0.final_layer.weight': torch.zeros(3, 32, 1, 1)}
    with pytest.raises(ValueError, match=r'^0\.final_layer\.weight of the checkpoint has 3 rows'):
        model.load_state_dict(state)


def test_wrong_inputs():
    """Without strictness a loader would only warn, and leave the old rows random."""
    state = HeatmapHead(24, OLD, deconv_out_channels=None).state_dict()
    with pytest.raises(
        ValueError, match=r'shape \(5, 24, 1, 1\); expected \(keypoints, 32, 1, 1\)'
    ):
        mmengine_load(new_head('hrnet'), state, strict=False)


def test_checkpoint_without_a_head():
    head = new_head('hrnet')
    before = head.final_layer.weight.clone()
    head.load_state_dict({}, strict=False)
    assert torch.equal(head.final_layer.weight, before)


@pytest.mark.parametrize('num_old', [-1, ALL, ALL + 1])
def test_wrong_num_old(num_old):
    with pytest.raises(ValueError, match=f'num_old is {num_old} of out_channels=8'):
        new_head('hrnet', num_old=num_old)


def test_nothing_to_grow():
    with pytest.raises(ValueError, match='final_layer is None'):
        IncrementalHeatmapHead(1, in_channels=4, out_channels=2, final_layer=None)


def samples(batch=2, keypoints=ALL):
    generator = torch.Generator().manual_seed(4)
    made = []
    for _ in range(batch):
        sample = PoseDataSample()
        heatmaps = torch.rand(keypoints, 8, 8, generator=generator)
        sample.gt_fields = PixelData(heatmaps=heatmaps)
        weights = (torch.rand(1, keypoints, generator=generator) < 0.7).float()
        sample.gt_instance_labels = InstanceData(keypoint_weights=weights)
        made.append(sample)
    return made


@pytest.mark.parametrize('all_keypoints', [False, True])
def test_loss_is_that_of_the_new_keypoints(all_keypoints):
    head = new_head('hrnet', loss=dict(type='KeypointMSELoss', use_target_weight=True))
    feats, data = features('hrnet'), samples()
    first = 0 if all_keypoints else OLD
    heatmaps = head(feats).detach().requires_grad_()
    losses = head.keypoint_loss(heatmaps, data, all_keypoints=all_keypoints)
    total, count = 0.0, 0
    for b, sample in enumerate(data):
        for k in range(first, ALL):
            weight = sample.gt_instance_labels.keypoint_weights[0, k]
            total += weight * (heatmaps[b, k] - sample.gt_fields.heatmaps[k]).square().sum()
            count += 64
    assert losses['loss_kpt'].item() == pytest.approx((total / count).item(), rel=1e-5)
    assert 0 <= losses['acc_pose'] <= 1
    losses['loss_kpt'].backward()
    assert not heatmaps.grad[:, :first].any()
    if not all_keypoints:
        same = head.loss(feats, data, {})
        assert same['loss_kpt'].item() == losses['loss_kpt'].item()
        assert same['acc_pose'] == losses['acc_pose']


def test_accuracy_is_of_the_new_keypoints():
    head, data = new_head('hrnet'), samples()
    heatmaps = torch.stack([sample.gt_fields.heatmaps for sample in data])
    heatmaps[:, :OLD] = heatmaps[:, :OLD].flip(-1)
    assert head.keypoint_loss(heatmaps, data)['acc_pose'] == 1
    assert head.keypoint_loss(heatmaps, data, all_keypoints=True)['acc_pose'] < 1
    assert 'acc_pose' not in head.keypoint_loss(heatmaps, data, dict(compute_acc=False))


def test_without_old_keypoints_it_is_a_heatmap_head():
    head = new_head('hrnet', num_old=0)
    stock = HeatmapHead(out_channels=ALL, **SHAPES['hrnet'])
    stock.load_state_dict(head.state_dict())
    losses = head.loss(features('hrnet'), samples())
    expected = stock.loss(features('hrnet'), samples())
    assert losses['loss_kpt'] == expected['loss_kpt']
    assert isinstance(head.loss_module, KeypointMSELoss)


def test_targets_of_other_keypoints():
    head = new_head('hrnet')
    with pytest.raises(ValueError, match='targets have heatmaps of 3 keypoints.*out_channels=8'):
        head.loss(features('hrnet'), samples(keypoints=3))
