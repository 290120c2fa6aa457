"""The page without a browser: what is served, and what its handlers answer."""

import json

import cv2
import pytest

from tests.tiny_matcher import BOX, POINTS, shifted
from tests.web.conftest import LIMIT

pytest.importorskip('gradio')

import gradio as gr  # noqa: E402
import httpx  # noqa: E402

from kpt_plugins.apis.few_shot_inferencer import FewShotInferencer  # noqa: E402
from kpt_plugins.web import annotate_events, edit, query_panel, result_panel  # noqa: E402
from kpt_plugins.web.annotate_layout import SHOWN  # noqa: E402
from kpt_plugins.web.history import record  # noqa: E402
from kpt_plugins.web.pictures import preview_scale  # noqa: E402
from kpt_plugins.web.server import serve  # noqa: E402
from kpt_plugins.web.session import Session  # noqa: E402
from tests.tiny_matcher import draw_object, write_matcher  # noqa: E402

pytestmark = pytest.mark.filterwarnings('ignore:The copy keyword')  # Gradio's


class Place:
    """Where the picture was clicked on."""

    def __init__(self, x, y):
        self.index = [x, y]


@pytest.fixture
def session(tmp_path):
    """One with a photo that shows two keypoints."""
    session = Session(tmp_path)
    annotation = edit.add_photo(session.annotation, 'a.png', draw_object())
    for point in POINTS[:2]:
        annotation = edit.click(annotation, *point)
    session.history = record(session.history, annotation)
    return session


def shown(session):
    return dict(zip(SHOWN, annotate_events.show(session), strict=True))


def test_the_page_is_served(url):
    page = httpx.get(url)
    assert page.status_code == 200 and 'Keypoints from a few photos' in page.text
    config = httpx.get(f'{url}config').json()
    names = [part['props'].get('elem_id') for part in config['components']]
    assert {'kpt-photos', 'kpt-box', 'kpt-queries', 'kpt-query-box'} <= set(names)
    assert not [d for d in config['dependencies'] if d['api_visibility'] != 'private']


def test_files_of_the_server_are_not_served(url, photos):
    for path in ('/etc/hostname', __file__, 'setup.py', '../setup.py', str(photos[0])):
        assert httpx.get(f'{url}gradio_api/file={path}').status_code >= 400, path
    large = dict(files=('a.png', b'0' * (LIMIT + 1), 'image/png'))
    assert httpx.post(f'{url}gradio_api/upload', files=large).status_code >= 400


def test_what_is_shown_follows_the_annotation(session):
    before = shown(session)
    assert before['box'] == '' and before['photo_tools']['visible']
    annotate_events._edit(lambda a: edit.set_mode(a, 'box'), typed=False)(session)
    scale = preview_scale(session.annotation.shown.image.shape)
    for x, y in (BOX[2:], BOX[:2]):
        annotate_events._click(session, Place(x * scale, y * scale))
    after = shown(session)
    assert after['box'] == ', '.join(map(str, BOX)) and after['mode'] == 'add'
    assert (after['picture']['value'] != before['picture']['value']).any()
    annotate_events._undo(session)
    assert shown(session)['box'] == ''


def test_a_typed_box(session):
    handle = annotate_events._edit(annotate_events._type_box, typed=True)
    handle(session, '70 40 340 220')
    assert session.annotation.shown.bbox == tuple(BOX)
    answer = dict(zip(['state', *SHOWN], handle(session, '70 40'), strict=True))
    assert 'four numbers' in answer['message'] and session.annotation.shown.bbox == tuple(BOX)
    assert answer['box']['__type__'] == 'update' and 'value' not in answer['box']
    handle(session, '')
    assert session.annotation.shown.bbox is None


@pytest.mark.parametrize(
    ('function', 'values'),
    [
        (annotate_events._rename, (0, 'nose')),
        (edit.rename_category, ('elk',)),
        (annotate_events._type_box, ('70 40 340 220',)),
    ],
)
def test_leaving_a_submitted_field_keeps_the_picture(session, function, values):
    annotate_events._edit(lambda a: edit.click(a, 10, 20), typed=False)(session)
    handle = annotate_events._edit(function, typed=True)
    submitted, left = (
        dict(zip(['state', *SHOWN], handle(session, *values), strict=True)) for _ in range(2)
    )
    assert 'value' in submitted['picture'] and 'value' not in left['picture']
    kept = [name for name in SHOWN if left[name] == gr.skip()]
    assert kept == [name for name in SHOWN if name != 'message'] and left['message']


def test_an_uploaded_photo_is_taken_and_deleted(session, tmp_path):
    cv2.imwrite(str(tmp_path / 'b.png'), draw_object())
    (tmp_path / 'c.png').write_text('none')
    answer = annotate_events._add_photos(session, [f'{tmp_path}/b.png', f'{tmp_path}/c.png'])
    assert [photo.name for photo in session.annotation.photos] == ['a.png', 'b.png']
    assert 'c.png: not a photo' in answer[1] and not list(tmp_path.glob('*.png'))


def test_boxes_of_photos_to_predict_on(session, tmp_path):
    (tmp_path / 'damaged.png').write_bytes(b'\x89PNG')
    for name in ('one.png', 'two.png'):
        cv2.imwrite(str(tmp_path / name), draw_object((24, 12)))
    result_panel._take_queries(session, [f'{tmp_path}/one.png', f'{tmp_path}/two.png'])
    query_panel._look_at_first(session)
    query_panel._look_at(session, 1)
    scale = preview_scale(session.looked_at.shape)
    box = shifted(BOX, (24, 12))
    for x, y in (box[:2], box[2:]):
        answer = query_panel._click(session, Place(x * scale, y * scale))
    assert [query.box for query in session.queries] == [None, pytest.approx(box)]
    assert answer[-1] == '94, 52, 364, 232' and 'The box is searched' in answer[3]
    assert 'four numbers' in query_panel._type_box(session, '1 2')[3]
    query_panel._type_box(session, '94, 52, 364, 232')
    assert session.queries[1].box == pytest.approx(box)
    query_panel._remove_box(session)
    assert session.queries[1].box is None
    session.set_queries([])
    assert session.looked_at is None
    assert query_panel._remove_box(session)[1]['visible'] is False


def test_boxes_go_to_the_model(session, tmp_path):
    weights = write_matcher(tmp_path / 'matcher.pth')
    inferencer = FewShotInferencer(weights=weights, device='cpu')
    session.history = record(session.history, edit.set_box(session.annotation, tuple(BOX)))
    shift = (24, 12)
    cv2.imwrite(str(tmp_path / 'b.png'), draw_object(shift))
    result_panel._take_queries(session, [f'{tmp_path}/b.png'])
    query_panel._look_at_first(session)
    query_panel._set_box(session, tuple(shifted(BOX, shift)))
    assert 'annotated photos' in list(result_panel.run(session, inferencer))[0]
    assert inferencer.support.supports[0].bbox.tolist() == BOX
    (found,) = session.shown[0].result.instances
    assert abs(found.keypoints - POINTS[:2] - shift).max() < 12
    result_panel.finish(session, 0, False)
    coco = json.loads((session.folder / 'keypoints.json').read_text())
    assert coco['annotations'][0]['bbox'] == [94, 52, 270, 180]


@pytest.mark.parametrize('host', ['999.1.1.1', 'no such host', '8.8.8.8'])
def test_an_address_that_is_not_ours(host):
    with pytest.raises(OSError, match=f'host {host}: .*expected an address of this computer'):
        with serve(None, host, None):
            pass
