"""Run models that ``kpt export`` wrote, with numpy, OpenCV and onnxruntime alone.

A detector finds its keypoints; a few-shot model those of annotated supports, each a photo and a
JSON file: {"keypoints": [[x, y] or [x, y, visibility], ...], "skeleton": [[i, j], ...] from 0,
"names": [...], "bbox": [x1, y1, x2, y2]}, of which only the keypoints must be there.

Examples:
    python examples/onnx_runtime.py exported query.jpg --box 9 4 80 60 --draw found.jpg
    python examples/onnx_runtime.py exported query.jpg --support photo.jpg photo.json
"""

import argparse
import json
from pathlib import Path

import cv2
import numpy as np
import onnxruntime


def crop(image, box, info):
    """The crop of a box x1, y1, x2, y2, the matrix that makes it, and its corner and size."""
    x1, y1, x2, y2 = np.float32(box)
    size = np.array(info['input_size'])
    centre = np.float32([(x1 + x2) / 2, (y1 + y2) / 2])
    scale = np.float32([x2 - x1, y2 - y1]) * np.float32(info['box_padding'])
    ratio = size[0] / size[1]
    scale = np.array([max(scale[0], scale[1] * ratio), max(scale[0] / ratio, scale[1])])
    if info['udp']:
        factor = (size - 1) / scale
        matrix = np.float32(np.c_[np.diag(factor), factor * (scale / 2 - centre)])
    else:
        half = np.array([[0, 0], [-1, 0], [-1, 1]]) / 2
        source, target = centre + half * scale[0], size / 2 + half * size[0]
        matrix = cv2.getAffineTransform(np.float32(source), np.float32(target))
    pixels = cv2.warpAffine(image, matrix, tuple(map(int, size)), flags=cv2.INTER_LINEAR)
    if info['color_order'] == 'rgb':
        pixels = pixels[..., ::-1]
    pixels = (pixels.astype(np.float32) - np.float32(info['mean'])) / np.float32(info['std'])
    return pixels.transpose(2, 0, 1), matrix, (centre - scale / 2, scale)


def move(points, matrix):
    """Points (..., 2) of the image in its crop."""
    return cv2.transform(np.float32(points).reshape(1, -1, 2), matrix)[0]


def read_support(photo, annotation, info):
    """Crop, keypoints (K, 2) as fractions of it, their visibility, and the annotation."""
    (image, whole), content = read_image(photo), json.loads(Path(annotation).read_text())
    points = np.array([[*point, 1][:3] for point in content['keypoints']])
    box = np.array(content.get('bbox') or whole, float)
    content['size'] = size = box[2:] - box[:2]
    content['pose'] = np.where(points[:, 2:] > 0, (points[:, :2] - box[:2]) / size, np.nan)
    pixels, matrix, _ = crop(image, box, info)
    visible, places = points[:, 2] > 0, move(points[:, :2], matrix)
    if info['visible_grid']:
        grid, radius = info['visible_grid']
        cells = np.trunc(places * grid / info['input_size'] + 0.5)
        visible &= ~((cells - radius >= grid) | (cells + radius + 1 < 0)).any(axis=1)
    places = places / np.float32(info['input_size'])
    return pixels, np.where(visible[:, None], places, 0), visible, content


def spanning_tree(points):
    """Links of the shortest tree over points that are not NaN, for want of a skeleton."""
    first, *rest = np.flatnonzero(~np.isnan(points[:, 0]))
    tree, links = [first], []
    while rest:
        pairs = [(a, b) for a in tree for b in rest]
        a, b = min(pairs, key=lambda pair: np.linalg.norm(points[pair[0]] - points[pair[1]]))
        links.append(sorted((int(a), int(b))))
        tree.append(rest.pop(rest.index(b)))
    return sorted(links)


def pad(points, visible, links, info):
    """Keypoints and visibility with equally spaced points on the links, up to the model's number,
    and how many there are on each link."""
    size, real = info['num_keypoints'], len(points)
    if real > size:
        raise SystemExit(f'{real} keypoints; the exported model takes {size} at most')
    each = (size - real) // len(links) if links and info['padding'] == 'eqdiv' else 0
    padded, shown = np.zeros((size, 2), np.float32), np.zeros(size, bool)
    padded[:real], shown[:real] = points, visible
    share = np.arange(1, each + 1)[:, None] / (each + 1)
    share = np.float32(share if info['legacy_order'] else share[::-1])
    for number, (a, b) in enumerate(links):
        place = slice(real + number * each, real + (number + 1) * each)
        padded[place] = share * points[a] + (1 - share) * points[b]
        shown[place] = visible[a] and visible[b]
    return padded, shown, each


def references(shown, links, real, each, info):
    """For each keypoint those nearest along the skeleton, itself first (K, M)."""
    size, number = len(shown), info['num_references']
    links, chains = [tuple(link) for link in links if info['structure'] != 'self'], []
    for n, (a, b) in enumerate(links):
        placed = [real + n * each + i for i in range(each)]
        if placed and shown[placed[0]]:
            chains += zip([a, *placed], [*placed, b], strict=True)
    near = [[] for _ in range(size)]
    for a, b in [*links, *chains]:
        near[a] += [b] if b not in near[a] else []
        near[b] += [a] if a not in near[b] else []
    table = np.empty((size, number), np.int64)
    for k in range(size):
        found = [k]
        for keypoint in found:  # which grows on the way
            if shown[keypoint] and len(found) < number:
                found += [n for n in near[keypoint] if n not in found]
        table[k] = (found + [k] * number)[:number]
    return table


def prepare_supports(pairs, info):
    """What the support graph takes, and what the supports say about their keypoints."""
    crops, points, visible, contents = zip(*(read_support(*p, info) for p in pairs), strict=True)
    if len({len(p) for p in points}) > 1:
        raise SystemExit('the supports have different numbers of keypoints')
    links = next((c['skeleton'] for c in contents if c.get('skeleton')), None)
    pose = np.ma.masked_invalid([c['pose'] for c in contents]).mean(axis=0).filled(np.nan)
    links = links or spanning_tree(pose * np.mean([c['size'] for c in contents], axis=0))
    padded = [pad(*pair, links, info) for pair in zip(points, visible, strict=True)]
    shown, each, real = np.stack([p[1] for p in padded]), padded[0][2], len(points[0])
    tables = [references(row, links, real, each, info) for row in (*shown, shown.any(axis=0))]
    names = next((c['names'] for c in contents if c.get('names')), None)
    return dict(
        images=np.stack(crops),
        points=np.stack([p[0] for p in padded]),
        visible=shown,
        references=np.stack(tables[:-1]),
        query_references=tables[-1],
    ), dict(names=names, skeleton=links, known=~np.isnan(pose[:, 0]))


def read_image(path):
    """An image and the box of all of it."""
    if (image := cv2.imread(str(path))) is None:
        raise SystemExit(f'{path}: no image that can be read')
    return image, [0, 0, image.shape[1], image.shape[0]]


def find(folder, image, boxes, supports, category=None):
    """Keypoints (B, K, 3), x, y and score in pixels of the image, and their names and links."""
    info = json.loads((folder / 'export.json').read_text())
    graphs = [onnxruntime.InferenceSession(str(folder / name)) for name in info['graphs']]
    crops, matrices, places = zip(*(crop(image, box, info) for box in boxes), strict=True)
    inputs = {}
    if info['kind'] == 'few_shot':
        if not supports:
            raise SystemExit('a few-shot model needs --support PHOTO JSON')
        inputs, told = prepare_supports(supports, info)
        names = [output.name for output in graphs[0].get_outputs()]
        inputs.update(zip(names, graphs[0].run(None, inputs), strict=True))
    else:
        told = dict(names=info.get('keypoint_names'), skeleton=info.get('skeleton'))
    inputs['images'] = np.stack(crops)
    if info.get('boxes'):
        corners = [[(a, b), (c, b), (c, d), (a, d)] for a, b, c, d in boxes]
        inputs['boxes'] = np.stack([move(*pair) for pair in zip(corners, matrices, strict=True)])
    wanted = [i.name for i in graphs[-1].get_inputs()]
    points, scores = graphs[-1].run(None, {name: inputs[name] for name in wanted})
    corner, scale = (np.stack(values)[:, None] for values in zip(*places, strict=True))
    found = np.concatenate([points / info['input_size'] * scale + corner, scores[..., None]], -1)
    if 'known' in told:
        found = found[:, : len(told['known'])]
        found[..., 2] *= told['known']  # what no support shows cannot be found
    if category is not None:  # a weak-shot model's prompts by the keypoints of a category
        prompts = np.array(info['categories'][category])
        found = np.where((prompts >= 0)[:, None], found[:, prompts], 0)
    return found, told['names'], told['skeleton']


def main():
    parser = argparse.ArgumentParser(description='Find keypoints with an exported model.')
    parser.add_argument('folder', type=Path, help='what kpt export wrote')
    parser.add_argument('image', help='the photo to look at')
    parser.add_argument('--support', nargs=2, action='append', metavar=('PHOTO', 'JSON'))
    parser.add_argument('--box', nargs=4, type=float, action='append', metavar='N')
    parser.add_argument('--category', help='id of a category whose prompts have names (weak-shot)')
    parser.add_argument('--draw', help='picture to write')
    args = parser.parse_args()
    image, whole = read_image(args.image)
    found, names, links = find(args.folder, image, args.box or [whole], args.support, args.category)
    print(json.dumps(dict(keypoints=found.tolist(), names=names, skeleton=links)))
    for points in found if args.draw else ():
        seen, places = points[:, 2] > 0, points[:, :2].round().astype(int)
        for a, b in [link for link in links or () if seen[[*link]].all()]:
            cv2.line(image, places[a].tolist(), places[b].tolist(), (0, 200, 0), 2)
        for place in places[seen].tolist():
            cv2.circle(image, place, 4, (0, 0, 255), -1)
    if args.draw:
        cv2.imwrite(args.draw, image)


if __name__ == '__main__':
    main()
