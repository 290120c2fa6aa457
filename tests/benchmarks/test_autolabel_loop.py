"""The labelling loop's benchmark: who learns from what, what is left to do, table and figure."""

import json
from pathlib import Path

import click
import pytest

from kpt_plugins.cli.main import kpt
from tests.helpers import coco_file, write_coco
from tests.tools.tool import load_tool

from .loading import load_benchmark

loop = load_benchmark('autolabel_loop')
report = load_benchmark('autolabel_report')


@pytest.fixture
def weights(tmp_path):
    (tmp_path / 'w.pth').write_bytes(b'weights')
    return tmp_path / 'w.pth'


@pytest.fixture
def data(tmp_path, monkeypatch):
    """A root like that of livestock, with six images to train on and two to test on."""
    root = tmp_path / 'root'
    for part, number in (('train', 6), ('test', 2)):
        content = coco_file(num_images=number)
        for image in content['images']:
            image['file_name'] = f'sheep/{part}{image["file_name"]}'
        write_coco(root, content).rename(root / f'sheep_{part}.json')
    (root / 'annotations').mkdir()
    for part in ('train', 'test'):
        (root / f'sheep_{part}.json').rename(root / 'annotations' / f'sheep_{part}.json')
    monkeypatch.setattr(loop, 'load_config', lambda path: type('C', (), dict(data_root=str(root))))
    return loop.Data.load('sheep', loop.Budget())


def make_run(root, weights, arm='loop', shots=2, **budget):
    return loop.Run(arm, 6, shots, 0, loop.Budget(epochs=3, **budget), root, 'sheep', weights)


def names(content):
    return [image['file_name'] for image in content['images']]


def test_splits_are_nested_and_nothing_is_in_both(data):
    assert data.images.name == 'sheep' and names(data.test) == ['test0.png', 'test1.png']
    human, others = data.split(2, seed=0)
    assert sorted(names(human) + names(others)) == [f'train{i}.png' for i in range(6)]
    assert names(data.split(4, seed=0)[0])[:2] == names(human)
    assert names(data.split(6, seed=1)[0]) != names(data.split(6, seed=0)[0])
    for part in (human, others):
        assert [a['image_id'] for a in part['annotations']] == [i['id'] for i in part['images']]


def test_neighbouring_frames_are_counted(data):
    for image, source in zip(data.train['images'], ('a_3_png.rf.1', 'b_7_png.rf.2'), strict=False):
        image['source'] = source
    sources = ('a_4_png.rf.5', 'b_9_png.rf.6')
    for image, source in zip(data.test['images'], sources, strict=True):
        image['source'] = source
    assert data.neighbours() == 1
    data.test['images'][1]['source'] = 'b_6_png.rf.7'
    assert data.neighbours() == 2


def test_as_many_iterations_for_all():
    assert [loop.epoch_iterations(n) for n in (1, 5, 50, 462)] == [50, 50, 50, 58]
    budget = loop.Budget(epochs=20)
    epochs = [
        loop.Run(arm, 462, 5, 0, budget, Path(), 'sheep', None).epochs
        for arm in ('loop', 'few', 'all')
    ]
    assert epochs == [20, 23, 20]


def test_fewer_images(data):
    small = loop.Data.load('sheep', loop.Budget(train_images=3, test_images=1))
    assert (len(small.train['images']), len(small.test['annotations'])) == (3, 1)


@pytest.mark.parametrize('arm', ['loop', 'few', 'all'])
def test_commands_are_understood(data, tmp_path, weights, arm):
    steps = make_run(tmp_path, weights, arm).steps(data.images)
    second = ['second/label', 'second/train', 'second/test'] if arm == 'few' else []
    assert list(steps) == (['label'] if arm == 'loop' else []) + ['train', 'test'] + second
    given = {}
    for name, (_, tool, *args) in steps.items():
        if Path(tool).stem == 'kpt':
            command = kpt.get_command(click.Context(kpt), args[0])
            given[name] = command.make_context(args[0], args[1:]).params
    train = given['train']
    assert train['epochs'] == 3 and train['input_size'] == (128, 128) and train['resume']
    assert train['backbone_of'] == str(weights)
    if arm == 'loop':
        label = given['label']
        assert label['support'].endswith('supports.json') and label['shots'] == 5
        assert train['annotations'].startswith(label['out'])
        assert train['annotated'].endswith('human.json')
        assert label['boxes'].endswith('others.json') and train['min_keypoint_score'] == 0.3
    else:
        assert train['annotations'].endswith('human.json') and not train['annotated']
    if arm == 'few':
        label, again = given['second/label'], given['second/train']
        assert label['weights'] == str(Path(train['work_dir']) / f'epoch_{train["epochs"]}.pth')
        assert label['support'] is None and label['out'].endswith('second/labels')
        assert again['annotations'].startswith(label['out']) and again['min_keypoint_score'] == 0.3
        assert again['annotated'] == train['annotations'] and 'second' in again['work_dir']
    args = load_tool('test').parse_args(steps['test'][2:])
    assert args.config == str(Path(train['work_dir']) / 'detector.py')
    assert args.checkpoint == str(Path(train['work_dir']) / 'epoch_3.pth')
    assert args.cfg_options['test_dataloader.dataset.ann_file'].endswith('test.json')


def test_corrected_images_alone(data, tmp_path, weights):
    run = make_run(tmp_path, weights, shots=3, supports=1)
    steps = run.steps(data.images)
    assert list(steps) == ['label', 'train', 'test', 'chosen/train', 'chosen/test']
    command = kpt.get_command(click.Context(kpt), 'train-detector')
    train = command.make_context('', steps['chosen/train'][3:]).params
    assert train['annotations'] == str(run.folder / 'human.json') and not train['annotated']
    assert train['work_dir'] == str(run.results['chosen'] / 'detector')
    assert steps['chosen/test'][2] == str(Path(train['work_dir']) / 'detector.py')
    few = make_run(tmp_path, weights, 'few', shots=3)
    assert train['epochs'] == run.epochs_alone == few.epochs


@pytest.fixture
def recorded(monkeypatch):
    """Files instead of what the tools would do."""
    commands = []

    def run(self, command, log, lock):
        folder, name = log.parent, command[2] if 'kpt' in command[1] else 'test'
        inner = folder.name if folder.name in ('second', 'chosen') else ''
        owner = folder.parent if inner else folder
        if 'few_1_seed1' in owner.name and name == 'test':
            raise RuntimeError('broken')
        commands.append((owner.name, f'{inner} {name}'.strip()))
        if name == 'autolabel':
            labels = json.loads((owner / 'others.json').read_text())
            for annotation in labels['annotations']:
                annotation['score'] = annotation['image_id'] / 10
            (folder / 'labels').mkdir()
            (folder / 'labels' / 'annotations.json').write_text(json.dumps(labels))
        elif name == 'test':
            score = 0.9 if 'all' in folder.name else 0.5 if 'loop' in folder.name else 0.3
            score = dict(second=0.4, chosen=0.35).get(inner, score)
            (folder / 'scores.json').write_text(json.dumps(dict(test=dict(PCK=score))))

    monkeypatch.setattr(loop.Processes, 'run', run)
    return commands


def test_from_runs_to_table_and_figure(data, tmp_path, weights, recorded):
    arguments = ['--weights', weights, '--shots', 1, 2, '--seeds', 0, 1, '--jobs', 1]
    arguments += ['--work-dir', tmp_path / 'runs', '--out', tmp_path / 'out' / 'loop']
    with pytest.raises(SystemExit, match='sheep_few_1_seed1: broken'):
        loop.main(list(map(str, arguments)))
    assert [c for f, c in recorded if f == 'sheep_loop_2_seed0'] == [
        'autolabel',
        'train-detector',
        'test',
    ]
    assert [c for f, c in recorded if f == 'sheep_few_2_seed0'] == [
        'train-detector',
        'test',
        'second autolabel',
        'second train-detector',
        'second test',
    ]
    results = json.loads((tmp_path / 'out' / 'loop.json').read_text())
    assert results['missing'] == ['sheep_few_1_seed1', 'sheep_few_1_seed1/second']
    assert len(results['runs']) == 12
    assert results['command'].endswith(
        'sheep --weights FILE --shots 1 2 --seeds 0 1 --epochs 10 --input-size 128 --supports 5 '
        '--min-score 0.0 --min-keypoint-score 0.3 --train-images 0 --test-images 0'
    )
    page = (tmp_path / 'out' / 'loop.md').read_text()
    assert 'of 2 test images 0 have the frame before' in page
    loop_part, second_part = '50.0 ± 0.0 | +20.0 | 100.0 ± 0.0', '40.0 | +10.0 | 100.0'
    assert f'| 1 | 30.0 |  | {loop_part} | {second_part} | 1 + 0 + 2 + 1 |' in page
    assert '| 6 (all) | 90.0 ± 0.0 |' in page
    assert (tmp_path / 'out' / 'loop.png').stat().st_size > 5000
    # again: only what is left
    recorded.clear()
    with pytest.raises(SystemExit, match='broken'):
        loop.main(list(map(str, arguments)))
    assert recorded == []
    with pytest.raises(SystemExit, match='holds a run with another epochs'):
        loop.main([*map(str, arguments), '--epochs', '5'])


def test_the_least_sure_labels_are_corrected(data, tmp_path, weights, recorded):
    arguments = ['--weights', weights, '--shots', 1, 4, '--supports', 2, '--seeds', 0, '--jobs', 1]
    loop.main([*map(str, [*arguments, '--work-dir', tmp_path, '--out', tmp_path / 'out' / 'loop'])])

    def read(run, name):
        return json.loads((tmp_path / run / name).read_text())

    supports, others = data.split(2, seed=0)
    run = 'sheep_loop_4_seed0'
    assert read(run, 'supports.json') == supports and read(run, 'others.json') == others
    human = read(run, 'human.json')
    worst = sorted(image['id'] for image in others['images'])[:2]
    assert [i['id'] for i in human['images']] == [*(i['id'] for i in supports['images']), *worst]
    truth = {a['id']: a for a in data.train['annotations']}
    assert all(truth[a['id']] == a for a in human['annotations']) and len(human['annotations']) == 4
    for run, shots in (('sheep_loop_1_seed0', 1), ('sheep_few_4_seed0', 4)):
        assert read(run, 'human.json') == read(run, 'supports.json') == data.split(shots, seed=0)[0]
    results = json.loads((tmp_path / 'out' / 'loop.json').read_text())
    assert [r['labels'] for r in results['runs'] if r['arm'] == 'loop'] == [5, 4]
    chosen = [(r['shots'], r['pck']) for r in results['runs'] if r['arm'] == 'chosen']
    assert chosen == [(4, 0.35)]
    page = (tmp_path / 'out' / 'loop.md').read_text()
    assert '| 4 | 30.0 | 35.0 | 50.0 |' in page and '| 1 + 1 + 1 + 1 |' in page


def test_pck_of_labels():
    truth = coco_file()  # boxes 21 wide: right is less than 2.1 px off
    labels = json.loads(json.dumps(truth))
    for image in labels['images']:
        image['id'] += 10
    for annotation in labels['annotations']:
        annotation['image_id'] += 10
    assert loop.label_pck(labels, truth) == 1
    labels['annotations'][0]['keypoints'][0] += 2
    labels['annotations'][1]['keypoints'][3] += 3
    assert loop.label_pck(labels, truth) == pytest.approx(5 / 6)
    truth['annotations'][1]['keypoints'][5] = 0
    assert loop.label_pck(labels, truth) == 1


def test_impossible_wishes(data, weights, tmp_path, capsys):
    with pytest.raises(SystemExit, match='--shots 6: expected 1 to 5 of 6 images'):
        loop.main(['--weights', str(weights), '--shots', '6'])
    with pytest.raises(SystemExit):
        loop.main(['--weights', str(tmp_path / 'gone.pth')])
    assert 'gone.pth: expected the checkpoint' in capsys.readouterr().err
    with pytest.raises(SystemExit, match='no finished run'):
        loop.main(['--table-only', '--shots', '1', '--work-dir', str(tmp_path)])
