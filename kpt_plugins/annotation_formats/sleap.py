"""SLEAP, .slp files, through the package sleap-io (written by SLEAP 1.2 and later).

A skeleton is a category: its nodes, edges and symmetries are keypoints, links and pairs. A node
without coordinates is absent, one that is not visible is hidden. Of an instance that a user
corrected, the prediction is left out.

The images of a video that is a list of images have their names. A frame of a video file is the
image VIDEO/FRAME.png, as in clip/000123.png for frame 123 of clip.mp4: extract the labelled frames
under these names (as PNG in folders, one a video) to use the annotations. Lost are boxes and the
sizes of the images. Coordinates are as they stand in the file.

Nothing is unpickled by sleap-io, but libhdf5 beneath it can crash the process on a file that was
made for it (as on one that is damaged in places); a server should read files of strangers in a
process of its own.

Written is one video, the list of the images, in the folder of images if it is given.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import numpy as np

from .gather import NO_BOX_CATEGORY
from .image_files import relative_name
from .optional import require
from .records import (
    ABSENT,
    HIDDEN,
    VISIBLE,
    AnnotatedImage,
    AnnotationSet,
    KeypointCategory,
    KeypointInstance,
)

LOSES = frozenset({'boxes', 'pointless', 'sizes'})


def outputs(annotations: AnnotationSet, path: Path) -> list[Path]:
    """The files that :func:`write` writes."""
    return [path]


def read(path: Path, images: str | Path | None) -> AnnotationSet:
    """Read a .slp file. Videos are not opened.

    Raises:
        ValueError: If sleap-io cannot read it, or a frame is not in its video.
        ImportError: Without sleap-io.
    """
    sleap_io = require('sleap_io')
    try:
        labels = sleap_io.load_slp(str(path), open_videos=False)
        frames = [(f.video, f.frame_idx, _instances(f)) for f in labels.labeled_frames]
    except Exception as error:  # a foreign parser: broken files end in errors of any kind
        raise ValueError(f'sleap-io cannot read it: {error!r}') from error
    categories = [_read_category(skeleton) for skeleton in labels.skeletons]
    found: dict[str, AnnotatedImage] = {}
    for video, index, instances in frames:
        name = relative_name(_frame_name(video, int(index)), images, 'video')
        image = found.setdefault(name, AnnotatedImage(name))
        image.instances += [_read_instance(instance) for instance in instances]
    return AnnotationSet(categories, list(found.values()))


def write(annotations: AnnotationSet, path: Path, images: str | Path | None) -> None:
    """Write a .slp file.

    Raises:
        ValueError: If the name of the file does not end in .slp.
        ImportError: Without sleap-io.
    """
    sleap_io = require('sleap_io')
    if path.suffix != '.slp':
        raise ValueError(f'{path}: expected a name that ends in .slp')
    skeletons = {c.name: _skeleton(sleap_io, c) for c in annotations.categories}
    folder = Path(images).resolve() if images is not None else PurePosixPath()
    names = [(folder / image.file_name).as_posix() for image in annotations.images]
    # The images need not be there, so what an open video would say about itself is said here.
    listed = dict(type='ImageVideo', filename=names[0] if names else '', filenames=names)
    video = sleap_io.Video(filename=names, backend_metadata=listed, open_backend=False)
    frames = [
        sleap_io.LabeledFrame(
            video=video,
            frame_idx=index,
            instances=[_instance(sleap_io, i, skeletons[i.category]) for i in image.instances],
        )
        for index, image in enumerate(annotations.images)
    ]
    labels = sleap_io.Labels(frames, videos=[video], skeletons=list(skeletons.values()))
    sleap_io.save_slp(labels, str(path), verbose=False)


def _instances(frame) -> list:
    """Instances of a frame: those of users, and predictions that nobody corrected."""
    return [*frame.user_instances, *frame.unused_predictions]


def _frame_name(video, index: int) -> str:
    video = video.source_video or video  # frames that were packed into the file
    if isinstance(video.filename, list):
        if not 0 <= index < len(video.filename):
            raise ValueError(f'frame {index}, expected one of {len(video.filename)} images')
        return str(video.filename[index])
    return f'{PurePosixPath(str(video.filename).replace(chr(92), "/")).stem}/{index:06d}.png'


def _read_category(skeleton) -> KeypointCategory:
    pairs = [tuple(sorted(pair)) for pair in skeleton.symmetry_inds]
    return KeypointCategory(
        skeleton.name or NO_BOX_CATEGORY,
        skeleton.node_names,
        [tuple(edge) for edge in skeleton.edge_inds],
        sorted(pairs),
    )


def _read_instance(instance) -> KeypointInstance:
    xy = np.asarray(instance.points['xy'], dtype=np.float64)
    visible = np.where(instance.points['visible'], VISIBLE, HIDDEN)
    visible[np.isnan(xy).any(axis=1)] = ABSENT
    scores = None
    if 'score' in instance.points.dtype.names:
        scores = np.nan_to_num(np.asarray(instance.points['score'], dtype=np.float64))
    category = instance.skeleton.name or NO_BOX_CATEGORY
    return KeypointInstance(category, np.column_stack([xy, visible]), None, scores)


def _skeleton(sleap_io, category: KeypointCategory):
    names = category.keypoint_names
    skeleton = sleap_io.Skeleton(list(names), name=category.name)  # it changes its list
    skeleton.add_edges([(names[a], names[b]) for a, b in category.skeleton])
    skeleton.add_symmetries([(names[a], names[b]) for a, b in category.flip_pairs])
    return skeleton


def _instance(sleap_io, instance: KeypointInstance, skeleton):
    absent = instance.keypoints[:, 2:] == ABSENT
    xy = np.where(absent, np.nan, instance.keypoints[:, :2])
    if instance.scores is None:
        made = sleap_io.Instance.from_numpy(xy, skeleton)
    else:
        labelled = instance.scores[~absent[:, 0]]
        score = float(labelled.mean()) if len(labelled) else 0.0
        made = sleap_io.PredictedInstance.from_numpy(xy, skeleton, instance.scores, score)
    made.points['visible'] = instance.keypoints[:, 2] == VISIBLE
    return made
