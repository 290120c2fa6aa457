import logging
from contextlib import nullcontext
from types import SimpleNamespace

import pytest
import torch

from kpt_plugins.engine.hooks import PromptUsageHook
from kpt_plugins.engine.hooks.prompt_usage_hook import prompt_usage
from kpt_plugins.models.layers.gaussian_maps import gaussian_maps
from kpt_plugins.models.layers.prompt_decoding import decode_prompts

from .toy import ToyModel, toy_runner

HOOK = 'kpt_plugins.engine.hooks.prompt_usage_hook.print_log'


def slow_usage(points, visibility, radius, threshold):
    used, distinct, ever = [], [], set()
    for place, seen in zip(points.tolist(), visibility.tolist(), strict=True):
        shown = [n for n, v in enumerate(seen) if v > threshold]
        first = [
            n
            for n in shown
            if not any(
                m < n
                and ((place[n][0] - place[m][0]) ** 2 + (place[n][1] - place[m][1]) ** 2) ** 0.5
                < radius
                for m in shown
            )
        ]
        used.append(len(shown))
        distinct.append(len(first))
        ever |= set(shown)
    return dict(
        prompt_visibility=visibility.mean().item(),
        prompts_used=sum(used) / len(used),
        distinct_positions=sum(distinct) / len(distinct),
        prompts_ever_used=len(ever),
    )


@pytest.mark.parametrize('radius', [0.5, 2.0])
@pytest.mark.parametrize('threshold', [0.3, 0.95])
def test_usage(radius, threshold):
    generator = torch.Generator().manual_seed(0)
    points = 6 * torch.rand(4, 10, 2, generator=generator)
    visibility = torch.rand(4, 10, generator=generator)
    result = prompt_usage(points, visibility, radius, threshold)
    assert result == pytest.approx(slow_usage(points, visibility, radius, threshold))


def maps(points, peak=0.9):
    """Heatmaps (1, N, 16, 16) of prompts at points of the crop."""
    return peak * gaussian_maps(torch.tensor([points]), 16, 16, 1.5)


APART = maps([[0.2, 0.2], [0.8, 0.2], [0.2, 0.8], [0.8, 0.8]])
MERGED = maps([[0.5, 0.5], [0.52, 0.5], [0.5, 0.51], [0.8, 0.8]])
EMPTY = maps([[0.2, 0.2], [0.8, 0.2], [0.2, 0.8], [0.8, 0.8]], peak=0.2)


class Model(ToyModel):
    def __init__(self, heatmaps):
        super().__init__()
        self.latest_heatmaps = heatmaps

    def decode(self, heatmaps):
        return decode_prompts(heatmaps, 1.5)


def train(work_dir, monkeypatch, model, **kwargs):
    """Warnings and logged scalars of 10 iterations."""
    said = []
    monkeypatch.setattr(HOOK, lambda text, logger, level: said.append((level, text)))
    hook = PromptUsageHook(**{**dict(interval=2, grace=0.0), **kwargs})
    runner = toy_runner(work_dir, model, max_epochs=5, hooks=[hook])
    runner.train()
    return said, runner.message_hub.log_scalars


def test_says_nothing_about_prompts_that_are_apart(tmp_path, monkeypatch):
    said, scalars = train(tmp_path, monkeypatch, Model(APART))
    assert said == []
    expected = dict(prompts_used=4, distinct_positions=4, prompts_ever_used=4)
    for name, value in expected.items():
        assert list(scalars[f'train/{name}'].data[0]) == [value] * 5
    visibility = APART.flatten(2).max(dim=-1).values.mean().item()
    assert scalars['train/prompt_visibility'].current() == pytest.approx(visibility)


def test_warns_of_merged_prompts(tmp_path, monkeypatch):
    said, scalars = train(tmp_path, monkeypatch, Model(MERGED))
    assert scalars['train/distinct_positions'].current() == 2
    assert len(said) == 5
    level, text = said[0]
    assert level == logging.WARNING
    assert text.startswith('iteration 2: 4.0 prompts in use an image, at 2.0 distinct positions')
    assert 'losses.guiding' in text
    assert train(tmp_path, monkeypatch, Model(MERGED), min_distinct=0.5)[0] == []
    assert train(tmp_path, monkeypatch, Model(MERGED), radius=0.1)[0] == []


def test_warns_of_prompts_that_show_nothing(tmp_path, monkeypatch):
    said, _ = train(tmp_path, monkeypatch, Model(EMPTY))
    assert 'iteration 2: 0.0 prompts in use' in said[0][1] and 'too high' in said[0][1]
    assert train(tmp_path, monkeypatch, Model(EMPTY), threshold=0.1)[0] == []


def test_waits_before_the_first_warning(tmp_path, monkeypatch):
    said, scalars = train(tmp_path, monkeypatch, Model(EMPTY), grace=0.5)
    assert [text.split(':')[0] for _, text in said] == [
        'iteration 6',
        'iteration 8',
        'iteration 10',
    ]
    assert len(scalars['train/prompts_used'].data[0]) == 5


def test_other_model(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match='the model is a ToyModel'):
        train(tmp_path, monkeypatch, ToyModel())


def test_fewer_prompts_than_the_data_may_need():
    model = SimpleNamespace(latest_heatmaps=None, head=SimpleNamespace(num_prompts=20))
    for most, fits in [(48, False), (20, True), (None, True)]:
        dataset = SimpleNamespace(max_keypoints=most)
        loader = SimpleNamespace(dataset=dataset)
        runner = SimpleNamespace(model=model, train_dataloader=loader)
        with (
            nullcontext()
            if fits
            else pytest.raises(
                ValueError,
                match='num_prompts is 20, but train_dataloader.dataset.max_keypoints.* 48',
            )
        ):
            PromptUsageHook().before_train(runner)


def test_bad_interval():
    with pytest.raises(ValueError, match='interval is 0'):
        PromptUsageHook(interval=0)
