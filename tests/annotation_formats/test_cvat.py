import json
from xml.etree import ElementTree

import numpy as np
import pytest

from kpt_plugins.annotation_formats import (
    KeypointCategory,
    read_annotations,
    write_annotations,
)

from .sample import COW, assert_same, round_trip, sample, without

LABELS = """
      <labels>
        <label>
          <name>Yoda</name>
          <color>#fa3253</color>
          <type>skeleton</type>
          <attributes>
          </attributes>
          <svg>&lt;line x1="1" y1="2" x2="3" y2="4" data-type="edge" data-node-from="2"
            stroke="black" data-node-to="3" stroke-width="0.5"&gt;&lt;/line&gt;&lt;circle r="0.75"
            cx="20" cy="20" data-type="element node" data-element-id="2" data-node-id="2"
            data-label-name="ear L"&gt;&lt;/circle&gt;&lt;circle r="0.75" cx="9" cy="9"
            data-type="element node" data-element-id="3" data-node-id="3"
            data-label-name="ear R"&gt;&lt;/circle&gt;</svg>
        </label>
        <label><name>nose</name><type>points</type><attributes/><parent>Yoda</parent></label>
        <label><name>ear L</name><type>points</type><attributes/><parent>Yoda</parent></label>
        <label><name>ear R</name><type>points</type><attributes/><parent>Yoda</parent></label>
        <label><name>ship</name><type>rectangle</type><attributes/></label>
      </labels>"""
SKELETON = """
    <skeleton label="Yoda" source="manual" z_order="0" group_id="4">
      <points label="ear R" source="manual" outside="0" occluded="1" points="49.30,50.10">
      </points>
      <points label="nose" source="manual" outside="0" occluded="0" points="12.72,10.54">
        <attribute name="state">sharp</attribute>
      </points>
      <points label="ear L" source="manual" outside="1" occluded="0" points="9.80,6.69">
      </points>
      <attribute name="side">light</attribute>
    </skeleton>"""


def cvat_file(path, shapes=SKELETON, labels=LABELS, kind='task', version='1.1', size='60'):
    """As CVAT 2 exports it."""
    path.write_text(
        f"""<?xml version="1.0" encoding="utf-8"?>
<annotations>
  <version>{version}</version>
  <meta>
    <{kind}>
      <id>4</id>{labels}
    </{kind}>
    <dumped>2024-09-25 11:38:28.799808+00:00</dumped>
  </meta>
  <image id="7" name="set 1/ä.jpg" subset="default" task_id="4" width="{size}" height="80">{shapes}
  </image>
</annotations>
""",
        encoding='utf-8',
    )
    return path


def test_round_trip(tmp_path):
    found = round_trip(sample(), tmp_path / 'a.xml', 'cvat')
    assert_same(found, without(sample(), 'flip pairs', 'scores'), atol=1e-4)


def test_instance_without_box_stays_without(tmp_path):
    given = without(sample(), 'flip pairs', 'scores', 'boxes')
    assert_same(round_trip(given, tmp_path / 'a.xml', 'cvat'), given, atol=1e-4)


@pytest.mark.parametrize('kind', ['task', 'job', 'project'])
def test_skeletons_keep_the_order_of_the_labels(tmp_path, kind):
    box = '<box label="ship" source="manual" occluded="0" xtl="1" ytl="2" xbr="41" ybr="62" {}/>'
    shapes = SKELETON + box.format('z_order="0" group_id="4"') + box.format('z_order="1"')
    found = read_annotations(cvat_file(tmp_path / 'a.xml', shapes, kind=kind))
    assert found.categories == [KeypointCategory('Yoda', ['nose', 'ear L', 'ear R'], [(1, 2)])]
    [image] = found.images
    assert (image.file_name, image.width, image.height) == ('set 1/ä.jpg', 60, 80)
    [instance] = image.instances  # the second box is of a thing without keypoints
    np.testing.assert_allclose(instance.keypoints, [[12.72, 10.54, 2], [0, 0, 0], [49.3, 50.1, 1]])
    assert instance.bbox == (1, 2, 40, 60)


def test_several_points_in_a_shape_are_ordered(tmp_path):
    shapes = """
    <points label="wheel" source="manual" occluded="0" points="5.5,9.4;11,9" z_order="5"></points>
    <points label="wheel" source="manual" occluded="1" points="1,2;3,4" z_order="5"></points>"""
    path = cvat_file(tmp_path / 'a.xml', shapes, '')
    found = read_annotations(path)
    assert found.categories == [KeypointCategory('wheel', ['keypoint_0', 'keypoint_1'])]
    one, two = found.images[0].instances
    np.testing.assert_allclose(one.keypoints, [[5.5, 9.4, 2], [11, 9, 2]])
    np.testing.assert_allclose(two.keypoints, [[1, 2, 1], [3, 4, 1]])
    named = [KeypointCategory('wheel', ['left', 'right'], [(0, 1)])]
    assert read_annotations(path, categories=named).categories == named


def test_single_points_are_tied_by_group(tmp_path):
    point = '<points label="{}" source="manual" occluded="0" points="{}" group_id="{}"/>'
    box = '<box label="car" occluded="0" xtl="{0}" ytl="0" xbr="{0}9" ybr="9" group_id="{0}"/>'
    shapes = point.format('front', '1,2', 1) + point.format('back', '3,4', 1) + box.format(1)
    shapes += point.format('back', '5,6', 2) + box.format(2)
    found = read_annotations(cvat_file(tmp_path / 'a.xml', shapes, ''))
    assert found.categories == [KeypointCategory('car', ['front', 'back'])]
    one, two = found.images[0].instances
    assert one.bbox == (1, 0, 18, 9) and two.bbox == (2, 0, 27, 9)
    np.testing.assert_allclose(two.keypoints, [[0, 0, 0], [5, 6, 2]])


def test_turned_box(tmp_path):
    box = '<box label="x" occluded="0" xtl="0" ytl="10" xbr="20" ybr="20" rotation="90.0"/>'
    point = '<points label="a" occluded="0" points="10,15"/>'
    [image] = read_annotations(cvat_file(tmp_path / 'a.xml', box + point, '')).images
    np.testing.assert_allclose(image.instances[0].bbox, (5, 5, 10, 20))


def test_labels_for_a_new_task(tmp_path):
    write_annotations(sample(), tmp_path / 'a.xml', 'cvat')
    labels = json.loads((tmp_path / 'a.labels.json').read_text(encoding='utf-8'))
    assert [(x['name'], x['type']) for x in labels[:2]] == [
        ('cow', 'skeleton'),
        ('cow box', 'rectangle'),
    ]
    assert [s['name'] for s in labels[0]['sublabels']] == COW.keypoint_names
    drawing = ElementTree.fromstring(f'<svg>{labels[0]["svg"]}</svg>')
    circles, lines = drawing.findall('circle'), drawing.findall('line')
    assert [c.get('data-label-name') for c in circles] == COW.keypoint_names
    assert [(x.get('data-node-from'), x.get('data-node-to')) for x in lines] == [
        ('1', '2'),
        ('1', '3'),
    ]
    assert all(0 <= float(c.get(key)) <= 100 for c in circles for key in ('cx', 'cy'))
    used = {s.get('label') for s in ElementTree.parse(tmp_path / 'a.xml').iterfind('image/*')}
    assert used <= {label['name'] for label in labels}


@pytest.mark.parametrize(
    'old, new, message',
    [
        ('label="Yoda"', 'label="Yodo"', r"label: 'Yodo', expected one of \['Yoda'\]"),
        ('label="nose"', 'label="nase"', r"set 1/ä.jpg: 'Yoda' has no keypoint 'nase'"),
        ('label="nose"', 'label="ear R"', "keypoint 'ear R' is there twice"),
        ('points="12.72,10.54"', 'points="12.72"', "points: '12.72', expected x,y"),
        ('points="12.72,10.54"', 'points="a,b"', "points: 'a', expected a finite number"),
        ('points="12.72,10.54"', 'points="nan,1"', 'finite'),
        ('points="12.72,10.54"', '', 'points is missing'),
        ('points="12.72,10.54"', 'points="1,2;3,4"', '2 of them, expected one'),
        ('outside="1"', 'outside="yes"', "outside: 'yes', expected 0 or 1"),
    ],
)
def test_wrong_shapes(tmp_path, old, new, message):
    path = cvat_file(tmp_path / 'a.xml', SKELETON.replace(old, new))
    with pytest.raises(ValueError, match=message) as error:
        read_annotations(path)
    assert 'a.xml' in str(error.value)


def test_other_versions(tmp_path):
    with pytest.raises(ValueError, match="version '1.0', expected <annotations> of version 1.1"):
        read_annotations(cvat_file(tmp_path / 'a.xml', version='1.0'))
    with pytest.raises(ValueError, match="width: '6x'"):
        read_annotations(cvat_file(tmp_path / 'a.xml', size='6x'))
    text = '<annotations><version>1.1</version><track id="0" label="x"/></annotations>'
    (tmp_path / 'a.xml').write_text(text)
    with pytest.raises(ValueError, match='CVAT for images 1.1'):
        read_annotations(tmp_path / 'a.xml')
    (tmp_path / 'a.zip').write_bytes(b'PK\x03\x04')
    with pytest.raises(ValueError, match='unpack'):
        read_annotations(tmp_path / 'a.zip')


def test_differing_numbers_of_ordered_points(tmp_path):
    shape = '<points label="wheel" occluded="0" points="{}"/>'
    shapes = shape.format('1,2;3,4') + shape.format('1,2;3,4;5,6')
    with pytest.raises(ValueError, match="'wheel': 3 points, expected 2"):
        read_annotations(cvat_file(tmp_path / 'a.xml', shapes, ''))


BOMB = '<!DOCTYPE a [<!ENTITY x "xxxxxxxxxx"><!ENTITY y "&x;&x;&x;&x;">]>'
FILE = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>'


@pytest.mark.parametrize('doctype', [BOMB, FILE, '<!DOCTYPE a SYSTEM "http://localhost/x.dtd">'])
def test_document_types_are_refused(tmp_path, doctype):
    text = f'<?xml version="1.0"?>{doctype}<annotations><version>1.1</version></annotations>'
    (tmp_path / 'a.xml').write_text(text)
    with pytest.raises(ValueError, match='a.xml.*document type'):
        read_annotations(tmp_path / 'a.xml')


@pytest.mark.parametrize('text', ['<annotations>', '<a/><b/>', '<?xml encoding="no"?><a/>', '<'])
def test_no_xml(tmp_path, text):
    (tmp_path / 'a.xml').write_text(text)
    with pytest.raises(ValueError, match='a.xml'):
        read_annotations(tmp_path / 'a.xml')
