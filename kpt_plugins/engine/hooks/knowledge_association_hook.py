"""The first stage of a step of incremental learning: which keypoints go together, and how."""

from __future__ import annotations

import logging
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from mmengine.dist import all_reduce_params, broadcast_object_list, get_rank, is_main_process
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.optim import build_optim_wrapper
from mmengine.runner import Runner
from mmpose.registry import HOOKS
from torch import Tensor

from kpt_plugins.models.pose_estimators.incremental_pose_estimator import (
    IncrementalPoseEstimator,
)
from kpt_plugins.structures.triplets import (
    Triplet,
    manual_triplets,
    mine_triplets,
    random_triplets,
    skeleton_triplets,
)

from .non_finite_loss_hook import NonFiniteLossError
from .run_parts import run_model
from .safe_checkpoint_hook import PARTIAL_SUFFIX, publish

STATE_NAME = 'association.pth'
# One image and its augmentations fit any relation.
MIN_MINING_IMAGES = 5


@HOOKS.register_module()
class KnowledgeAssociationHook(Hook):
    """Chooses the triplets and trains KA-Net before the student is trained (KAMP, stage I).

    It runs once, before the first epoch, on the run's own training data; the student's epochs and
    learning rate are those of any other method. A killed run goes on after the last whole epoch of
    KA-Net. Without ``model.ka_net`` the hook does nothing.

    Args:
        num_epochs (int): Epochs of KA-Net.
        optim_wrapper (dict): Its optimiser.
        mining_batches (int): Batches that the ``'miner'`` looks at; with fewer than 5 different
            images the skeleton is asked instead.
        peak_threshold (float): A teacher's heatmap counts for the miner from this peak.
    """

    def __init__(
        self,
        num_epochs: int = 5,
        optim_wrapper: dict | None = None,
        mining_batches: int = 50,
        peak_threshold: float = 0.5,
    ) -> None:
        self.num_epochs = num_epochs
        self.optim_wrapper = optim_wrapper or dict(optimizer=dict(type='Adam', lr=1e-3))
        self.mining_batches = mining_batches
        self.peak_threshold = peak_threshold

    def before_train(self, runner: Runner) -> None:
        model = run_model(runner)
        if getattr(model, 'ka_net', None) is None:
            return
        if not model.triplets:  # a resumed checkpoint has them, and the trained KA-Net
            triplets = [self._choose(runner, model)]
            broadcast_object_list(triplets)
            model.set_triplets(triplets[0])
            log = '; '.join(f'{t.first}, {t.second} -> {t.old}' for t in model.triplets)
            print_log(f'triplets ({model.triplet_option}): {log}', 'current')
            model.set_stage('association')
            self._train(runner, model)
        model.set_stage('promotion')

    def _choose(self, runner: Runner, model: IncrementalPoseEstimator) -> list[Triplet]:
        option, number = model.triplet_option, model.ka_net.num_triplets
        new, old = model.steps.new(model.step), model.steps.old(model.step)
        if not isinstance(option, str):
            return manual_triplets(option, new, old)
        if option == 'random':
            return random_triplets(new, old, runner.seed, number)
        if option == 'skeleton':
            return _from_skeleton(runner, new, old, number)
        if option == 'miner':
            points, usable, num_images = self._peaks(runner, model)
            if num_images < MIN_MINING_IMAGES:
                print_log(
                    f"{num_images} images are too few for triplets='miner', which needs "
                    f'{MIN_MINING_IMAGES}: the skeleton is asked instead',
                    'current',
                    logging.WARNING,
                )
                return _from_skeleton(runner, new, old, number)
            ranking = mine_triplets(points, usable, new, old)
            for score, triplet in ranking[:5]:
                print_log(f'association residual {score:.3f}: {tuple(triplet)}', 'current')
            return [triplet for _, triplet in ranking[:number]]
        raise ValueError(
            f"model.triplets must be 'miner', 'skeleton', 'random' or a list of three names each, "
            f'got {option!r}'
        )

    @torch.no_grad()
    def _peaks(
        self, runner: Runner, model: IncrementalPoseEstimator
    ) -> tuple[np.ndarray, np.ndarray, int]:
        """Keypoints (N, K, 2) in heatmap pixels, the old ones the teacher's; which are usable
        (N, K); and of how many different images."""
        points, usable, images = [], [], set()
        for data in self._batches(runner, model, epoch=-1):
            _, old = model.teach(data['inputs'])
            samples = data['data_samples']
            images.update(sample.metainfo.get('img_path', id(sample)) for sample in samples)
            truth = torch.stack([s.gt_fields.heatmaps for s in samples])[:, old.shape[1] :]
            labels = torch.cat([s.gt_instance_labels.keypoint_weights for s in samples])
            place, peak = _argmax(torch.cat([old, truth], dim=1))
            seen = labels > 0
            seen[:, : old.shape[1]] = peak[:, : old.shape[1]] > self.peak_threshold
            points.append(place.cpu().numpy())
            usable.append(seen.cpu().numpy())
            if len(points) == self.mining_batches:
                break
        return np.concatenate(points), np.concatenate(usable), len(images)

    def _train(self, runner: Runner, model: IncrementalPoseEstimator) -> None:
        path, key = Path(runner.work_dir, STATE_NAME), self._key(runner, model)
        optimizer = build_optim_wrapper(model.ka_net, self.optim_wrapper)
        start = _restore(path, key, model, optimizer)
        for epoch in range(start, self.num_epochs):
            losses = []
            model.train()
            for data in self._batches(runner, model, epoch):
                loss = model.association(data['inputs'], data['data_samples'])
                if not torch.isfinite(loss):
                    raise NonFiniteLossError(
                        f'the loss of KA-Net is {loss.item()} in its epoch {epoch + 1}'
                    )
                optimizer.update_params(loss)
                losses.append(loss.item())
            # ranks see different images; their weights are kept equal by averaging
            weights = model.ka_net.state_dict().values()
            all_reduce_params([w for w in weights if w.is_floating_point()], op='mean')
            print_log(
                f'Association [{epoch + 1}/{self.num_epochs}]  loss: {np.mean(losses):.3e}',
                'current',
            )
            if is_main_process():
                partial = path.with_name(path.name + PARTIAL_SUFFIX)
                content = dict(
                    key=key,
                    epoch=epoch + 1,
                    ka_net=model.ka_net.state_dict(),
                    optimizer=optimizer.state_dict(),
                )
                torch.save(content, partial)
                publish(partial, path)

    def _key(self, runner: Runner, model: IncrementalPoseEstimator) -> list:
        """What a saved KA-Net belongs to."""
        triplets = [list(triplet) for triplet in model.triplets]
        net = repr(model.ka_net)
        return [model.parent_sha256, triplets, net, runner.seed, self.num_epochs]

    @staticmethod
    def _batches(
        runner: Runner, model: IncrementalPoseEstimator, epoch: int
    ) -> Iterator[dict[str, Sequence | Tensor]]:
        """One epoch of the run's training data, drawn from (seed, epoch, rank)."""
        words = np.random.SeedSequence([runner.seed, epoch + 1, get_rank(), 1]).generate_state(3)
        random.seed(int(words[0]))
        np.random.seed(words[1])
        torch.manual_seed(int(words[2]))
        sampler = runner.train_dataloader.sampler
        if hasattr(sampler, 'set_epoch'):
            sampler.set_epoch(epoch + 1)
        for data in runner.train_dataloader:
            yield model.data_preprocessor(data, training=True)


def _from_skeleton(
    runner: Runner, new: Sequence[str], old: Sequence[str], number: int
) -> list[Triplet]:
    info = runner.train_dataloader.dataset.metainfo
    names = [info['keypoint_id2name'][i] for i in range(info['num_keypoints'])]
    return skeleton_triplets(names, info['skeleton_links'], new, old, number)


def _restore(path: Path, key: list, model: IncrementalPoseEstimator, optimizer) -> int:
    """Go on with the KA-Net of a killed run; returns the epochs done."""
    if not path.is_file():
        return 0
    saved = torch.load(path, map_location='cpu', weights_only=True)
    if saved['key'] != key:
        return 0
    model.ka_net.load_state_dict(saved['ka_net'])
    optimizer.load_state_dict(saved['optimizer'])
    return saved['epoch']


def _argmax(heatmaps: Tensor) -> tuple[Tensor, Tensor]:
    """Positions (B, K, 2) as x, y of the maxima of (B, K, h, w), and their values (B, K)."""
    value, index = heatmaps.flatten(2).max(dim=2)
    width = heatmaps.shape[3]
    return torch.stack([index % width, index // width], dim=-1).to(value), value
