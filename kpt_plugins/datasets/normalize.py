"""Bringing annotation files into one form: zero-based skeletons, one file or one for each subset.

The functions work on parsed JSON that has passed `find_structure_problems`, and do not change
their arguments. Annotations and images are kept as they are.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from kpt_plugins.datasets.annotation_file import ERROR, find_structure_problems, read_json
from kpt_plugins.datasets.category import (
    build_category,
    count_keypoints,
    declared_base,
    file_base,
    resolve_base,
)
from kpt_plugins.datasets.instance import Instance, read_instance
from kpt_plugins.structures.skeleton import normalize_links


@dataclass
class NormalizeLog:
    """What `normalize_categories` did, for people to look at; categories as 'id name'."""

    from_zero: list[str] = field(default_factory=list)
    from_one: list[str] = field(default_factory=list)
    assumed: list[str] = field(default_factory=list)
    filled: list[str] = field(default_factory=list)
    without_links: list[str] = field(default_factory=list)
    without_instances: list[str] = field(default_factory=list)
    unlinked: dict[str, list[int]] = field(default_factory=dict)
    named: list[str] = field(default_factory=list)


def load_raw(path: str) -> dict:
    """Read an annotation file as parsed JSON.

    Raises:
        FileNotFoundError, ValueError: If it is missing or not COCO-like, see
            `annotation_file.load_annotation_file`, or an annotation is malformed.
    """
    data = read_json(path)
    for problem in find_structure_problems(data):
        if problem.severity == ERROR:
            raise ValueError(f'{path}: {problem}')
    try:
        _usable_instances(data)  # now: the messages of later steps cannot name the file
    except ValueError as error:
        raise ValueError(f'{path}: {error}') from error
    return data


def normalize_categories(
    data: dict,
    base: int | str = 'auto',
    fallback: str = 'none',
    skeletons: Mapping[int, Sequence] | None = None,
) -> tuple[dict, NormalizeLog]:
    """Make all skeletons zero-based and checked, and all keypoint names as many as keypoints.

    Args:
        data: A parsed annotation file.
        base: Base of the skeletons in `data`: 0, 1 or 'auto' (see `MP100Dataset`).
        fallback: 'none' leaves empty skeletons empty, 'mst' and 'knn' fill them in from the mean
            pose of the file's instances.
        skeletons: Zero-based skeletons by category id that replace the file's.

    Returns:
        The new data, whose `info.skeleton_base` is 0 so that it is never guessed about again,
        and the log. Where a category has no usable instance, its skeleton is checked against its
        list of keypoint names.

    Raises:
        ValueError: If a skeleton does not fit its keypoints, or annotations of one category
            disagree on their number; the message names the category.
    """
    skeletons = skeletons or {}
    instances = _usable_instances(data)  # first: it knows malformed keypoints
    counts = count_keypoints(data['annotations'])
    records = {record['id']: record for record in data['categories']}
    unknown = [i for i in skeletons if i not in records]
    if unknown:
        raise ValueError(f'skeletons {unknown}: no such categories among {sorted(records)}')
    info = data.get('info') if isinstance(data.get('info'), dict) else {}
    declared = declared_base(info)
    evidence = file_base(records, counts) if declared is None else declared
    log, categories = NormalizeLog(), []
    for category_id, record in records.items():
        title = f'{category_id} {record["name"]}'
        count = counts.get(category_id, len(record.get('keypoints') or []))
        source, found, assumed = {**record, 'skeleton': skeletons.get(category_id)}, 0, False
        if category_id not in skeletons:
            source['skeleton'] = record.get('skeleton') or []
            try:
                found, assumed = resolve_base(source['skeleton'], count, base, evidence)
            except ValueError as error:
                raise ValueError(f'category {title}: {error}') from error
        if category_id in instances:
            category = build_category(source, instances[category_id], found, fallback)
            names, links = list(category.keypoint_names), category.skeleton
        else:
            log.without_instances.append(title)
            names = list(record.get('keypoints') or [])
            links = normalize_links(source['skeleton'], count, found)
        categories.append({**record, 'keypoints': names, 'skeleton': links.tolist()})
        _note(log, title, record, categories[-1], bool(source['skeleton']), found, assumed)
    result = {**data, 'info': {**info, 'skeleton_base': 0}, 'categories': categories}
    return result, log


def _note(
    log: NormalizeLog, title: str, old: dict, new: dict, given: bool, base: int, assumed: bool
) -> None:
    """Enter one category in the log."""
    if given:
        (log.from_one if base else log.from_zero).append(title)
    elif new['skeleton']:
        log.filled.append(title)
    if assumed:
        log.assumed.append(title)
    if not new['skeleton']:
        log.without_links.append(title)
    linked = {k for link in new['skeleton'] for k in link}
    unlinked = [k for k in range(len(new['keypoints'])) if k not in linked]
    if linked and unlinked:
        log.unlinked[title] = unlinked
    if list(old.get('keypoints') or []) != new['keypoints']:
        log.named.append(title)


def merge_files(files: Mapping[str, dict]) -> dict:
    """Put several files into one.

    What occurs in several files, as MP-100's images and annotations do in its five splits, is
    taken once. Annotation ids, to which nothing refers, are renumbered where two files use one
    id for different annotations.

    Args:
        files: Parsed data by file name (the name is for messages only); at least one.

    Raises:
        ValueError: If two files use one id for different images or categories, or state
            different skeleton bases.
    """
    infos = {n: d['info'] if isinstance(d.get('info'), dict) else {} for n, d in files.items()}
    bases = {name: declared_base(info) for name, info in infos.items()}
    if len(set(bases.values())) > 1:
        raise ValueError(f'info.skeleton_base differs: {bases}; normalise the files first')
    merged: dict = {'info': dict(next(iter(infos.values())))}
    for section in ('images', 'categories'):
        seen: dict[int, tuple[str, dict]] = {}
        for name, data in files.items():
            for value in data[section]:
                first, known = seen.setdefault(value['id'], (name, value))
                if known != value:
                    raise ValueError(
                        f'{section}: id {value["id"]} stands for different objects in {first} '
                        f'and {name}'
                    )
        merged[section] = [value for _, value in seen.values()]
    merged['annotations'] = _merge_annotations([data['annotations'] for data in files.values()])
    return merged


def _merge_annotations(parts: list[list[dict]]) -> list[dict]:
    """Annotations of all files; those equal to one of an earlier file but for the id left out."""
    merged, used, earlier = [], set(), set()
    next_id = 1 + max((a['id'] for part in parts for a in part), default=0)
    for part in parts:
        contents = [json.dumps({**a, 'id': None}, sort_keys=True) for a in part]
        for annotation, content in zip(part, contents, strict=True):
            if content in earlier:
                continue
            if annotation['id'] in used:
                annotation, next_id = {**annotation, 'id': next_id}, next_id + 1
            used.add(annotation['id'])
            merged.append(annotation)
        earlier.update(contents)
    return merged


def select_categories(data: dict, category_ids: Iterable[int]) -> dict:
    """The part of a file that concerns the given categories, in file order.

    Raises:
        ValueError: If the file has no such category.
    """
    wanted = set(category_ids)
    known = {record['id'] for record in data['categories']}
    if wanted - known:
        raise ValueError(f'category ids {sorted(wanted - known)}: not in the file')
    annotations = [a for a in data['annotations'] if a['category_id'] in wanted]
    used = {a['image_id'] for a in annotations}
    return {
        **data,
        'images': [image for image in data['images'] if image['id'] in used],
        'annotations': annotations,
        'categories': [record for record in data['categories'] if record['id'] in wanted],
    }


def _usable_instances(data: dict) -> dict[int, list[Instance]]:
    """The usable instances of a file by category."""
    images = {image['id']: image for image in data['images']}
    found: dict[int, list[Instance]] = {}
    for annotation in data['annotations']:
        try:
            instance, _ = read_instance(annotation, images[annotation['image_id']])
        except ValueError as error:
            raise ValueError(f'annotation {annotation["id"]}: {error}') from error
        if instance is not None:
            found.setdefault(instance.category_id, []).append(instance)
    return found
