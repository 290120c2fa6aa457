"""Names for prompts: which one shows which keypoint of a category."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn


class PromptNames(nn.Module):
    """For categories, the prompt of each keypoint; part of the state dict, whatever its size.

    Buffers ``categories`` (C,) and ``prompts`` (C, K), padded with -2; -1 is a keypoint without a
    prompt.
    """

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer('categories', torch.zeros(0, dtype=torch.int64))
        self.register_buffer('prompts', torch.zeros(0, 0, dtype=torch.int64))
        self._register_load_state_dict_pre_hook(self._resize)

    def set(self, assignment: Mapping[int, Sequence[int]], num_prompts: int) -> None:
        """Replace all names.

        Args:
            assignment (Mapping): Category id to the prompts of its keypoints, -1 for none.
            num_prompts (int): N.

        Raises:
            ValueError: For a prompt that is not -1 to N - 1.
        """
        for category, prompts in assignment.items():
            for keypoint, prompt in enumerate(prompts):
                if not -1 <= prompt < num_prompts:
                    raise ValueError(
                        f'prompt {prompt} of keypoint {keypoint} of category {category}; expected '
                        f'0 to {num_prompts - 1}, or -1 for none'
                    )
        longest = max((len(prompts) for prompts in assignment.values()), default=0)
        rows = [[*prompts, *[-2] * (longest - len(prompts))] for prompts in assignment.values()]
        device = self.categories.device
        self.categories = torch.tensor(list(assignment), dtype=torch.int64, device=device)
        self.prompts = torch.tensor(rows, dtype=torch.int64, device=device).view(len(rows), longest)

    def get(self, category_id: int) -> Tensor | None:
        """Prompts int64 (K,) of a category's keypoints, or None if it has no names."""
        row = torch.nonzero(self.categories == category_id)
        if not len(row):
            return None
        prompts = self.prompts[row[0, 0]]
        return prompts[prompts > -2]

    def _resize(self, state_dict: dict[str, Tensor], prefix: str, *args) -> None:
        """Before loading: take the size of what is loaded; without any, stay as it is."""
        for name in ('categories', 'prompts'):
            loaded = state_dict.setdefault(f'{prefix}{name}', getattr(self, name))
            own = getattr(self, name)
            if own.shape != loaded.shape:
                setattr(self, name, own.new_zeros(loaded.shape))
