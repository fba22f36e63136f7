"""Federated averaging against its definition, a server that cheats one client, and digests."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from course_lib.datasets import photo_crops
from course_lib.gradients import (
    activation_pattern,
    client_gradient,
    commit,
    extract_rows,
    federated_rounds,
    match_rows,
    mlp,
    plant,
    trap_weights,
)


def clients_of(n, size=6, n_features=10, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [
        (torch.rand(size + u, n_features, generator=generator), torch.randint(3, (size + u,), generator=generator))
        for u in range(n)
    ]


def test_one_step_of_everybody_is_one_step_on_the_joint_loss():
    model, clients = mlp([10, 8, 3], dtype=torch.float64), clients_of(3)
    found = federated_rounds(model, clients, rounds=1, learning_rate=0.2).model
    inputs, labels = (torch.cat(parts) for parts in zip(*clients, strict=True))
    loss = cross_entropy(model(inputs.double()), labels)
    steps = torch.autograd.grad(loss, list(model.parameters()))
    for p, q, g in zip(model.parameters(), found.parameters(), steps, strict=True):
        torch.testing.assert_close(q, p - 0.2 * g, rtol=0, atol=1e-15)


def test_many_steps_equal_a_loop_written_out():
    model, clients = mlp([10, 8, 3], dtype=torch.float64), clients_of(2)
    found = federated_rounds(model, clients, rounds=3, local_epochs=4, learning_rate=0.1).model
    weights = [p.detach().clone() for p in model.parameters()]
    for _ in range(3):
        ends = []
        for inputs, labels in clients:
            w = [p.clone().requires_grad_() for p in weights]
            for _ in range(4):
                out = torch.relu(inputs.double() @ w[0].T + w[1]) @ w[2].T + w[3]
                steps = torch.autograd.grad(cross_entropy(out, labels), w)
                w = [(p - 0.1 * g).detach().requires_grad_() for p, g in zip(w, steps, strict=True)]
            ends.append([p.detach() for p in w])
        weights = [(6 * a + 7 * b) / 13 for a, b in zip(*ends, strict=True)]
    for p, q in zip(weights, found.parameters(), strict=True):
        torch.testing.assert_close(q.detach(), p, rtol=0, atol=1e-14)


def test_steps_are_those_of_torch_bit_by_bit():
    model, ((inputs, labels), *_) = mlp([10, 8, 3]), clients_of(1)
    found = federated_rounds(model, [(inputs, labels)], rounds=1, local_epochs=3, learning_rate=0.3).model
    local = mlp([10, 8, 3])
    descent = torch.optim.SGD(local.parameters(), lr=0.3)
    order_of = np.random.default_rng((0, 0, 0))
    for _ in range(3):
        order = torch.from_numpy(order_of.permutation(len(inputs)))
        descent.zero_grad()
        cross_entropy(local(inputs[order]), labels[order]).backward()
        descent.step()
    assert commit(found) == commit(local)


def test_a_layer_that_takes_no_part_stays_as_it_is():
    model = nn.Sequential(nn.Linear(10, 3))
    model.idle = nn.Identity()
    model.idle.extra = nn.Linear(2, 2)
    found = federated_rounds(model, clients_of(1), rounds=2).model
    assert torch.equal(found.idle.extra.weight, model.idle.extra.weight)
    assert not torch.equal(found[0].weight, model[0].weight)


def test_training_learns_and_leaves_the_given_model_alone():
    model, clients = mlp([10, 16, 3]), clients_of(3)
    inputs, labels = (torch.cat(parts) for parts in zip(*clients, strict=True))
    before = commit(model)
    history = federated_rounds(
        model, clients, rounds=20, local_epochs=2, batch_size=4, learning_rate=0.3,
        evaluate=lambda m: cross_entropy(m(inputs), labels).item(),
    )  # fmt: skip
    assert history.scores[-1] < history.scores[0] and len(history.scores) == 20
    assert commit(model) == before != commit(history.model)
    assert history.manipulated == () and history.uploads == {}
    assert all(len(set(sent)) == 1 for sent in history.digests) and history.digests[0][0] == before


def test_the_seed_orders_the_pictures_and_nothing_else_does():
    model, clients = mlp([10, 8, 3]), clients_of(2)
    ends = []
    for seed, disturbance in ((0, 1), (0, 2), (1, 1)):
        torch.manual_seed(disturbance)
        ends.append(commit(federated_rounds(model, clients, 2, seed=seed, batch_size=2).model))
    assert ends[0] == ends[1] != ends[2]


def test_an_upload_is_the_gradient_times_the_rate_in_float64():
    model, clients = mlp([10, 8, 3], dtype=torch.float64), clients_of(2)
    history = federated_rounds(model, clients, rounds=1, keep_uploads=True)
    own = client_gradient(model, *clients[1])
    assert sorted(history.uploads) == [(0, 0), (0, 1)]
    torch.testing.assert_close(history.uploads[0, 1].weight_grads, own.weight_grads, rtol=0, atol=1e-14)


def cheated(seed, dtype=torch.float32):
    """Photographs on four clients; in round 1 the server sends trap weights to client 2."""
    images, labels = photo_crops(80, size=16, seed=seed)
    inputs, labels = torch.from_numpy(images).flatten(1), torch.from_numpy(labels)
    clients = list(zip(inputs.split(20), labels.split(20), strict=True))
    trap = trap_weights(200, inputs.shape[1], scale=0.95, seed=seed, dtype=dtype)

    def send_trap(number, client, model):
        return plant(model, trap) if (number, client) == (1, 2) else None

    model = mlp([inputs.shape[1], 200, 10], seed=seed, dtype=dtype)
    return model, clients, send_trap


@pytest.mark.parametrize("seed", range(3))
def test_one_client_is_cheated_in_one_round_and_only_its_digest_tells(seed):
    model, clients, send_trap = cheated(seed)
    history = federated_rounds(model, clients, rounds=3, manipulate=send_trap)
    assert history.manipulated == ((1, 2),) and list(history.uploads) == [(1, 2)]
    assert [history.odd_ones(number) for number in range(3)] == [(), (2,), ()]
    rows = extract_rows(history.uploads[1, 2])
    near, exact = (match_rows(rows, clients[2][0], rtol=rtol) >= 0 for rtol in (0.05, 1e-5))
    assert near.sum() >= 2
    # The server subtracts stored weights, which are rounded: what a gradient gives to 1e-6, this gives to some 1e-4.
    assert exact.sum() < near.sum() / 2


def test_rounding_of_stored_weights_blurs_rows_more_for_smaller_steps_and_larger_weights():
    model, clients, send_trap = cheated(0)
    errors = {}
    for weights, sent in (("initial", model), ("trap", send_trap(1, 2, model))):
        for rate in (0.1, 0.01):
            upload = federated_rounds(sent, clients[:1], 1, learning_rate=rate, keep_uploads=True).uploads[0, 0]
            pattern = activation_pattern(sent, clients[0][0])
            alone = pattern.sum(0) == 1
            truth = clients[0][0][pattern[:, alone].float().argmax(0)]
            rows = upload.weight_grads[0][alone] / upload.bias_grads[0][alone][:, None]
            errors[weights, rate] = ((rows - truth).norm(dim=1) / truth.norm(dim=1)).nanmedian().item()
    assert all(5 < errors[w, 0.01] / errors[w, 0.1] < 20 for w in ("initial", "trap"))
    assert all(errors["trap", rate] > 5 * errors["initial", rate] for rate in (0.1, 0.01))


def test_the_global_model_learns_as_if_the_cheated_client_had_been_offline():
    model, clients, send_trap = cheated(0, torch.float64)
    cheat = federated_rounds(model, clients, rounds=2, manipulate=send_trap).model
    first = federated_rounds(model, clients, rounds=1).model
    offline = federated_rounds(first, [c for u, c in enumerate(clients) if u != 2], rounds=1).model
    for p, q in zip(cheat.parameters(), offline.parameters(), strict=True):
        torch.testing.assert_close(p, q, rtol=0, atol=1e-14)


def test_a_server_that_cheats_everybody_learns_nothing_that_round():
    model, clients = mlp([10, 8, 3]), clients_of(2)
    history = federated_rounds(model, clients, 1, manipulate=lambda n, c, m: mlp([10, 8, 3], seed=1))
    assert commit(history.model) == commit(model) and history.manipulated == ((0, 0), (0, 1))
    assert history.odd_ones(0) == ()  # both were sent the same: comparing digests does not help them


def test_batch_normalisation_is_averaged_too():
    model = nn.Sequential(nn.Linear(10, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 3))
    state = federated_rounds(model, clients_of(2), rounds=1).model.state_dict()
    assert state["1.num_batches_tracked"].dtype == torch.int64 and state["1.num_batches_tracked"] == 1
    assert not torch.equal(state["1.running_mean"], torch.zeros(4))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"clients": []}, "no client: there is nobody to train"),
        ({"clients": [(torch.zeros(0, 10), torch.zeros(0))]}, "client 0 has no picture"),
        ({"clients": [(torch.zeros(2, 10), torch.zeros(3))]}, "client 0 has 2 inputs but 3 labels"),
        ({"rounds": 0}, "rounds is a whole number from 1 upwards, not 0"),
        ({"rounds": 1.5}, "rounds is a whole number from 1 upwards, not 1.5"),
        ({"local_epochs": 0}, "local_epochs is a whole number from 1 upwards, not 0"),
        ({"batch_size": 0}, "batch_size is a whole number from 1 upwards, not 0"),
        ({"seed": -1}, "seed is -1; a whole number from 0 upwards is needed"),
        ({"learning_rate": 0.0}, "learning_rate is a finite number above 0, not 0.0"),
        ({"learning_rate": float("nan")}, "learning_rate is a finite number above 0, not nan"),
        (
            {"manipulate": lambda number, client, model: mlp([10, 9, 3])},
            "manipulate returned a model of other shapes for client 0 in round 0: its update would fit no one's",
        ),
        (
            {"learning_rate": 1e38, "rounds": 5},
            "after a client's training (lower the learning rate?) is not finite",
        ),
    ],
)
def test_bad_settings_are_refused(settings, said):
    with pytest.raises(ValueError) as error:
        federated_rounds(**({"model": mlp([10, 8, 3]), "clients": clients_of(2), "rounds": 1} | settings))
    assert said in str(error.value)


def test_a_digest_depends_on_every_bit_name_shape_and_dtype():
    model = mlp([4, 3, 2])
    digest = commit(model)
    assert commit(mlp([4, 3, 2])) == digest and len(digest) == 64
    others = [mlp([4, 3, 2], seed=1), mlp([4, 3, 2], dtype=torch.float64), nn.Sequential(nn.Flatten(), *model)]
    flipped = mlp([4, 3, 2])
    flipped[2].bias.data.view(torch.int32)[1] ^= 1  # the last bit of one number
    reshaped = nn.Linear(6, 2, bias=False)
    reshaped.weight.data = torch.arange(12.0).reshape(2, 6)
    twin = nn.Linear(4, 3, bias=False)
    twin.weight.data = torch.arange(12.0).reshape(3, 4)
    assert digest not in {commit(other) for other in [*others, flipped]}
    assert commit(reshaped) != commit(twin)
