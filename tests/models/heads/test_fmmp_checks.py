import pytest
import torch

from kpt_plugins.models.heads.fmmp_checks import check_maps, check_options, check_references

GOOD = dict(dims=16, num_layers=3, order_code='index', proposal=None)


@pytest.mark.parametrize(
    'options, message',
    [
        (dict(num_layers=-1), 'num_layers=-1, expected a whole number, at least 0'),
        (dict(num_layers=1.5), 'num_layers=1.5, expected a whole number'),
        (dict(num_layers=0), 'num_layers=0 leaves only the proposal'),
        (dict(dims=15), 'dims=15, expected an even number'),
        (dict(dims=0), 'dims=0, expected an even number'),
        (dict(order_code='learned'), "'index' or 'none', got 'learned'"),
    ],
)
def test_options(options, message):
    check_options(**GOOD)
    check_options(**{**GOOD, 'num_layers': 0, 'proposal': {}})
    with pytest.raises(ValueError, match=message):
        check_options(**{**GOOD, **options})


def test_maps():
    maps = [torch.zeros(2, 16, size, size) for size in (2, 4)]
    check_maps(maps, dims=16, num_levels=2)
    check_maps(maps, dims=16, num_levels=None)
    with pytest.raises(ValueError, match='num_levels=3, but there are 2 maps'):
        check_maps(maps, dims=16, num_levels=3)
    with pytest.raises(ValueError, match=r'dims=16, but the maps have \[16, 8\] channels'):
        check_maps([maps[0], maps[1][:, :8]], dims=16, num_levels=2)


def test_references():
    four, eight = torch.zeros(1, 2, 5, 4), torch.zeros(1, 5, 8)
    check_references(four, four[:, 0], 4)
    check_references(four, eight, None)
    for tables in ((four, eight), (eight, four)):
        with pytest.raises(ValueError, match='num_references=4, but the episodes have 8'):
            check_references(*tables, 4)
