"""The import-time repairs, each with the fault that it repairs."""

import importlib
import importlib.util
import pickle
import subprocess
import sys
import textwrap
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from mmcv.utils.ext_loader import check_ops_exist
from mmengine.config import Config
from mmpose.datasets.datasets.utils import parse_pose_metainfo

from kpt_plugins import compat

ROOT = Path(__file__).resolve().parents[1]


def slow_nms(boxes, scores, iou_threshold, offset):
    """Textbook suppression, box by box in Python floats."""

    def area(box):
        return max(box[2] - box[0] + offset, 0) * max(box[3] - box[1] + offset, 0)

    kept = []
    for i in sorted(range(len(scores)), key=lambda i: -scores[i]):
        for j in kept:
            low = [max(boxes[i][d], boxes[j][d]) for d in (0, 1)]
            high = [min(boxes[i][d], boxes[j][d]) for d in (2, 3)]
            inter = area([*low, *high])
            union = area(boxes[i]) + area(boxes[j]) - inter
            if union > 0 and inter / union > iou_threshold:
                break
        else:
            kept.append(i)
    return kept


@pytest.mark.parametrize('offset', [0, 1])
@pytest.mark.parametrize('count', [0, 1, 2, 60])
def test_greedy_nms_equals_the_slow_one(count, offset):
    generator = torch.Generator().manual_seed(count)
    corner = torch.randint(0, 30, (count, 2), generator=generator).double()
    size = torch.randint(0, 25, (count, 2), generator=generator).double()
    boxes = torch.cat([corner, corner + size], dim=1)
    # Few distinct scores: among equal ones the first box wins.
    scores = torch.randint(0, 9, (count,), generator=generator).double()
    kept = compat.greedy_nms(boxes, scores, 0.3, offset)
    assert kept.tolist() == slow_nms(boxes.tolist(), scores.tolist(), 0.3, offset)
    if count == 60:
        assert 1 < len(kept) < count


def test_greedy_nms_keeps_a_box_exactly_at_the_threshold():
    boxes = torch.tensor([[0.0, 0, 2, 1], [0.0, 0, 1, 1]])  # IoU 0.5
    scores = torch.tensor([0.9, 0.8])
    assert compat.greedy_nms(boxes, scores, 0.5).tolist() == [0, 1]
    assert compat.greedy_nms(boxes, scores, 0.49).tolist() == [0]


@pytest.fixture
def placeholder(monkeypatch):
    """The placeholder in use, whether or not operators are installed."""
    module = compat.MissingOps('mmcv was installed without compiled operators')
    monkeypatch.setitem(sys.modules, 'mmcv._ext', module)
    return module


def test_placeholder_explains_itself_when_an_operator_is_called(placeholder):
    with pytest.raises(RuntimeError, match="'roi_align_forward'.*without.*MMCV_OPS=1"):
        placeholder.roi_align_forward(1, 2, aligned=True)


def test_placeholder_is_found_by_imports_but_not_taken_for_operators(placeholder):
    assert importlib.import_module('mmcv._ext') is placeholder
    assert importlib.util.find_spec('mmcv._ext') is placeholder.__spec__
    assert compat.compiled_ops() == 'none'
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', DeprecationWarning)  # of pkgutil, in Python 3.12
        assert not check_ops_exist()


def test_placeholder_has_a_working_nms(placeholder):
    boxes = torch.tensor([[0.0, 0, 10, 10], [1.0, 1, 10, 10], [20.0, 20, 30, 30]])
    scores = torch.tensor([0.5, 0.9, 0.7])
    kept = placeholder.nms(boxes, scores, iou_threshold=0.5, offset=0)
    assert kept.tolist() == [1, 2]


def test_operators_that_do_not_load_are_reported_with_their_error(monkeypatch):
    def broken(name):
        raise ImportError('undefined symbol: _ZN2at4_ops5zeros4callE')

    monkeypatch.delitem(sys.modules, 'mmcv._ext', raising=False)
    monkeypatch.setattr(compat.importlib, 'import_module', broken)
    assert compat.repair_mmcv_ops()
    placeholder = sys.modules['mmcv._ext']
    monkeypatch.setitem(sys.modules, 'mmcv._ext', placeholder)  # undone after the test
    with pytest.raises(RuntimeError, match='do not load.*undefined symbol: _ZN2at'):
        placeholder.nms_match()


def test_other_errors_of_torchvision_are_not_swallowed(monkeypatch):
    def broken(name):
        raise RuntimeError('something else')

    monkeypatch.setattr(compat.importlib, 'import_module', broken)
    with pytest.raises(RuntimeError, match='something else'):
        compat.repair_torchvision()


def test_a_missing_package_is_named(monkeypatch):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        compat.importlib.util, 'find_spec', lambda n: None if n == 'mmpose' else find_spec(n)
    )
    with pytest.raises(ImportError, match='needs mmpose.*tools/doctor.py'):
        compat.apply()


def test_numpy_values_in_checkpoints_load_without_unpickling_code(tmp_path):
    path = tmp_path / 'epoch_1.pth'
    arrays = [np.arange(3).astype(dtype) for dtype in ('u1', 'i4', 'f4', 'f8', '?', 'i8', 'u4')]
    content = dict(arrays=arrays, scalars=[a[1] for a in arrays], empty=np.zeros((0, 3), 'u1'))
    torch.save(content, path)

    before = torch.serialization.get_safe_globals()
    try:
        torch.serialization.clear_safe_globals()
        with pytest.raises(pickle.UnpicklingError):
            torch.load(path, weights_only=True)
        compat.trust_numpy_types()
        loaded = torch.load(path, weights_only=True)
    finally:
        torch.serialization.clear_safe_globals()
        torch.serialization.add_safe_globals(before)
    for array, scalar, original in zip(loaded['arrays'], loaded['scalars'], arrays, strict=True):
        assert array.dtype == original.dtype and (array == original).all()
        assert scalar == original[1]
    assert loaded['empty'].shape == (0, 3)


class Malicious:
    def __reduce__(self):
        return (print, ('this must never be printed',))


def test_foreign_code_is_still_refused(tmp_path, capsys):
    torch.save(dict(state_dict=Malicious()), tmp_path / 'bad.pth')
    compat.trust_numpy_types()
    with pytest.raises(pickle.UnpicklingError):
        torch.load(tmp_path / 'bad.pth', weights_only=True)
    assert capsys.readouterr().out == ''


def test_import_where_neither_torchvision_nor_mmcv_has_compiled_parts():
    """The worst machine: everything of ours and of MMPose must still import and register."""
    code = """
        import sys, warnings
        warnings.simplefilter('ignore')
        import torch

        class NoOps:
            def find_spec(self, name, path=None, target=None):
                if name == 'mmcv._ext':
                    raise ModuleNotFoundError(name, name=name)

        def no_library(path):
            raise OSError('undefined symbol')

        sys.meta_path.insert(0, NoOps())
        torch.ops.load_library = no_library
        try:
            import torchvision
        except RuntimeError as error:
            assert 'torchvision::nms' in str(error), error
        else:
            raise SystemExit('the fault is not there: this test shows nothing')

        import kpt_plugins
        from mmpose.utils import register_all_modules
        from mmpose.registry import MODELS
        register_all_modules()
        assert kpt_plugins.compat.repair_torchvision()
        assert kpt_plugins.compat.compiled_ops() == 'none'
        assert MODELS.get('EDPoseHead') is not None
        import torchvision
        torchvision.models.resnet18()
        boxes = torch.tensor([[0., 0, 9, 9], [0., 0, 9, 8], [20., 20, 29, 29]])
        scores = torch.tensor([.1, .2, .3])
        assert torch.ops.torchvision.nms(boxes, scores, .5).tolist() == [2, 1]
        from mmcv.ops import batched_nms
        kept = batched_nms(boxes, scores, torch.zeros(3), dict(type='nms', iou_threshold=.5))[1]
        assert kept.tolist() == [2, 1]
        print('all imported')
    """
    command = [sys.executable, '-c', textwrap.dedent(code)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr[-3000:]
    assert 'all imported' in done.stdout


def test_a_written_config_keeps_the_order_of_numbers(tmp_path):
    names = [f'{side}_{i}' for i in range(7) for side in ('left', 'right')]
    other = dict(left='right', right='left')
    swap = [f'{other[side]}_{i}' for side, i in (name.split('_') for name in names)]
    info = {i: dict(name=n, id=i, swap=s) for i, (n, s) in enumerate(zip(names, swap, strict=True))}
    metainfo = dict(
        dataset_name='a',
        keypoint_info=info,
        skeleton_info={i: dict(link=(names[i], names[i + 1]), id=i) for i in range(13)},
        joint_weights=[1.0] * 14,
        sigmas=[0.025] * 14,
    )
    cfg = Config(dict(metainfo=metainfo, more=dict(b=1, a={'x-y': 1, 2: 3})))
    (tmp_path / 'written.py').write_text(cfg.pretty_text)
    written = Config.fromfile(tmp_path / 'written.py')
    assert written.to_dict() == cfg.to_dict()
    found = parse_pose_metainfo(written.metainfo)
    assert found['flip_indices'] == [i ^ 1 for i in range(14)]
    assert found['skeleton_links'] == [(i, i + 1) for i in range(13)]
    assert list(found['keypoint_id2name'].values()) == names
    assert cfg.pretty_text.index('metainfo') < cfg.pretty_text.index('more')
