"""The network as the attacker runs it again: its rounding, predicted and measured."""

import pytest
import torch

from course_lib.gradients import client_gradient, mlp
from course_lib.gradients.fully_connected import relu_network


def measured_and_predicted(sizes, seed):
    """Errors of a float32 network's values, layer by layer, and what is predicted of them."""
    generator = torch.Generator().manual_seed(seed)
    inputs, labels = torch.rand(8, sizes[0], generator=generator), torch.zeros(8, dtype=torch.int64)
    model = mlp(sizes, seed=seed)
    network = relu_network(client_gradient(model, inputs, labels))
    run = network.run(inputs.double())
    value = inputs
    eps = torch.finfo(torch.float32).eps
    for layer, true in enumerate(run.values):
        linear = model[2 * layer]
        value = linear(value).detach()
        yield (value.double() - true).abs() / eps, network.rounding(run, layer)
        value = torch.relu(value)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("sizes", [[64, 200, 5], [500, 300, 300, 10], [100, 200, 200, 200, 200, 5]])
def test_rounding_of_every_layer_is_predicted(sizes, seed):
    for measured, predicted in measured_and_predicted(sizes, seed):
        ratio = float(measured.square().mean().sqrt() / predicted.square().mean().sqrt())
        assert 0.5 < ratio < 2.5  # .85 to 1.64 here


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("sizes", [[64, 200, 5], [500, 300, 300, 10], [100, 200, 200, 200, 200, 5]])
def test_rounding_of_every_delta_is_predicted(sizes, seed):
    inputs = torch.rand(8, sizes[0], generator=torch.Generator().manual_seed(seed))
    labels = torch.arange(8) % sizes[-1]
    model = mlp(sizes, seed=seed)
    network = relu_network(client_gradient(model, inputs, labels))
    run = network.run(inputs.double())
    deltas = network.deltas(run, labels)
    for delta, predicted, sent in zip(
        deltas, network.delta_rounding(run, deltas), sent_deltas(model, inputs, labels), strict=True
    ):
        active = delta != 0
        measured = (sent.double() - delta)[active] / torch.finfo(torch.float32).eps
        ratio = float(measured.square().mean().sqrt() / predicted[active].square().mean().sqrt())
        assert 0.1 < ratio < 1.5  # .23 to .78 here


def sent_deltas(model, inputs, labels):
    """The gradient of each sample's loss by what each linear layer gives, in float32."""
    values, value = [], inputs
    for layer in model:
        value = layer(value)
        if isinstance(layer, torch.nn.Linear):
            values.append(value)
    return torch.autograd.grad(torch.nn.functional.cross_entropy(value, labels, reduction="sum"), values)


def test_errors_of_the_layers_below_count():
    """A last layer of one large weight hands on what was wrong below; its own rounding is none."""
    model = mlp([50, 40, 1, 2], seed=0)
    with torch.no_grad():
        model[2].weight.fill_(1.0)
        model[4].weight[:] = torch.tensor([[1.0], [0.0]])
    network = relu_network(client_gradient(model, torch.rand(1, 50), torch.tensor([0])))
    run = network.run(torch.rand(1, 50).double())
    alone = run.below[2].norm(dim=1, keepdim=True) * network.weights[2].norm(dim=1) / 10
    assert network.rounding(run, 2)[0, 0] > alone[0, 0]
    assert network.rounding(run, 2)[0, 1] == 0
