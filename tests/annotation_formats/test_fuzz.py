"""Arbitrary changes of valid files end in annotations or in a clear error, never in another one."""

import copy
import json
import tempfile
from pathlib import Path

import pytest

from kpt_plugins.annotation_formats import AnnotationSet, read_annotations, write_annotations

from .sample import sample, write_images
from .test_cvat import SKELETON, cvat_file
from .test_deeplabcut import MULTI
from .test_label_studio import box, point, task
from .test_labelme import labelme_file, shape

hypothesis = pytest.importorskip('hypothesis')
st = hypothesis.strategies

EXAMPLES = hypothesis.settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(hypothesis.HealthCheck),
)
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.just(10**400),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(['', '..', '/x', '\0', '\ud800', 'a' * 300, '%2e%2e/x', '1e999']),
    st.lists(st.integers(-2, 9), max_size=4),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)
PIECES = ['-1', 'nan', '1e999', '"', '<a>', ',', '[', '{', '&x;', '*']


def places(data, path=()):
    """All places in parsed JSON."""
    yield path
    entries = data.items() if isinstance(data, dict) else enumerate(data)
    for key, value in entries if isinstance(data, (dict, list)) else ():
        if isinstance(value, (dict, list)):
            yield from places(value, (*path, key))
        else:
            yield (*path, key)


def changed(draw, data):
    """Parsed JSON with one to three values replaced, removed or repeated."""
    data = copy.deepcopy(data)
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(list(places(data))))
        if not path:
            return draw(VALUES)
        parent = data
        for key in path[:-1]:
            parent = parent[key]
        action = draw(st.sampled_from(['replace', 'remove', 'repeat']))
        if action == 'remove':
            del parent[path[-1]]
        elif action == 'repeat' and isinstance(parent, list):
            parent.append(copy.deepcopy(parent[path[-1]]))
        else:
            parent[path[-1]] = draw(VALUES)
        if not isinstance(data, (dict, list)) or not data:
            break
    return data


def changed_text(draw, text):
    """A text with one to four pieces replaced, removed or repeated."""
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 12)))
        repeated = st.just(text[start:end] * 2)
        piece = draw(st.one_of(st.just(''), st.text(max_size=6), repeated, st.sampled_from(PIECES)))
        text = text[:start] + piece + text[end:]
    return text


def check(path, format, **kwargs):
    """Reading succeeds or fails as it should, with a message that names the file."""
    try:
        assert isinstance(read_annotations(path, format, **kwargs), AnnotationSet)
    except FileNotFoundError:
        pass
    except ValueError as error:
        assert str(path) in str(error)


def coco():
    with tempfile.TemporaryDirectory() as folder:
        write_annotations(sample(), Path(folder) / 'a.json', 'coco')
        return json.loads((Path(folder) / 'a.json').read_text(encoding='utf-8'))


JSON = {
    'coco': coco(),
    'label-studio': [
        task(point('a', 1, 2, score=0.5), box('cow', 1, 2, 30, 40, 10), point('b', 2, 2)),
        task(image='s3://bucket/b.jpg', annotations=[], predictions=[dict(result=[])]),
    ],
    'labelme': labelme_file(
        shape('a', (1, 2), group=1, flags=dict(hidden=True)),
        shape('cow', (1, 2), (3, 4), kind='rectangle', group=1),
        shape('b', (1, 2)),
    ),
}


@pytest.mark.parametrize('format', JSON)
@pytest.mark.parametrize('named', [True, False])
def test_json(tmp_path, format, named):
    @EXAMPLES
    @hypothesis.given(st.data())
    def run(data):
        path = tmp_path / 'a.json'
        path.write_text(json.dumps(changed(data.draw, JSON[format])), encoding='utf-8')
        check(path, format if named else None)

    run()


def test_broken_json(tmp_path):
    text = json.dumps(JSON['labelme'])

    @EXAMPLES
    @hypothesis.given(st.data())
    def run(data):
        path = tmp_path / 'a.json'
        path.write_bytes(changed_text(data.draw, text).encode('utf-8', 'surrogatepass'))
        check(path, None)

    run()


@pytest.mark.parametrize('text', ['[' * 100_000, '{"shapes":' * 100_000])
@pytest.mark.parametrize('format', [None, *JSON])
def test_deep_json(tmp_path, text, format):
    (tmp_path / 'a.json').write_text(text)
    with pytest.raises(ValueError, match='a.json'):
        read_annotations(tmp_path / 'a.json', format)


def test_cvat(tmp_path):
    shapes = SKELETON + '<points label="p" occluded="0" points="1,2;3,4" group_id="2"/>'
    shapes += '<box label="b" occluded="0" xtl="1" ytl="2" xbr="3" ybr="4" group_id="2"/>'
    shapes += '<points label="q" occluded="0" points="1,2"/>'
    text = cvat_file(tmp_path / 'a.xml', shapes).read_text(encoding='utf-8')

    @EXAMPLES
    @hypothesis.given(st.data())
    def run(data):
        path = tmp_path / 'a.xml'
        path.write_bytes(changed_text(data.draw, text).encode('utf-8', 'surrogatepass'))
        check(path, 'cvat')

    run()


def test_deeplabcut(tmp_path):
    @EXAMPLES
    @hypothesis.given(st.data())
    def run(data):
        path = tmp_path / 'a.csv'
        path.write_bytes(changed_text(data.draw, MULTI).encode('utf-8', 'surrogatepass'))
        check(path, 'deeplabcut')

    run()


@pytest.mark.parametrize('file', ['data.yaml', 'labels/stall 1/b.txt'])
def test_yolo(tmp_path, file):
    write_images(tmp_path / 'images')
    write_annotations(sample(), tmp_path, 'yolo')
    text = (tmp_path / file).read_text(encoding='utf-8')

    @EXAMPLES
    @hypothesis.given(st.data())
    def run(data):
        changed = changed_text(data.draw, text).encode('utf-8', 'surrogatepass')
        (tmp_path / file).write_bytes(changed)
        check(tmp_path, 'yolo')

    run()


def test_any_bytes(tmp_path):
    @EXAMPLES
    @hypothesis.given(
        st.binary(max_size=60),
        st.sampled_from([b'', b'{', b'[', b'<', b'scorer', b'PK', b'\xef\xbb\xbf{', b'\xff\xfe<']),
        st.sampled_from(['.json', '.xml', '.csv', '.yaml', '']),
    )
    def run(content, start, suffix):
        path = tmp_path / f'a{suffix}'
        path.write_bytes(start + content)
        check(path, None)

    run()
