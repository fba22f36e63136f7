"""What the client sends: checked against torch's own backward pass and against the formula."""

import dataclasses

import pytest
import torch
from torch import nn

from course_lib.gradients import Gradient, client_gradient, conv_net, mlp


def batch(n=6, features=5, classes=3, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return (
        torch.rand(n, features, generator=generator, dtype=dtype),
        torch.randint(classes, (n,), generator=generator),
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_it_is_what_backward_leaves_in_the_parameters(dtype):
    model, (x, y) = mlp([5, 7, 4, 3], dtype=dtype), batch(dtype=dtype)
    sent = client_gradient(model, x, y)
    nn.functional.cross_entropy(model(x), y).backward()
    layers = [m for m in model if isinstance(m, nn.Linear)]
    for layer, w, b, gw, gb in zip(
        layers, sent.weights, sent.biases, sent.weight_grads, sent.bias_grads, strict=True
    ):
        assert torch.equal(w, layer.weight) and torch.equal(b, layer.bias)
        assert torch.equal(gw, layer.weight.grad) and torch.equal(gb, layer.bias.grad)
        assert {t.dtype for t in (w, b, gw, gb)} == {dtype}
        assert not any(t.requires_grad for t in (w, b, gw, gb))
    assert sent.modules == ("Linear", "ReLU", "Linear", "ReLU", "Linear")


def test_it_is_the_mean_of_outer_products():
    """G_1 = (1/B) sum_m (softmax(z_m) - onehot(y_m)) a_m^T, written out."""
    model, (x, y) = mlp([5, 7, 3], dtype=torch.float64), batch()
    sent = client_gradient(model, x, y)
    a = torch.relu(x @ model[0].weight.T + model[0].bias)
    delta = torch.softmax(a @ model[2].weight.T + model[2].bias, dim=1) - nn.functional.one_hot(y, 3)
    assert torch.allclose(sent.weight_grads[1], delta.T @ a / len(x), rtol=1e-12)
    assert torch.allclose(sent.bias_grads[1], delta.mean(0), rtol=1e-12)


def test_the_model_and_later_changes_of_it_leave_what_was_sent_alone():
    model, (x, y) = mlp([5, 7, 3], dtype=torch.float64), batch()
    sent = client_gradient(model, x, y)
    before = sent.weights[0].clone()
    assert all(p.grad is None for p in model.parameters())
    with torch.no_grad():
        model[0].weight.zero_()
    assert torch.equal(sent.weights[0], before)
    with pytest.raises(dataclasses.FrozenInstanceError):
        sent.weights = ()


def test_a_layer_without_bias_has_none_and_other_layers_are_passed_over():
    x, y = batch()
    sent = client_gradient(mlp([5, 7, 3], bias=False, dtype=torch.float64), x, y)
    assert sent.biases == sent.bias_grads == (None, None)
    image = torch.rand(2, 3, 8, 8)
    sent = client_gradient(conv_net((3, 8, 8), (4,), hidden=6, classes=3), image, torch.tensor([0, 2]))
    assert [tuple(g.shape) for g in sent.weight_grads] == [(6, 256), (3, 6)]
    assert sent.modules == ("Conv2d", "ReLU", "Flatten", "Linear", "ReLU", "Linear")


def test_arrays_and_another_dtype_are_brought_to_the_models():
    model, (x, y) = mlp([5, 7, 3]), batch()
    sent = client_gradient(model, x.numpy(), y.numpy())
    assert sent.weight_grads[0].dtype == torch.float32
    same = client_gradient(model, x.float(), y)
    assert torch.equal(sent.weight_grads[0], same.weight_grads[0])


def test_a_layer_that_does_not_act_on_the_loss_has_the_gradient_zero():
    class TwoHeads(nn.Module):
        def __init__(self):
            super().__init__()
            self.used, self.idle = nn.Linear(5, 3), nn.Linear(5, 3)

        def forward(self, x):
            return self.used(x)

    x, y = batch(dtype=torch.float32)
    sent = client_gradient(TwoHeads(), x, y)
    assert sent.weight_grads[0].any() and not sent.weight_grads[1].any()


@pytest.mark.parametrize(
    ("model", "x", "y", "said"),
    [
        (nn.Sequential(nn.Flatten(), nn.ReLU()), torch.rand(2, 3), [0, 1], "Sequential has no linear layer"),
        (mlp([3, 2]), torch.rand(0, 3), [], "the batch is empty: at least one input is needed"),
        (mlp([3, 2]), torch.rand(2, 3), [0], "2 inputs but 1 labels"),
        (mlp([3, 2]), torch.full((1, 3), float("nan")), [0], "the gradient of 0.weight is not finite"),
    ],
)
def test_what_cannot_be_sent_is_refused(model, x, y, said):
    with pytest.raises(ValueError, match=said):
        client_gradient(model, x, torch.tensor(y, dtype=torch.long))


def test_an_infinite_gradient_is_named_by_its_parameter():
    model = mlp([3, 16, 2])  # wide enough for some neuron to be active
    with torch.no_grad():
        model[2].bias[0] = float("inf")
    with pytest.raises(ValueError, match=r"the gradient of 0\.weight is not finite: it holds NaN or infinity"):
        client_gradient(model, torch.rand(2, 3), torch.tensor([0, 1]))


def test_a_loss_for_each_sample_is_refused():
    with pytest.raises(ValueError, match=r"the loss has shape \(2,\); one number is needed"):
        client_gradient(mlp([3, 2]), torch.rand(2, 3), torch.tensor([0, 1]), nn.CrossEntropyLoss(reduction="none"))


W, B = torch.zeros(3, 2), torch.zeros(3)


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        (([W], [B], [W], []), "1 weights, 1 biases, 1 weight_grads, 0 bias_grads"),
        (([W], [B], [W.T], [B]), r"weight_grads\[0\] has shape \(2, 3\); the layer's weight asks for \(3, 2\)"),
        (([W], [B], [W], [W]), r"bias_grads\[0\] has shape \(3, 2\); the layer's weight asks for \(3,\)"),
        (([W], [B[:2]], [W], [B]), r"biases\[0\] has shape \(2,\)"),
        (([B], [B], [B], [B]), r"weights\[0\] has shape \(3,\); \(n_out, n_in\) is needed"),
    ],
)
def test_a_gradient_whose_shapes_do_not_fit_is_refused(parts, said):
    with pytest.raises(ValueError, match=said):
        Gradient(*parts)


def test_lists_become_tuples():
    assert Gradient([W], [None], [W], [None]).weights == (W,)
