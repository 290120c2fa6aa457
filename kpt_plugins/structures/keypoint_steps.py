"""Which keypoints an incremental detector learns in which step."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class KeypointSteps:
    """The keypoints of each step, by name, in the order in which they are learnt.

    Step 0 is the base step. The keypoints of step t are its new ones, those of all steps before
    are old, and both together are seen (K_t, O_t and S_t in IKL, Liang et al., CVPR 2025). A
    detector's channels are in learning order: old ones first, and never moved again.

    Args:
        steps: The names of each step's keypoints.

    Raises:
        ValueError: If there is no step, a step is empty or no list of names, or a name appears
            twice; the message names the steps.
    """

    steps: Sequence[Sequence[str]]

    def __post_init__(self) -> None:
        object.__setattr__(self, 'steps', _check(self.steps))

    def __len__(self) -> int:
        return len(self.steps)

    def names(self, step: int) -> tuple[str, ...]:
        """Keypoints seen up to and including a step, in learning order (S_t)."""
        self.check_step(step)
        return tuple(name for names in self.steps[: step + 1] for name in names)

    def new(self, step: int) -> tuple[str, ...]:
        """Keypoints learnt in a step (K_t)."""
        self.check_step(step)
        return self.steps[step]

    def old(self, step: int) -> tuple[str, ...]:
        """Keypoints learnt in earlier steps, in learning order (O_t)."""
        return self.names(step)[: self.num_old(step)]

    def num_old(self, step: int) -> int:
        """Number of the keypoints learnt in earlier steps: the first channel of the new ones."""
        self.check_step(step)
        return sum(len(names) for names in self.steps[:step])

    def check_step(self, step: int) -> None:
        """Refuse a step that there is not.

        Raises:
            ValueError: If `step` is not one of 0 .. len(self) - 1.
        """
        if isinstance(step, bool) or not isinstance(step, int) or not 0 <= step < len(self):
            raise ValueError(
                f'step={step!r}: there are {len(self)} steps, expected 0 to {len(self) - 1}'
            )

    def check_against(self, names: Collection[str], where: str) -> None:
        """Refuse steps with keypoints that a dataset does not have.

        Args:
            names: The dataset's keypoint names.
            where: What they are the names of, for the message, e.g. the annotation file.

        Raises:
            ValueError: Naming the first step with unknown keypoints, these, and the known ones.
        """
        for step, wanted in enumerate(self.steps):
            unknown = [name for name in wanted if name not in names]
            if unknown:
                raise ValueError(
                    f'steps[{step}]: {", ".join(unknown)}: not among the {len(names)} keypoints '
                    f'of {where}: {", ".join(names)}'
                )


def _check(steps: Sequence[Sequence[str]]) -> tuple[tuple[str, ...], ...]:
    """The steps as tuples, after refusing what is wrong with them."""
    if isinstance(steps, str) or not isinstance(steps, Sequence) or not len(steps):
        raise ValueError(f'steps={steps!r}: expected a list of lists of keypoint names')
    first: dict[str, int] = {}
    for step, names in enumerate(steps):
        if isinstance(names, str) or not isinstance(names, Sequence):
            raise ValueError(f'steps[{step}]={names!r}: expected a list of keypoint names')
        if not len(names):
            raise ValueError(f'steps[{step}] is empty: expected at least one keypoint name')
        for name in names:
            if not isinstance(name, str) or not name:
                raise ValueError(f'steps[{step}]: {name!r}: expected the name of a keypoint')
            if name in first:
                both = 'twice in it' if first[name] == step else f'in steps[{first[name]}] too'
                raise ValueError(f'steps[{step}]: keypoint {name} is {both}; each is learnt once')
            first[name] = step
    return tuple(tuple(names) for names in steps)
