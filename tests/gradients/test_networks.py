"""The networks: torch's own initialisation, a seed that touches nobody else's."""

import pytest
import torch
from torch import nn

from course_lib.gradients import conv_net, mlp


@pytest.mark.parametrize(
    "build", [lambda seed: mlp([6, 5, 3], seed), lambda seed: conv_net((3, 4, 4), (2,), 5, seed=seed)]
)
def test_the_seed_decides_and_leaves_torchs_generator_alone(build):
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    one, same, other = (build(seed).state_dict() for seed in (1, 1, 2))
    assert torch.equal(torch.rand(3), expected)
    assert all(torch.equal(one[k], same[k]) for k in one)
    assert not torch.equal(next(iter(one.values())), next(iter(other.values())))


def test_it_is_torchs_default_initialisation():
    with torch.random.fork_rng():
        torch.manual_seed(3)
        layer = nn.Linear(64, 512)
    assert torch.equal(mlp([64, 512, 10], seed=3)[0].weight, layer.weight)


def test_dtype_and_bias_are_as_asked():
    model = mlp([4, 3, 2], bias=False, dtype=torch.float64)
    assert {p.dtype for p in model.parameters()} == {torch.float64}
    assert [m.bias for m in model if isinstance(m, nn.Linear)] == [None, None]


@pytest.mark.parametrize(("stride", "pool", "features"), [(1, False, 12 * 64), (2, False, 12 * 16), (2, True, 12 * 4)])
def test_stride_and_pool_shrink_what_reaches_the_linear_layer(stride, pool, features):
    model = conv_net((3, 8, 8), (4, 12), hidden=7, classes=5, stride=stride, pool=pool)
    assert next(m for m in model if isinstance(m, nn.Linear)).in_features == features
    assert model(torch.zeros(2, 3, 8, 8)).shape == (2, 5)


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda: mlp([3]), r"sizes \(3,\); at least two numbers"),
        (lambda: mlp([3, 0]), "from 1 upwards"),
        (lambda: conv_net(channels=()), "no convolution: give at least one number of channels"),
        (lambda: conv_net((3, 9, 9), stride=2), "pictures of 9 x 9 cannot be cut into 2 x 2 fields"),
        (lambda: conv_net((3, 6, 6), stride=2, pool=True), "4 x 4 fields"),
        (lambda: conv_net(stride=0), "0 x 0 fields"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(build, said):
    with pytest.raises(ValueError, match=said):
        build()
