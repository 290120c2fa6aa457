"""What one step of incremental learning leaves to the next."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import torch
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import Runner, get_state_dict, weights_to_cpu
from mmpose.registry import HOOKS

from kpt_plugins.models.pose_estimators.incremental_pose_estimator import (
    IncrementalPoseEstimator,
)
from kpt_plugins.structures.keypoint_selection import check_flip
from kpt_plugins.structures.plain_detector import plain_config
from kpt_plugins.structures.step_manifest import StepManifest, check_parent, sha256_of

from .run_parts import run_model
from .safe_checkpoint_hook import PARTIAL_SUFFIX, publish, write_atomically

DETECTOR_NAME = 'detector.pth'
CONFIG_NAME = 'detector.py'
# Entry of a checkpoint with what training needs besides the student.
STATE_KEY = 'incremental'


@HOOKS.register_module()
class StepHandoverHook(Hook):
    """Checks the step before at the start, writes this step's detector at the end.

    In the run's folder it leaves ``detector.pth`` and ``detector.py``, the trained detector as an
    ordinary MMPose checkpoint, which holds its config, and that config, and ``manifest.json``
    (:class:`StepManifest`). The last weights are written, not the best: a step has no labels to
    choose by. During training, checkpoints carry KA-Net and the triplets beside the student, for a
    resume.

    The training dataset must be a :class:`KeypointStepDataset`; the model is a
    :class:`IncrementalPoseEstimator`, or at the base step any heatmap detector.

    Raises:
        ValueError: If the parent is not the step before, or a resumed run had another one.
    """

    priority = 'VERY_HIGH'  # its clock starts before the first stage

    def __init__(self) -> None:
        self._minutes, self._started = 0.0, None

    def before_run(self, runner: Runner) -> None:
        """Before anything is loaded, so that a wrong parent costs nothing."""
        model = run_model(runner)
        if isinstance(model, IncrementalPoseEstimator) and model.parent:
            check_parent(model.parent, model.steps.names(model.step - 1))

    def before_test(self, runner: Runner) -> None:
        """A test with flipped images needs both sides of every keypoint."""
        if run_model(runner).test_cfg.get('flip_test', False):
            check_flip(runner.test_dataloader.dataset.metainfo, 'model.test_cfg.flip_test')

    def before_train(self, runner: Runner) -> None:
        self._started = self._started or time.monotonic()

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        model, state = run_model(runner), dict(minutes=self._spent())
        if isinstance(model, IncrementalPoseEstimator):
            state.update(
                parent_sha256=model.parent_sha256, triplets=[list(t) for t in model.triplets]
            )
            if model.ka_net is not None:
                state['ka_net'] = weights_to_cpu(model.ka_net.state_dict())
        checkpoint[STATE_KEY] = state

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        model, state = run_model(runner), checkpoint.get(STATE_KEY)
        if not runner._resume or state is None:
            return
        self._minutes = state['minutes']
        if not isinstance(model, IncrementalPoseEstimator):
            return
        if state['parent_sha256'] != model.parent_sha256:
            raise ValueError(
                f'cannot resume in {runner.work_dir}: its checkpoint was trained from an old '
                f'detector with sha256 {state["parent_sha256"][:12]}..., {model.parent} is another '
                f'({model.parent_sha256[:12]}...); remove the folder, or set model.parent'
            )
        if model.ka_net is not None and 'ka_net' in state:
            model.ka_net.load_state_dict(state['ka_net'])
            model.set_triplets(state['triplets'])

    def after_train(self, runner: Runner) -> None:
        if is_main_process():
            self._hand_over(runner)

    def _hand_over(self, runner: Runner) -> None:
        model, info = run_model(runner), runner.train_dataloader.dataset.metainfo
        incremental = isinstance(model, IncrementalPoseEstimator)
        names = [info['keypoint_id2name'][i] for i in range(info['num_keypoints'])]
        folder, step = Path(runner.work_dir), info['step']
        num_old = sum(len(group) for group in info['keypoint_steps'][:step])
        config = plain_config(runner.cfg, info).pretty_text
        content = dict(
            meta=dict(cfg=config, keypoint_names=names, step=step),
            state_dict=weights_to_cpu(get_state_dict(model)),
        )
        partial = folder / (DETECTOR_NAME + PARTIAL_SUFFIX)
        torch.save(content, partial)
        publish(partial, folder / DETECTOR_NAME)
        write_atomically(folder / CONFIG_NAME, config)
        manifest = StepManifest(
            step=step,
            seen_names=names,
            new_names=names[num_old:],
            checkpoint=DETECTOR_NAME,
            sha256=sha256_of(folder / DETECTOR_NAME),
            parent_sha256=model.parent_sha256 if incremental else None,
            triplets=[list(triplet) for triplet in model.triplets] if incremental else [],
            seed=runner.seed,
            minutes=round(self._spent(), 2),
        )
        path = manifest.write(folder)
        print_log(f'step {step}: {os.path.join(runner.work_dir, DETECTOR_NAME)}, {path}', 'current')

    def _spent(self) -> float:
        """Minutes of training, those before a resume included."""
        return self._minutes + (time.monotonic() - self._started) / 60
