"""Writing the dataset: layout, validity, determinism, resumption, refusal."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from kpt_plugins.datasets import MP100Dataset
from kpt_plugins.synthesis import Plan, dataset, generate_dataset
from kpt_plugins.synthesis.dataset import SPLITS

PLAN = Plan(seed=1, size=64, categories=(4, 1, 3), images=(5, 3, 4))
TOTAL = 4 * 5 + 3 + 3 * 4


def content(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob('*') if p.is_file()}


@pytest.fixture(scope='module')
def unbroken(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp('synth')
    assert generate_dataset(root, PLAN, progress=False) == TOTAL
    return root


def test_layout_and_validity(unbroken):
    image_ids, annotation_ids, category_ids, files = [], [], [], []
    for split, images in zip(SPLITS, PLAN.images, strict=True):
        data = json.loads((unbroken / f'annotations/synth_{split}.json').read_text())
        assert data['info']['skeleton_base'] == 0 and data['info']['seed'] == 1
        categories = {c['id']: c for c in data['categories']}
        assert len(categories) == len(PLAN.category_indices(split))
        assert len(data['images']) == len(data['annotations']) == images * len(categories)
        sizes = {i['id']: i for i in data['images']}
        for annotation in data['annotations']:
            image, category = sizes[annotation['image_id']], categories[annotation['category_id']]
            assert image['file_name'].startswith(category['name'] + '/')
            assert (image['width'], image['height']) == (64, 64)
            points = np.array(annotation['keypoints']).reshape(-1, 3)
            assert len(points) == len(category['keypoints'])
            assert annotation['num_keypoints'] == (points[:, 2] > 0).sum() > 0
            x, y, w, h = annotation['bbox']
            assert w > 5 and h > 5 and annotation['area'] == pytest.approx(w * h, abs=0.01)
            assert annotation['iscrowd'] == 0
        image_ids += sizes
        annotation_ids += [a['id'] for a in data['annotations']]
        category_ids += categories
        files += [i['file_name'] for i in data['images']]
    assert len(set(image_ids)) == len(set(annotation_ids)) == len(set(files)) == TOTAL
    assert sorted(category_ids) == list(range(1, 9))
    on_disk = sorted(str(p.relative_to(unbroken / 'images')) for p in unbroken.rglob('*.jpg'))
    assert on_disk == sorted(files)
    assert not (unbroken / '.partial').exists()
    for name in on_disk:
        assert cv2.imread(str(unbroken / 'images' / name)).shape == (64, 64, 3)


def test_the_loader_reads_it(unbroken):
    data = MP100Dataset(ann_file='annotations/synth_test.json', data_root=str(unbroken))
    assert len(data) == 12 and len(data.categories) == 3
    written = json.loads((unbroken / 'annotations/synth_test.json').read_text())
    for category, record in zip(data.categories.values(), written['categories'], strict=True):
        assert category.num_keypoints == len(record['keypoints'])
        assert category.skeleton.tolist() == record['skeleton']
        assert [list(pair) for pair in category.flip_pairs] == record['flip_pairs']
    record = data.get_data_info(5)
    assert record['keypoints'].shape == (1, len(record['keypoint_names']), 2)


def test_workers_and_counts_do_not_change_the_images(unbroken, tmp_path):
    more = Plan(seed=1, size=64, categories=(4, 1, 3), images=(6, 3, 4))
    generate_dataset(tmp_path, more, workers=2, progress=False)
    before, after = content(unbroken), content(tmp_path)
    images = [name for name in before if name.endswith('.jpg')]
    assert all(after[name] == before[name] for name in images)
    assert sum(name.endswith('.jpg') for name in after) == TOTAL + 4
    test = 'annotations/synth_test.json'
    assert json.loads(after[test])['annotations'] == json.loads(before[test])['annotations']


def test_second_run_renders_nothing_and_a_lost_image_returns(unbroken):
    before = content(unbroken)
    assert generate_dataset(unbroken, PLAN, progress=False) == 0
    lost = unbroken / 'images/quadruped_00/000003.jpg'
    lost.unlink()
    assert generate_dataset(unbroken, PLAN, progress=False) == 1
    assert content(unbroken) == before


def test_goes_on_after_an_error(unbroken, tmp_path, monkeypatch):
    monkeypatch.setattr(dataset, '_CHUNK', 2)
    real, calls = dataset.render_instance, []

    def failing(category, index):
        if len(calls) == 13:
            raise OSError('No space left on device')
        calls.append((category.index, index))
        return real(category, index)

    monkeypatch.setattr(dataset, 'render_instance', failing)
    with pytest.raises(OSError, match='No space left'):
        generate_dataset(tmp_path, PLAN, progress=False)
    assert not (tmp_path / 'manifest.json').exists()
    assert not (tmp_path / 'annotations').exists()
    monkeypatch.setattr(dataset, 'render_instance', real)
    rendered = generate_dataset(tmp_path, PLAN, progress=False)
    assert TOTAL - 13 <= rendered <= TOTAL - 11
    assert content(tmp_path) == content(unbroken)


def _generate(root: Path, plan: Plan) -> None:
    generate_dataset(root, plan, workers=2, progress=False)


@pytest.mark.skipif(sys.platform != 'linux', reason='reads /proc, forks')
def test_goes_on_after_a_kill_and_leaves_no_workers(tmp_path, monkeypatch):
    monkeypatch.setattr(dataset, '_CHUNK', 4)
    plan = Plan(seed=1, size=64, categories=(4, 1, 3), images=(60, 8, 8))
    process = multiprocessing.get_context('fork').Process(target=_generate, args=(tmp_path, plan))
    process.start()
    deadline = time.monotonic() + 60
    while len(list(tmp_path.rglob('*.jpg'))) < 12 and time.monotonic() < deadline:
        time.sleep(0.005)
    workers = Path(f'/proc/{process.pid}/task/{process.pid}/children').read_text().split()
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert workers
    assert not (tmp_path / 'manifest.json').exists()
    while any(_runs(pid) for pid in workers) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not any(_runs(pid) for pid in workers)

    total = 4 * 60 + 4 * 8
    rendered = generate_dataset(tmp_path, plan, progress=False)
    assert 0 < rendered < total
    assert len(list(tmp_path.rglob('*.jpg'))) == total
    fresh = tmp_path / 'fresh'
    generate_dataset(fresh, plan, progress=False)
    resumed = {k: v for k, v in content(tmp_path).items() if not k.startswith('fresh')}
    assert {k for k in resumed if Path(k).name[0] != '.'} == set(content(fresh))
    assert all(resumed[k] == v for k, v in content(fresh).items())


def _runs(pid: str) -> bool:
    try:
        return Path(f'/proc/{pid}/stat').read_text().rsplit(')', 1)[1].split()[0] != 'Z'
    except FileNotFoundError:
        return False


def test_refuses_another_dataset_and_force_replaces_only_its_own_files(tmp_path):
    small = Plan(seed=1, size=64, categories=(1, 1, 1), images=(2, 1, 1))
    generate_dataset(tmp_path, small, progress=False)
    mine = tmp_path / 'images/my_cat/photo.jpg'
    mine.parent.mkdir()
    mine.write_bytes(b'mine')
    before = content(tmp_path)
    other = Plan(seed=2, size=64, categories=(1, 1, 1), images=(1, 1, 1))
    with pytest.raises(FileExistsError, match='other arguments.*\n.*"?seed.*\n.*seed'):
        generate_dataset(tmp_path, other, progress=False)
    assert content(tmp_path) == before
    generate_dataset(tmp_path, other, force=True, progress=False)
    assert mine.read_bytes() == b'mine'
    assert len(list((tmp_path / 'images').rglob('0*.jpg'))) == 3
    assert json.loads((tmp_path / 'manifest.json').read_text())['seed'] == 2


def test_refuses_an_interrupted_run_with_other_arguments(tmp_path, monkeypatch):
    def failing(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(dataset, 'render_instance', failing)
    with pytest.raises(KeyboardInterrupt):
        generate_dataset(tmp_path, PLAN, progress=False)
    with pytest.raises(FileExistsError, match='other arguments'):
        generate_dataset(tmp_path, Plan(seed=9, size=64), progress=False)


def test_refuses_annotations_without_a_manifest(unbroken, tmp_path):
    (tmp_path / 'annotations').mkdir()
    (tmp_path / 'annotations/synth_train.json').write_text('{}')
    with pytest.raises(FileExistsError, match='no manifest'):
        generate_dataset(tmp_path, PLAN, progress=False)


def test_unreadable_manifest_is_named(tmp_path):
    (tmp_path / 'manifest.json').write_text('{"seed"')
    with pytest.raises(ValueError, match='manifest.json: not valid JSON'):
        generate_dataset(tmp_path, PLAN, progress=False)


@pytest.mark.parametrize(
    'arguments, message',
    [
        (dict(size=32), 'size: 32'),
        (dict(seed=-1), 'seed: -1'),
        (dict(images=(1, 2)), r'images: \(1, 2\)'),
        (dict(categories=(1, -2, 3)), 'categories'),
        (dict(images=(10**7, 1, 1)), 'images'),
    ],
)
def test_bad_plans_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Plan(**arguments)
