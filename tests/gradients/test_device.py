"""Everything takes and keeps the model's device and dtype.

Without an accelerator, torch's meta device stands in: its tensors have a device and no values, and an
operation that mixes it with the CPU is an error. Functions that look at values run where there is one.
"""

import sys

import pytest
import torch

from course_lib.gradients import (
    Gradient,
    activation_pattern,
    add_noise,
    ambiguous_batch,
    client_gradient,
    clip_and_noise,
    detect_single,
    exclusive_neurons,
    extract_imprint,
    extract_rows,
    extract_single,
    imprint,
    invert_gradient,
    mlp,
    per_example_gradients,
    per_example_norms,
    plant,
    quantile_bias,
    reconstruct_batch,
    secure_sum,
)

ACCELERATORS = [name for name in ("cuda", "mps") if getattr(torch, name).is_available()]
DTYPES = (torch.float32, torch.float64)


def batch(device, dtype=torch.float32):
    """A small network and a batch of four on the device."""
    generator = torch.Generator().manual_seed(0)
    inputs = torch.rand(4, 16, generator=generator, dtype=dtype).to(device)
    return mlp([16, 32, 3], dtype=dtype).to(device), inputs, torch.tensor([0, 1, 2, 0], device=device)


def tensors(result):
    """All tensors in what a function returns."""
    if isinstance(result, torch.Tensor):
        return [result]
    if isinstance(result, torch.nn.Module):
        return list(result.parameters())
    if isinstance(result, Gradient):
        return [*result.weights, *result.biases, *result.weight_grads, *result.bias_grads]
    if isinstance(result, dict):
        return [tensor for value in result.values() for tensor in tensors(value)]
    return []


@pytest.fixture
def without_values(monkeypatch):
    """Meta tensors hold nothing that could be infinite."""
    for name, module in list(sys.modules.items()):
        if name.startswith("course_lib.gradients.") and hasattr(module, "require_finite"):
            monkeypatch.setattr(module, "require_finite", lambda tensor, name: None)


# Functions of model, inputs, labels that need no values.
BY_SHAPE = {
    "client_gradient": client_gradient,
    "activation_pattern": lambda model, x, y: activation_pattern(model, x),
    "add_noise": lambda model, x, y: add_noise(client_gradient(model, x, y), 0.1, seed=0),
    "clip_and_noise": lambda model, x, y: clip_and_noise(model, x, y, clip=1.0, noise_multiplier=0.1, seed=0),
    "per_example_gradients": per_example_gradients,
    "per_example_norms": per_example_norms,
    "plant": lambda model, x, y: plant(model, torch.rand(32, 16), torch.zeros(32)),
    "quantile_bias": lambda model, x, y: quantile_bias(model[0].weight, 4),
    "imprint": lambda model, x, y: imprint(model, x),
    "exclusive_neurons": lambda model, x, y: exclusive_neurons(activation_pattern(model, x)),
    "detect_single": lambda model, x, y: detect_single(x),
}
# These look at values: at which row is empty, at what a sum is.
BY_VALUE = {
    "extract_rows": lambda model, x, y: extract_rows(client_gradient(model, x, y)).inputs,
    "extract_single": lambda model, x, y: extract_single(client_gradient(model, x[:1], y[:1])),
    "extract_imprint": lambda model, x, y: extract_imprint(client_gradient(imprint(model, x), x, y)).inputs,
    "secure_sum": lambda model, x, y: secure_sum([client_gradient(model, x, y)] * 2, seed=0),
    "invert_gradient": lambda model, x, y: invert_gradient(
        model, client_gradient(model, x, y), "dlg", labels=y, steps=2, restarts=1
    ).inputs,
    "reconstruct_batch": lambda model, x, y: reconstruct_batch(client_gradient(model, x, y)).inputs,
    "ambiguous_batch": lambda model, x, y: ambiguous_batch(model, x, y),
}


@pytest.mark.parametrize("name", BY_SHAPE)
def test_no_value_is_left_on_another_device(name, without_values):
    result = BY_SHAPE[name](*batch("meta"))
    assert {tensor.device.type for tensor in tensors(result)} == {"meta"}


@pytest.mark.parametrize("device", ["cpu", *ACCELERATORS])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name", [*BY_SHAPE, *BY_VALUE])
def test_device_and_dtype_are_those_of_the_model(name, dtype, device):
    if device == "mps" and dtype == torch.float64:
        pytest.skip("this device has no float64")
    found = tensors((BY_SHAPE | BY_VALUE)[name](*batch(device, dtype)))
    assert {tensor.device.type for tensor in found} <= {device}
    assert {tensor.dtype for tensor in found if tensor.is_floating_point()} <= {dtype}
    assert found or name == "ambiguous_batch"
