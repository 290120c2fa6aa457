"""From a few annotated images to the keypoints of any others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.logging import print_log
from mmpose.registry import INFERENCERS
from tqdm import tqdm

from kpt_plugins.models.pose_estimators.few_shot_pose_estimator import to_image

from .episode_builder import EpisodeBuilder
from .few_shot_model import load_few_shot_model
from .inference_inputs import Frame, Input, Inputs
from .inference_results import ImageResult, PredictedInstance
from .instance_detector import InstanceDetector
from .output_files import ResultWriter
from .query_batches import Query, find_queries, read_batches
from .support_files import read_supports
from .support_set import SupportSet, check_boxes


@INFERENCERS.register_module()
class FewShotInferencer:
    """Predicts the keypoints that a few annotated supports show, without training.

    The supports are encoded once, by :meth:`set_support`; then any number of images is predicted.
    Crops, padding and references are those of the config's test pipeline.

    Args:
        model: Config file, name of a shipped config, or the config itself; by default the one in
            the checkpoint.
        weights: Checkpoint file. Without it, ``model`` is needed and its weights are random.
        device: As in PyTorch, by default a GPU if there is one.
        det_model: Config file or model-zoo name of an MMDetection model, which finds the objects
            where no box is given. Without it that is the whole image.
        det_weights: The detector's checkpoint, by default the model zoo's.
        det_cat_ids: Indices of the detector's classes to keep, by default all.
        bbox_thr: Least score of a detected box.
        nms_thr: Of two detected boxes with a higher overlap the less sure one is dropped.
        show_progress: Show a progress bar.
        allow_pickle: Read a checkpoint with arbitrary Python objects, of an author whom you trust.

    Raises:
        FileNotFoundError, ValueError: If config or checkpoint is missing, damaged, or not of a
            few-shot model, or they do not fit each other.

    Examples:
        >>> inferencer = FewShotInferencer(weights='work_dirs/fmmp_synth/epoch_9.pth')
        >>> inferencer.set_support('cat.jpg', [[40, 52], [80, 50], [61, 75]],
        ...                        names=['left eye', 'right eye', 'nose'])
        >>> for result in inferencer.predict('photos'):
        ...     print(result.name, result.instances[0].keypoints, result.instances[0].scores)
    """

    def __init__(
        self,
        model: str | Path | Config | dict | None = None,
        weights: str | Path | None = None,
        device: str | None = None,
        det_model: str | Path | None = None,
        det_weights: str | Path | None = None,
        det_cat_ids: int | Sequence[int] | None = None,
        bbox_thr: float = 0.3,
        nms_thr: float = 0.3,
        show_progress: bool = False,
        allow_pickle: bool = False,
    ) -> None:
        self.cfg, self.model = load_few_shot_model(model, weights, allow_pickle)
        self.builder = EpisodeBuilder(self.cfg)
        self.device = torch.device(device or get_device())
        self.model.to(self.device)
        self.detector = None
        if det_model is not None:
            self.detector = InstanceDetector(
                det_model, det_weights, det_cat_ids, str(self.device), bbox_thr, nms_thr
            )
        self.show_progress = show_progress
        self.support: SupportSet | None = None
        self._state: object = None

    @torch.no_grad()
    def set_support(
        self,
        images: Input | Sequence[Input] | SupportSet,
        keypoints: np.ndarray | Sequence | None = None,
        skeleton: Sequence | None = None,
        names: Sequence[str] | None = None,
        bbox: Sequence | None = None,
        flip_pairs: Sequence | None = None,
        category: str | None = None,
    ) -> SupportSet:
        """Choose what to look for, and encode it. May be called again, for another category.

        Args:
            images: An image or a list of images, paths or ``arrays (H, W, 3)``, BGR. Or, without
                the other arguments: a :class:`SupportSet`; a file or folder that
                :func:`~kpt_plugins.apis.support_files.read_supports` reads.
            keypoints: For each image (K, 2), x and y in pixels and NaN where a keypoint is not
                shown, or (K, 3) with a visibility, 0 where it is not shown.
            skeleton: Links (a, b), counted from 0; by default a minimum spanning tree.
            names: K names.
            bbox: For each image the object's box x1, y1, x2, y2 in pixels, or None; by default the
                whole image.
            flip_pairs: (left, right) keypoints that a mirror exchanges, counted from 0.
            category: Name of the category; of a file with several, which one.

        Returns:
            The supports, completed.

        Raises:
            FileNotFoundError, TypeError, ValueError: Naming the image or file, what is wrong with
                it and what was expected. The supports set before stay.
        """
        given = dict(skeleton=skeleton, names=names, bbox=bbox, flip_pairs=flip_pairs)
        if keypoints is None:
            extra = [name for name, value in given.items() if value is not None]
            if extra or not isinstance(images, (str, Path, SupportSet)):
                raise ValueError(
                    f'keypoints: None{f", but {extra[0]} is given" if extra else ""}; expected an '
                    f'array for each image, or only a file or folder of annotated images'
                )
            support = images
            if not isinstance(images, SupportSet):
                support = read_supports(images, category)
        else:
            support = SupportSet.from_arrays(
                images, keypoints, **given, category=category or 'object'
            )
        inputs, episode = self.builder.build_support(support)
        episode = {key: value[None].to(self.device) for key, value in episode.items()}
        self._state = self.model.encode_support(self._normalise(inputs[None]), episode)
        self.support = support
        return support

    def predict(
        self, inputs: Inputs, bbox: Sequence | None = None, **options: Any
    ) -> list[ImageResult]:
        """Find the supports' keypoints in images.

        Args:
            inputs: An image, array, video, folder, pattern or camera, or a list; see
                :func:`~kpt_plugins.apis.inference_inputs.find_sources`.
            bbox: See :meth:`stream`.
            options: See :meth:`stream`.

        Returns:
            A result for each image and frame, in order. What cannot be read among several inputs
            is a result with ``error``.

        Raises:
            RuntimeError: If :meth:`set_support` was not called.
            FileNotFoundError, TypeError, ValueError: If a single input cannot be read, or an
                argument is wrong.
        """
        return list(self.stream(inputs, bbox, **options))

    def stream(
        self,
        inputs: Inputs,
        bbox: Sequence | None = None,
        batch_size: int = 8,
        return_vis: bool = False,
        vis_out_dir: str | Path = '',
        pred_out_dir: str | Path = '',
        draw_bbox: bool = False,
        kpt_thr: float = 0.0,
    ) -> Iterator[ImageResult]:
        """As :meth:`predict`, but each result as soon as it is there, for long videos and cameras.

        Args:
            inputs: As in :meth:`predict`.
            bbox: A box x1, y1, x2, y2 in pixels, or several (N, 4), of every image and frame. For a
                list of inputs a list, with a box, boxes or None for each. By default what the
                detector finds, or the whole image without a detector.
            batch_size: Crops that pass the model at once.
            return_vis: Keep the drawing in ``visualization`` of each result.
            vis_out_dir: Folder for drawings, a JPEG an image, an MP4 a video.
            pred_out_dir: Folder for JSON files, as MMPose writes them.
            draw_bbox: Draw boxes too.
            kpt_thr: Keypoints with a lower score are not drawn. Nothing is taken out of the
                results.

        Raises:
            As :meth:`predict`.
        """
        if self._state is None:
            raise RuntimeError(
                'there is no support yet: call set_support(images, keypoints) before predict'
            )
        if batch_size < 1:
            raise ValueError(f'batch_size={batch_size}, expected at least 1')
        queries = find_queries(inputs, bbox)
        alone = len(queries) == 1 and not isinstance(inputs, (list, tuple))
        batches = read_batches(queries, self._crop, batch_size, alone)
        total = None if any(source.is_video for source, _ in queries) else len(queries)

        def run() -> Iterator[ImageResult]:
            bar = tqdm(total=total, unit='image', disable=not self.show_progress)
            with bar, ResultWriter(vis_out_dir, pred_out_dir) as writer:
                for query, result in self._predict_batches(batches, batch_size):
                    if query.frame is not None and (return_vis or vis_out_dir):
                        result.visualization = result.draw(query.frame.image, draw_bbox, kpt_thr)
                    writer.write(result, query.frame.fps if query.frame else None)
                    if not return_vis:
                        result.visualization = None
                    bar.update()
                    yield result

        return run()

    def __call__(
        self,
        inputs: Inputs,
        bbox: Sequence | None = None,
        return_datasamples: bool = False,
        out_dir: str | Path | None = None,
        **options: Any,
    ) -> Iterator[dict[str, list]]:
        """As MMPose's inferencers: yields ``predictions`` and ``visualization`` of every image.

        Args:
            inputs, bbox, options: As in :meth:`stream`.
            return_datasamples: Give ``PoseDataSample`` and not dicts.
            out_dir: Folder whose ``visualizations`` and ``predictions`` are written.

        Yields:
            ``predictions``: a list with, of the one image, the list of its instances; and
            ``visualization``, a list with its drawing, if ``return_vis``. Inputs that cannot be
            read are left out with a warning.
        """
        if out_dir is not None:
            options.setdefault('vis_out_dir', Path(out_dir) / 'visualizations')
            options.setdefault('pred_out_dir', Path(out_dir) / 'predictions')
        for result in self.stream(inputs, bbox, **options):
            if result.error is not None:
                continue
            prediction = [instance.to_dict() for instance in result.instances]
            if return_datasamples:
                prediction = result.to_data_sample()
            drawings = [] if result.visualization is None else [result.visualization]
            yield dict(predictions=[prediction], visualization=drawings)

    def _crop(self, frame: Frame, boxes: Sequence | None) -> list[tuple]:
        """(crop, sample, score of the box) of every object in an image."""
        height, width = frame.image.shape[:2]
        if boxes is None and self.detector is not None:
            boxes, scores = self.detector(frame.image)
        else:
            boxes = check_boxes(boxes, width, height, f'{frame.name}: bbox')
            scores = np.ones(len(boxes))
        category = self.support.category
        return [
            (*self.builder.build_query(frame.image, frame.name, box, category), float(score))
            for box, score in zip(boxes, scores, strict=True)
        ]

    def _predict_batches(
        self, batches: Iterator[list[Query]], batch_size: int
    ) -> Iterator[tuple[Query, ImageResult]]:
        category = self.support.category
        for batch in batches:
            crops = [crop for query in batch for crop in query.crops]
            found = []
            for start in range(0, len(crops), batch_size):
                found += self._predict_crops(crops[start : start + batch_size])
            for query in batch:
                result = ImageResult(query.name, category)
                if query.error is not None:
                    result.error = str(query.error)
                    print_log(f'no prediction: {query.error}', 'current', 30)
                else:
                    own, found = found[: len(query.crops)], found[len(query.crops) :]
                    result.height, result.width = query.frame.image.shape[:2]
                    result.instances, result.frame = own, query.frame.index
                yield query, result

    @torch.no_grad()
    def _predict_crops(self, crops: list[tuple]) -> list[PredictedInstance]:
        inputs = self._normalise(torch.stack([crop for crop, _, _ in crops]))
        predictions = self.model.predict_query(inputs, self._state)
        shown, instances = self.support.shown, []
        for (_, sample, box_score), prediction in zip(crops, predictions, strict=True):
            found = to_image(prediction, sample)
            instances.append(
                PredictedInstance(
                    keypoints=found.keypoints[0].astype(np.float32),
                    scores=np.where(shown, found.keypoint_scores[0], 0).astype(np.float32),
                    bbox=found.bboxes[0],
                    bbox_score=box_score,
                    shown=shown.copy(),
                )
            )
        return instances

    def _normalise(self, images: torch.Tensor) -> torch.Tensor:
        """Crops (..., 3, H, W) as the model takes them, on its device."""
        return self.model.data_preprocessor(dict(inputs=images, data_samples=None))['inputs']
