"""What our inferencers have in common: from any input to results, drawings and files."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from mmengine.config import Config
from mmengine.logging import print_log
from mmpose.structures import PoseDataSample
from torch import Tensor, nn
from tqdm import tqdm

from kpt_plugins.annotation_formats import KeypointCategory

from .inference_inputs import Frame, Inputs
from .inference_results import ImageResult, PredictedInstance
from .instance_detector import InstanceDetector
from .model_loading import find_device
from .model_source import ModelSource, read_model_source
from .output_files import ResultWriter
from .query_batches import Query, find_queries, read_batches
from .support_set import check_boxes


class Crop(NamedTuple):
    """An object cut out of its image.

    Attributes:
        inputs: ``uint8 Tensor (3, H, W)``, BGR.
        sample: Knows the way back to the image, and the box, ``gt_instances.bboxes`` (1, 4).
        bbox_score: Of the detector, 1 where the box was given.
    """

    inputs: Tensor
    sample: PoseDataSample
    bbox_score: float


class KeypointInferencer(ABC):
    """Base of inferencers that find the keypoints of one category at a time.

    A subclass says which (``category``), builds the model, and says how objects are cropped and
    predicted.

    Args:
        model: Config file, name of a shipped config, or the config itself; by default the one in
            the checkpoint. Or both as they have been read, then without ``weights``.
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
        FileNotFoundError, ValueError: If config or checkpoint is missing, damaged, or not of the
            subclass's kind, or they do not fit each other; if there is no such device.
    """

    def __init__(
        self,
        model: str | Path | Config | dict | ModelSource | None = None,
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
        self.device = find_device(device)
        source = model
        if not isinstance(source, ModelSource):
            source = read_model_source(model, weights, allow_pickle)
        self.cfg = source.cfg
        self.model = self._build_model(source).to(self.device)
        self.detector = None
        if det_model is not None:
            self.detector = InstanceDetector(
                det_model, det_weights, det_cat_ids, str(self.device), bbox_thr, nms_thr
            )
        self.show_progress = show_progress

    @property
    @abstractmethod
    def category(self) -> KeypointCategory:
        """Names and skeleton of the keypoints that are looked for."""

    @abstractmethod
    def _build_model(self, source: ModelSource) -> nn.Module:
        """The model on the CPU, in evaluation mode; also sets up what the crops need."""

    @abstractmethod
    def _build_crop(
        self, image: np.ndarray, name: str, bbox: np.ndarray
    ) -> tuple[Tensor, PoseDataSample]:
        """Inputs and sample of a :class:`Crop`: a box (4,) in an image ``(H, W, 3)``, BGR."""

    @abstractmethod
    def _predict_crops(self, crops: Sequence[Crop]) -> list[PredictedInstance]:
        """What is found in each crop, one batch of the model."""

    @property
    def _missing(self) -> str | None:
        """What must be done before anything can be predicted, None if nothing."""
        return None

    def predict(
        self, inputs: Inputs, bbox: Sequence | None = None, **options: Any
    ) -> list[ImageResult]:
        """Find the keypoints in images.

        Args:
            inputs: An image, array, video, folder, pattern or camera, or a list; see
                :func:`~kpt_plugins.apis.inference_inputs.find_sources`.
            bbox: See :meth:`stream`.
            options: See :meth:`stream`.

        Returns:
            A result for each image and frame, in order. What cannot be read among several inputs
            is a result with ``error``.

        Raises:
            RuntimeError: If what to look for was not set before (``set_support`` of few-shot).
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
                list of inputs one box for all, or a list, with a box, boxes or None for each. By
                default what the detector finds, or the whole image without a detector.
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
        if self._missing:
            raise RuntimeError(self._missing)
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

    def _crop(self, frame: Frame, boxes: Sequence | None) -> list[Crop]:
        """Crops of every object in an image."""
        height, width = frame.image.shape[:2]
        if boxes is None and self.detector is not None:
            boxes, scores = self.detector(frame.image)
        else:
            boxes = check_boxes(boxes, width, height, f'{frame.name}: bbox')
            scores = np.ones(len(boxes))
        return [
            Crop(*self._build_crop(frame.image, frame.name, box), float(score))
            for box, score in zip(boxes, scores, strict=True)
        ]

    def _predict_batches(
        self, batches: Iterator[list[Query]], batch_size: int
    ) -> Iterator[tuple[Query, ImageResult]]:
        category = self.category
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
