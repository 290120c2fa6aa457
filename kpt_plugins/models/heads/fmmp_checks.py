"""Parts of a config that do not fit each other, said in the config's own words."""

from collections.abc import Sequence

from torch import Tensor


def check_options(dims: int, num_layers: int, order_code: str, proposal: dict | None) -> None:
    """Check the options of :class:`~kpt_plugins.models.heads.fmmp_head.FMMPHead` that its layers do
    not check themselves.

    Raises:
        ValueError: Naming the option, its value and what was expected.
    """
    if order_code not in ('index', 'none'):
        raise ValueError(f"FMMPHead: order_code must be 'index' or 'none', got {order_code!r}")
    if not isinstance(num_layers, int) or num_layers < 0:
        raise ValueError(
            f'FMMPHead: num_layers={num_layers!r}, expected a whole number, at least 0'
        )
    if not isinstance(dims, int) or dims < 2 or dims % 2:
        raise ValueError(
            f'FMMPHead: dims={dims!r}, expected an even number: one half codes y, the other x'
        )
    if not num_layers and proposal is None:
        raise ValueError('FMMPHead: num_layers=0 leaves only the proposal, but proposal=None')


def check_maps(pyramid: Sequence[Tensor], dims: int, num_levels: int | None) -> None:
    """Check maps (N, C, H_t, W_t) of T levels.

    Args:
        pyramid (Sequence[Tensor]): The maps.
        dims (int): The C that the head is made for.
        num_levels (int, optional): The T that it is made for; None for any.

    Raises:
        ValueError: If the maps have other channels, or are more or fewer.
    """
    channels = [level.shape[1] for level in pyramid]
    if any(count != dims for count in channels):
        raise ValueError(
            f'FMMPHead: dims={dims}, but the maps have {channels} channels; dims and the '
            f"neck's out_channels must be the same"
        )
    if num_levels not in (None, len(pyramid)):
        raise ValueError(
            f'FMMPHead: num_levels={num_levels}, but there are {len(pyramid)} maps; the neck must '
            f'give as many (for TopDownPyramid one for each of its in_channels)'
        )


def check_references(
    references: Tensor, query_references: Tensor, num_references: int | None
) -> None:
    """Check that tables of references (..., M) have the M that the head is made for; None for any.

    Raises:
        ValueError: If one of them has not.
    """
    for table in (references, query_references):
        if num_references not in (None, table.shape[-1]):
            raise ValueError(
                f'FMMPHead: num_references={num_references}, but the episodes have '
                f'{table.shape[-1]} references for each keypoint; StructuralReferences in the '
                f'pipelines and the head must have the same num_references'
            )
