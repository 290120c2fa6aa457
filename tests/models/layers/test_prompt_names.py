import pytest
import torch
from torch import nn

from kpt_plugins.models.layers.prompt_names import PromptNames


def test_names_of_categories():
    names = PromptNames()
    assert names.get(3) is None
    names.set({3: [4, -1, 0], 7: [1]}, num_prompts=5)
    assert names.get(3).tolist() == [4, -1, 0]
    assert names.get(7).tolist() == [1]
    assert names.get(1) is None
    names.set({1: [2, 3]}, num_prompts=5)
    assert names.get(3) is None and names.get(1).tolist() == [2, 3]
    names.set({}, num_prompts=5)
    assert names.get(1) is None


def test_travel_in_the_state_dict():
    model, other = (nn.ModuleDict(dict(names=PromptNames())) for _ in range(2))
    model['names'].set({3: [4, -1, 0], 7: [1]}, num_prompts=5)
    other.load_state_dict(model.state_dict())
    assert other['names'].get(3).tolist() == [4, -1, 0]
    # a checkpoint from before, without names, loads too and leaves them
    assert not any(other.load_state_dict({}))
    assert other['names'].get(7).tolist() == [1]
    other.load_state_dict(nn.ModuleDict(dict(names=PromptNames())).state_dict())
    assert other['names'].get(7) is None


@pytest.mark.parametrize('prompt', [5, -2])
def test_prompt_that_does_not_exist(prompt):
    with pytest.raises(ValueError, match=f'prompt {prompt} of keypoint 1 of category 9'):
        PromptNames().set({9: [0, prompt]}, num_prompts=5)


def test_moves_with_the_model():
    names = PromptNames()
    names.set({1: [0]}, num_prompts=1)
    assert names.to('meta').prompts.device == torch.device('meta')
