"""Identity convolutions: what reaches the linear layer is the picture, in some order, times some constants."""

from functools import cache

import pytest
import torch
from torch import nn

from course_lib.datasets import fundus_crops, photo_crops
from course_lib.gradients import (
    activation_pattern,
    carried_features,
    client_gradient,
    conv_net,
    extract_rows,
    extract_single,
    extraction_metrics,
    identity_convolutions,
    match_rows,
    plant,
    psnr,
    trap_weights,
    undo_convolutions,
)

SHAPE = (3, 32, 32)


@cache
def crops(n, seed=0, **options):
    return tuple(torch.from_numpy(a) for a in photo_crops(n, 32, seed, **options))


def pictures_from(model, x, y):
    sent = client_gradient(model, x, y)
    rows = extract_rows(sent.weight_grads[0], sent.bias_grads[0])
    return undo_convolutions(model, rows.inputs, SHAPE).flatten(1)


BUILDS = {
    "one filter a channel": ((8, 3), 1),
    "silenced filters": ((5, 8), 1),
    "one convolution": ((3,), 1),
    "three convolutions": ((4, 6, 4), 1),
    "stride 2": ((4, 16), 2),
}


@pytest.mark.parametrize("constants_seed", [None, 3])
@pytest.mark.parametrize("build", BUILDS.values(), ids=BUILDS)
def test_every_row_of_one_sample_is_that_sample(build, constants_seed):
    channels, stride = build
    x, y = crops(20)
    honest = conv_net(SHAPE, channels, hidden=200, stride=stride)
    model = identity_convolutions(honest, constants_seed)
    found = pictures_from(model, x, y)
    match = match_rows(found, x)
    alone = activation_pattern(model, x).sum(0) == 1
    assert (match >= 0).sum() == alone.sum() > 0
    assert (found[match >= 0] - x.flatten(1)[match[match >= 0]]).abs().max() < 1e-6


@pytest.mark.parametrize("seed", range(3))
def test_recall_by_batch_size_and_nothing_from_an_honest_start(seed):
    """Five seeds gave .62 at B = 20 and .20 at B = 100 in the mean."""
    recalls = {}
    for batch_size in (20, 100):
        x, y = crops(batch_size, seed)
        honest = conv_net(SHAPE, (8, 3), seed=seed)
        model = identity_convolutions(honest)
        match = match_rows(pictures_from(model, x, y), x)
        recalls[batch_size] = len(set(match[match >= 0].tolist())) / batch_size
        assert recalls[batch_size] == extraction_metrics(activation_pattern(model, x)).recall
        sent = client_gradient(honest, x, y)
        rows = extract_rows(sent.weight_grads[0], sent.bias_grads[0]).inputs
        assert (match_rows(rows, x) == -1).all()
    assert 0.4 < recalls[20] < 0.9 and 0.1 < recalls[100] < 0.35


def test_traps_behind_silenced_filters_go_into_the_columns_that_carry():
    """Five seeds gave .40 against .20 without traps."""
    traps, passive = [], []
    for seed in range(3):
        x, _ = crops(100, seed)
        model = identity_convolutions(conv_net(SHAPE, (8, 4), seed=seed))
        columns = carried_features(model, SHAPE)
        weight = torch.zeros(1000, 4 * 1024)
        weight[:, columns] = trap_weights(1000, 3072, 0.95, seed=seed)
        traps.append(extraction_metrics(activation_pattern(plant(model, weight), x)).recall)
        passive.append(extraction_metrics(activation_pattern(model, x)).recall)
    assert sum(traps) > 1.5 * sum(passive) and sum(traps) / 3 > 0.3


def test_carried_features_stand_in_the_order_of_the_picture():
    for stride, channels in ((1, (4, 6)), (2, (4, 13))):
        model = identity_convolutions(conv_net((3, 4, 6), channels, hidden=5, stride=stride))
        x = torch.rand(2, 3, 4, 6)
        front = model[:5](x)
        assert torch.equal(front[:, carried_features(model, (3, 4, 6))], x.flatten(1))


def test_constants_hide_the_ones():
    plain = identity_convolutions(conv_net(SHAPE, (4, 3), hidden=10))
    hidden = identity_convolutions(conv_net(SHAPE, (4, 3), hidden=10), constants_seed=5)
    assert set(plain[2].weight.unique().tolist()) == {0.0, 1.0}
    assert not (hidden[2].weight == 1).any() and (hidden[2].weight != 0).sum() == 3
    assert torch.equal(hidden[2].weight, identity_convolutions(hidden, constants_seed=5)[2].weight)


def test_filters_that_transmit_nothing_stay_until_the_last_convolution():
    honest = conv_net(SHAPE, (8, 8), hidden=10)
    model = identity_convolutions(honest)
    assert torch.equal(model[0].weight[3:], honest[0].weight[3:])
    assert not model[2].weight[3:].any() and not model[2].bias.any()
    assert honest[0].weight[:3].ne(model[0].weight[:3]).any()  # and the honest model is left as it was


@pytest.mark.parametrize(
    ("get", "low", "high"),
    [
        (lambda: crops(50), 19, 27),
        (lambda: crops(50, resized=False), 26, 35),
        (lambda: tuple(torch.from_numpy(a) for a in fundus_crops(50, 32)), 33, 41),
    ],
    ids=["resized crops", "plain crops", "fundus"],
)
def test_a_max_pool_leaves_a_likeness_and_no_exact_picture(get, low, high):
    """100 pictures gave 23, 30 and 37 dB in the mean: the smoother the picture, the nearer."""
    x, y = get()
    with pytest.raises(ValueError, match=r"layer '4' \(MaxPool2d\) drops values, .*: pass lossy=True"):
        identity_convolutions(conv_net(SHAPE, (4, 3), hidden=300, pool=True))
    model = identity_convolutions(conv_net(SHAPE, (4, 3), hidden=300, pool=True), lossy=True)
    near = []
    for k in range(20):
        sent = client_gradient(model, x[k : k + 1], y[k : k + 1])
        row = extract_single(sent.weight_grads[0], sent.bias_grads[0])
        near.append(psnr(x[k], undo_convolutions(model, row[None], SHAPE)[0]))
    assert low < sum(near) / 20 < high
    assert (match_rows(pictures_from(model, x, y), x) == -1).all()


def test_dropout_is_passed_when_asked():
    front = nn.Conv2d(1, 1, 3, padding="same"), nn.ReLU(), nn.Dropout(0.5), nn.Flatten()
    model = nn.Sequential(*front, nn.Linear(16, 3))
    with pytest.raises(ValueError, match=r"layer '2' \(Dropout\) drops values"):
        identity_convolutions(model)
    sent = identity_convolutions(model, lossy=True)
    x = torch.rand(1, 1, 4, 4)
    assert torch.equal(undo_convolutions(sent, sent.eval()[:4](x), (1, 4, 4)), x)


def behind(*layers):
    return nn.Sequential(*layers, nn.Flatten(), nn.LazyLinear(3))


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (nn.Sequential(nn.Flatten(), nn.Linear(4, 2)), "the model has no convolution before its first linear layer"),
        (nn.Sequential(nn.Conv2d(3, 3, 1)), "the model has no linear layer"),
        (
            conv_net((3, 8, 8), (2, 8), hidden=4),
            "convolution '0' gives 2 channels where 3 are needed: its stack of feature maps holds fewer values",
        ),
        (conv_net((3, 8, 8), (8, 2), hidden=4), "convolution '2' gives 2 channels where 3 are needed"),
        (conv_net((3, 8, 8), (8, 11), hidden=4, stride=2), "convolution '2' gives 11 channels where 12 are needed"),
        (behind(nn.Conv2d(3, 9, 4, padding=1)), "convolution '0' cannot transmit: it needs an odd kernel"),
        (behind(nn.Conv2d(3, 9, 3)), "convolution '0' cannot transmit"),
        (behind(nn.Conv2d(3, 9, 3, stride=2, padding=1)), "convolution '0' cannot transmit"),
        (behind(nn.Conv2d(3, 9, 3, padding=1, groups=3)), "in one group and undilated"),
        (behind(nn.Conv2d(3, 9, 3, padding=1, dilation=2)), "in one group and undilated"),
        (behind(nn.Conv2d(3, 9, 3, padding=1), nn.BatchNorm2d(9)), r"layer '1' \(BatchNorm2d\) cannot hand its input"),
        (behind(nn.Conv2d(3, 9, 3, padding=1), nn.Sigmoid()), r"layer '1' \(Sigmoid\) cannot hand its input on"),
        (behind(nn.Conv2d(3, 9, 3, padding=1), nn.AvgPool2d(2)), r"layer '1' \(AvgPool2d\) drops values"),
    ],
)
def test_what_cannot_transmit_is_refused_by_name(model, said):
    with pytest.raises(ValueError, match=said):
        identity_convolutions(model)


def test_undoing_what_was_not_done_is_refused():
    honest = conv_net((3, 8, 8), (4, 3), hidden=5)
    with pytest.raises(ValueError, match="these are no identity convolutions"):
        undo_convolutions(honest, torch.rand(1, 192), (3, 8, 8))
    model = identity_convolutions(honest)
    with pytest.raises(ValueError, match=r"rows of shape \(1, 100\); \(n_rows, 192\) is needed"):
        undo_convolutions(model, torch.rand(1, 100), (3, 8, 8))


def test_dtype_is_kept():
    model = identity_convolutions(conv_net((1, 4, 4), (2, 2), hidden=5, dtype=torch.float64))
    x = torch.rand(2, 1, 4, 4, dtype=torch.float64)
    back = undo_convolutions(model, model[:5](x), (1, 4, 4))
    assert back.dtype == torch.float64 and torch.equal(back, x)
