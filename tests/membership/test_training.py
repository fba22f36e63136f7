"""Training: every engine against a step worked by hand, a plain loop, and each other."""

import os
import subprocess
import sys
from functools import partial
from itertools import count

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from course_lib.datasets import purchase_like
from course_lib.membership import ShadowPlan, predict_logits, simple_cnn, train_shadows
from course_lib.membership import training as training_module
from course_lib.membership.batched import layers_of

ENGINES = ["loop", "batched", "vmap", "joblib"]
ADAM = partial(torch.optim.Adam, lr=1e-2)
N, D, K = 60, 10, 3
X, Y = purchase_like(N, n_features=D, n_classes=K, flip=0.2)
PLAN = ShadowPlan.half_sampling(N, 6, seed=0)


def perceptron():
    return nn.Sequential(nn.Linear(D, 8), nn.Tanh(), nn.Linear(8, K)).double()


def train(engine="loop", plan=PLAN, model=perceptron, optimizer=ADAM, epochs=3, batch_size=8, X=X, y=Y, **options):
    return train_shadows(X, y, plan, model, optimizer, epochs, batch_size, engine, **options)


def zero_linear():
    layer = nn.Linear(1, 2, bias=False).double()
    nn.init.zeros_(layer.weight)
    return layer


@pytest.mark.parametrize("engine", ENGINES)
def test_one_step_worked_by_hand(engine):
    """At W = 0 posteriors are 1/2: model 0 (x = 1, y = 0) steps to (1/2, -1/2), model 1 (x = 2, y = 1) to (-1, 1)."""
    plan = ShadowPlan(np.array([[True, False], [False, True]]))
    bundle = train(engine, plan, zero_linear, partial(torch.optim.SGD, lr=1.0), epochs=1, X=[[1.0], [2.0]], y=[0, 1])
    assert bundle.logits.tolist() == [[[0.5, -0.5], [1.0, -1.0]], [[-1.0, 1.0], [-2.0, 2.0]]]
    assert bundle.losses == pytest.approx(np.log(2), abs=1e-15)  # before the step
    assert (bundle.membership == plan.membership).all() and (bundle.used == plan.used).all()


@pytest.mark.parametrize("engine", ENGINES)
def test_full_batches_against_a_plain_loop(engine):
    """With one batch an epoch its order cannot matter, so a loop that knows nothing of ours must agree."""
    start = perceptron().state_dict()

    def fresh():
        model = perceptron()
        model.load_state_dict(start)
        return model

    bundle = train(engine, model=fresh, epochs=20, batch_size=N, chunk=4)
    for m in range(PLAN.n_models):
        model, members = fresh(), torch.tensor(PLAN.membership[m])
        records, labels = torch.tensor(X).double(), torch.tensor(Y)
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-2, foreach=False, fused=False)
        for _ in range(20):
            optimizer.zero_grad()
            cross_entropy(model(records[members]), labels[members]).backward()
            optimizer.step()
        np.testing.assert_allclose(bundle.logits[m], model(records).detach(), rtol=0, atol=1e-12)


@pytest.fixture(scope="module")
def sequential():
    return train("loop", epochs=10)


@pytest.mark.parametrize(
    ("engine", "chunk"), [("batched", 16), ("batched", 4), ("batched", 1), ("vmap", 16), ("vmap", 5), ("auto", 16)]
)
def test_engines_and_chunks_agree_to_rounding(sequential, engine, chunk):
    bundle = train(engine, epochs=10, chunk=chunk)
    # 10 epochs of 4 steps; double precision carries 1e-16 a step
    np.testing.assert_allclose(bundle.logits, sequential.logits, rtol=0, atol=1e-13)
    np.testing.assert_allclose(bundle.losses, sequential.losses, rtol=0, atol=1e-13)


@pytest.mark.parametrize("engine", ["batched", "vmap"])
def test_engines_agree_in_single_precision(engine):
    def single():
        return perceptron().float()

    bundle, expected = train(engine, model=single), train("loop", model=single)
    assert bundle.logits.dtype == np.float32
    np.testing.assert_allclose(bundle.logits, expected.logits, rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    "optimizer",
    [
        partial(torch.optim.SGD, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
        partial(torch.optim.AdamW, lr=1e-2, amsgrad=True),
        partial(torch.optim.RMSprop, lr=1e-2, centered=True),
        partial(torch.optim.Adagrad, lr=0.1),
        partial(torch.optim.Adam, lr=1e-2, foreach=True),
        partial(torch.optim.Adam, lr=1e-2, fused=False),
    ],
)
def test_other_optimisers_step_in_a_stack_as_they_do_alone(optimizer):
    bundle, expected = train("batched", optimizer=optimizer), train("loop", optimizer=optimizer)
    np.testing.assert_allclose(bundle.logits, expected.logits, rtol=0, atol=1e-12)


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_processes_give_equal_bits(sequential, n_jobs, one_thread):
    bundle = train("joblib", epochs=10, n_jobs=n_jobs)
    assert (bundle.logits == sequential.logits).all() and (bundle.losses == sequential.losses).all()


@pytest.fixture
def one_thread():
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(n_threads)


def test_dask_in_one_process_gives_equal_bits(sequential, one_thread):
    distributed = pytest.importorskip("distributed")
    from joblib import parallel_config

    options = {"processes": False, "threads_per_worker": 1, "dashboard_address": None}
    with (
        distributed.LocalCluster(n_workers=1, **options) as cluster,
        distributed.Client(cluster),
        parallel_config(backend="dask"),
    ):
        bundle = train("joblib", epochs=10)
    assert (bundle.logits == sequential.logits).all() and (bundle.losses == sequential.losses).all()


@pytest.mark.slow  # two processes import torch; the test above is its small twin
def test_a_dask_cluster_of_two_workers_gives_equal_bits(tmp_path, one_thread):
    distributed = pytest.importorskip("distributed")
    from joblib import parallel_config

    def marking():
        (tmp_path / str(os.getpid())).touch()  # which process builds a model
        return perceptron()

    options = {"processes": True, "threads_per_worker": 1, "host": "127.0.0.1", "dashboard_address": None}
    with (
        distributed.LocalCluster(n_workers=2, **options) as cluster,
        distributed.Client(cluster) as client,
        parallel_config(backend="dask"),
    ):
        bundle = train("joblib", model=marking)
        workers = {str(pid) for pid in client.run(os.getpid).values()}
    built = {path.name for path in tmp_path.iterdir()} - {str(os.getpid())}  # here only the trial was built
    assert len(workers) == 2 and built and built <= workers
    expected = train("loop")
    assert (bundle.logits == expected.logits).all() and (bundle.losses == expected.losses).all()


def test_models_are_seeded_by_their_number_alone(sequential):
    part = train("loop", PLAN.subset([4, 2]), epochs=10)
    assert (part.logits == sequential.logits[[4, 2]]).all()
    stacked = train("batched", PLAN.subset([4, 2]), epochs=10)
    np.testing.assert_allclose(stacked.logits, part.logits, rtol=0, atol=1e-13)
    starts = train("loop", ShadowPlan(np.tile(PLAN.membership[:1], (2, 1))), epochs=1).logits
    assert (starts[0] != starts[1]).any()  # one training set, two models


@pytest.mark.parametrize("engine", ["loop", "batched"])
def test_a_seed_repeats_and_another_differs(engine):
    first, again, other = train(engine, seed=1), train(engine, seed=1), train(engine, seed=2)
    assert (first.logits == again.logits).all() and (first.logits != other.logits).any()


@pytest.mark.parametrize("engine", ENGINES)
def test_global_random_numbers_stay_as_they_were(engine):
    torch.manual_seed(5)
    before, numpy_before = torch.get_rng_state(), np.random.get_state()[1].copy()
    train(engine)
    assert (torch.get_rng_state() == before).all() and (np.random.get_state()[1] == numpy_before).all()


@pytest.mark.parametrize("engine", ["loop", "batched", "vmap"])
def test_a_record_out_of_the_training_set_leaves_no_trace(engine):
    plan = PLAN.subset([0, 2])
    never = np.flatnonzero(~plan.membership.any(axis=0))
    other = X.copy()
    other[never] = 1 - other[never]
    kept = np.setdiff1d(np.arange(N), never)
    first, second = train(engine, plan).logits, train(engine, plan, X=other).logits
    assert len(never) > 5 and (first[:, kept] == second[:, kept]).all() and (first != second).any()


def test_training_sets_of_different_sizes_are_trained_apart():
    membership = np.random.default_rng(0).random((5, N)) < 0.5
    membership[3] = ~membership[0]
    membership[4, :] = np.roll(membership[0], 1)
    plan = ShadowPlan(membership)
    assert len(set(membership.sum(axis=1).tolist())) > 2
    bundle, expected = train("batched", plan), train("loop", plan)
    np.testing.assert_allclose(bundle.logits, expected.logits, rtol=0, atol=1e-13)


def test_another_loss_is_minimised():
    smoothing = partial(cross_entropy, reduction="none", label_smoothing=0.3)
    bundle, plain = train("batched", loss=smoothing, epochs=30), train("batched", epochs=30)
    assert abs(bundle.logits).max() < abs(plain.logits).max()
    np.testing.assert_allclose(bundle.logits, train("loop", loss=smoothing, epochs=30).logits, rtol=0, atol=1e-11)


def test_members_are_learnt_and_the_losses_fall():
    bundle = train("auto", epochs=80)
    right = bundle.logits.argmax(axis=2) == Y
    assert right[bundle.membership].mean() > 0.97  # five seeds gave .994 to 1
    assert right[~bundle.membership].mean() < 0.9  # .70 to .75
    assert (bundle.losses[:, -1] < bundle.losses[:, 0] / 5).all()
    assert bundle.details == {"engine": "batched", "seed": 0, "epochs": 80, "batch_size": 8}


# Modules beyond the perceptron


IMAGES = np.random.default_rng(0).normal(size=(24, 1, 8, 8)).astype(np.float32)
IMAGE_LABELS = np.arange(24) % 2
IMAGE_PLAN = ShadowPlan.half_sampling(24, 4, seed=0)


def train_images(engine, model):
    return train(engine, IMAGE_PLAN, model, X=IMAGES, y=IMAGE_LABELS)


def with_batch_norm():
    # No bias before the normalisation: its gradient is rounding noise, which Adam blows up to full steps.
    parts = (nn.Conv2d(1, 3, 3, bias=False), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(), nn.Linear(108, 2))
    return nn.Sequential(*parts).double()


class Branching(nn.Module):
    """A module of the reader's own, with two paths."""

    def __init__(self):
        super().__init__()
        self.wide, self.narrow = nn.Linear(64, 6), nn.Linear(64, 6)
        self.head = nn.Linear(6, 2)

    def forward(self, x):
        x = x.flatten(1)
        return self.head(torch.tanh(self.wide(x)) * self.narrow(x).sigmoid())


def branching():
    return Branching().double()


@pytest.mark.parametrize(
    "model", [lambda: simple_cnn((1, 8, 8), 2, widths=(4, 6)).double(), with_batch_norm, branching]
)
def test_mapped_models_agree_with_the_loop(model):
    bundle, expected = train_images("auto", model), train_images("loop", model)
    assert bundle.details["engine"] == "vmap"
    np.testing.assert_allclose(bundle.logits, expected.logits, rtol=0, atol=1e-12)


def with_dropout():
    return nn.Sequential(nn.Linear(D, 8), nn.Dropout(0.5), nn.Linear(8, K)).double()


def test_chance_inside_a_model_is_seeded_in_a_loop_and_refused_by_a_map(one_thread):
    bundle = train("auto", model=with_dropout)
    assert bundle.details["engine"] == "loop"
    assert (bundle.logits == train("loop", model=with_dropout).logits).all()
    assert (bundle.logits == train("joblib", model=with_dropout, n_jobs=2).logits).all()
    with pytest.raises(ValueError, match="engine 'vmap' cannot train this: .*random.*take 'loop', or 'auto'"):
        train("vmap", model=with_dropout)


def test_a_branch_on_values_is_refused_by_a_map_and_taken_by_the_loop():
    class Gated(nn.Linear):
        def forward(self, x):
            return super().forward(x) if x.sum() > 0 else -super().forward(x)

    def gated():
        return Gated(D, K).double()

    assert train("auto", model=gated).details["engine"] == "loop"
    with pytest.raises(ValueError, match="engine 'vmap' cannot train this"):
        train("vmap", model=gated)


@pytest.mark.parametrize(("side", "engine"), [(8, "vmap"), (16, "vmap"), (17, "loop"), (32, "loop")])
def test_auto_maps_small_images_only(side, engine, monkeypatch):
    monkeypatch.setattr(training_module, "train_loop", lambda job, results: iter(()))
    monkeypatch.setattr(training_module, "train_stacked", lambda *a: iter(()))
    chosen = []
    real = training_module.choose_engine
    monkeypatch.setattr(training_module, "choose_engine", lambda *a: chosen.append(real(*a)) or chosen[-1])
    with pytest.raises(ValueError):  # nothing was trained, so nothing can be bundled
        train("auto", ShadowPlan.half_sampling(4, 2, 0), partial(simple_cnn, (3, side, side), 2, (2, 4)),
              X=np.zeros((4, 3, side, side)), y=[0, 1, 0, 1])  # fmt: skip
    assert chosen == [engine]


def two_groups(parameters):
    first, *rest = parameters
    return torch.optim.SGD([{"params": [first], "lr": 0.5}, {"params": rest}], lr=0.1)


class OwnSGD(torch.optim.SGD):
    pass


@pytest.mark.parametrize(
    ("optimizer", "words"),
    [
        (two_groups, "the optimiser tells groups of parameters apart"),
        (partial(OwnSGD, lr=0.1), "the optimiser OwnSGD may look at more than one entry of a weight at a time"),
    ],
)
def test_an_optimiser_that_may_not_be_stacked_is_looped(optimizer, words):
    assert train("auto", optimizer=optimizer).details["engine"] == "loop"
    for engine in ("batched", "vmap"):
        with pytest.raises(ValueError, match=f"engine {engine!r} cannot train this: {words}"):
            train(engine, optimizer=optimizer)


def test_one_model_alone_is_looped():
    assert train("auto", PLAN.subset([3])).details["engine"] == "loop"


def tied():
    layer = nn.Linear(4, 4)
    return nn.Sequential(layer, nn.ReLU(), layer)


def hooked():
    model = nn.Sequential(nn.Linear(4, 4))
    model[0].register_forward_hook(lambda module, inputs, output: 2 * output)
    return model


@pytest.mark.parametrize(
    ("model", "plain"),
    [
        (nn.Linear(2, 2), True),
        (nn.Sequential(nn.Flatten(), nn.Sequential(nn.Linear(2, 2), nn.ReLU()), nn.Linear(2, 2, bias=False)), True),
        (nn.Sequential(nn.ReLU()), False),
        (nn.Sequential(nn.Linear(4, 4), nn.Flatten()), False),
        (nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4)), False),
        (nn.Sequential(nn.Linear(4, 4), nn.PReLU()), False),
        (nn.Sequential(nn.Linear(4, 4), nn.Dropout()), False),
        (nn.utils.parametrizations.weight_norm(nn.Linear(2, 2)), False),
        (tied(), False),
        (hooked(), False),
        (Branching(), False),
    ],
)
def test_what_counts_as_a_plain_perceptron(model, plain):
    assert (layers_of(model) is not None) == plain


def test_a_model_that_is_no_perceptron_is_not_batched():
    with pytest.raises(ValueError, match="'batched' cannot train this: it stacks linear layers and activations"):
        train_images("batched", with_batch_norm)


def test_frozen_layers_stay_frozen():
    def frozen():
        model = perceptron()
        model[0].requires_grad_(False)
        return model

    for engine in ("batched", "vmap"):
        np.testing.assert_allclose(train(engine, model=frozen).logits, train(model=frozen).logits, rtol=0, atol=1e-13)


def test_whole_numbers_reach_an_embedding():
    def words():
        return nn.Sequential(nn.Embedding(4, 3), nn.Flatten(), nn.Linear(15, 2)).double()

    tokens = np.random.default_rng(0).integers(0, 4, size=(24, 5))
    bundle = train("auto", IMAGE_PLAN, words, X=tokens, y=IMAGE_LABELS)
    np.testing.assert_allclose(
        bundle.logits, train("loop", IMAGE_PLAN, words, X=tokens, y=IMAGE_LABELS).logits, rtol=0, atol=1e-12
    )


def test_predict_logits_leaves_the_mode_alone_and_switches_chance_off():
    model = with_dropout()
    assert (predict_logits(model, X) == predict_logits(model, torch.tensor(X), batch_size=7)).all() and model.training
    model.eval()
    assert predict_logits(model, X).dtype == np.float64 and not model.training


@pytest.mark.parametrize("engine", ENGINES)
def test_the_bar_counts_models_times_epochs(engine, monkeypatch):
    calls = []

    def bar(iterable, description, total):
        steps = list(iterable)
        calls.append((total, len(steps)))
        return steps

    monkeypatch.setattr(training_module, "progress", bar)
    train(engine, epochs=2, chunk=4)
    assert calls == [(12, 12)]


def test_an_interrupted_plan_goes_on_where_it_stopped():
    whole = train("batched", chunk=2)
    parts = [train("batched", PLAN.subset(slice(i, i + 2)), chunk=2) for i in (0, 2, 4)]
    assert (type(whole).join(parts).logits == whole.logits).all()


# What is refused


ONE_SIDED = ShadowPlan(np.tile(Y != 2, (2, 1)))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"engine": "fast"}, "engine is one of auto, batched, vmap, loop, joblib, not 'fast'"),
        ({"epochs": 0}, "epochs is a whole number from 1, not 0"),
        ({"batch_size": 1.5}, "batch_size is a whole number from 1, not 1.5"),
        ({"chunk": 0}, "chunk is a whole number from 1, not 0"),
        ({"seed": -1}, "seed is a whole number from 0, not -1"),
        ({"y": Y + 0.5}, "labels are whole numbers 0..K-1, not "),
        ({"y": Y - 1}, "label -1 is below 0"),
        ({"y": Y + 1}, "label 3 lies outside 0..2, the 3 classes there are"),
        ({"y": Y[:-1]}, "X has 60 rows, y 59 labels; give one label a row"),
        ({"X": X[0]}, "X holds numbers, (n_records, ...), not float32 of shape (10,)"),
        ({"X": np.full((N, D), "a")}, "X holds numbers"),
        ({"X": np.where(X == 1, np.nan, X)}, "X holds NaN or infinite numbers; fill them, or leave their rows out"),
        ({"plan": ShadowPlan.half_sampling(N + 1, 2, 0)}, "the plan is over 61 records, X has 60; plan over all of X"),
        ({"plan": ONE_SIDED}, "class 2 has no in rows in any shadow; plan larger sets or more shadows"),
        ({"plan": ShadowPlan(np.ones((2, N), dtype=bool))}, "class 0 has no out rows in any shadow"),
        ({"model": lambda: "net"}, "model returns a str, not a torch module; train_classifiers takes classifiers"),
        ({"model": lambda: nn.Sequential(perceptron(), nn.Softmax(1))}, "the model ends in Softmax; return logits"),
        ({"model": lambda: nn.Sequential(perceptron(), nn.Sigmoid())}, "the model ends in Sigmoid; return logits"),
        ({"model": lambda: nn.ReLU()}, "the model has no parameters to train"),
        (
            {"model": lambda: nn.Sequential(perceptron(), nn.Unflatten(1, (1, K)))},
            "the model gives shape (2, 1, 3) for 2 records; return logits (n, n_classes)",
        ),
        ({"loss": cross_entropy}, "loss gives shape (), not one number for each of"),
        ({"optimizer": partial(torch.optim.SGD, lr=1e308)}, "the training loss is nan in epoch"),
    ],
)
@pytest.mark.parametrize("engine", ["loop", "auto"])
def test_training_refuses(engine, arguments, words):
    with pytest.raises(ValueError) as error:
        train(**{"engine": engine, **arguments})
    assert words in str(error.value)


def test_a_victim_may_train_on_every_record():
    assert train(plan=ShadowPlan(np.ones((1, N), dtype=bool))).n_models == 1


def test_model_is_called_once_for_each_shadow_and_a_trial():
    calls = count()

    def counted():
        next(calls)
        return perceptron()

    train("batched", model=counted)
    assert next(calls) == PLAN.n_models + 1


@pytest.mark.slow  # three interpreters load torch
def test_training_runs_in_a_script_without_a_main_guard(tmp_path):
    """The processes of joblib import nothing of the reader's script."""
    script = tmp_path / "shadows.py"
    script.write_text(
        "from functools import partial\n"
        "import torch\n"
        "from course_lib.datasets import purchase_like\n"
        "from course_lib.membership import ShadowPlan, train_shadows\n"
        "X, y = purchase_like(20, n_features=4, n_classes=2)\n"
        "plan = ShadowPlan.half_sampling(20, 2, seed=0)\n"
        "adam = partial(torch.optim.Adam, lr=0.01)\n"
        "bundle = train_shadows(X, y, plan, lambda: torch.nn.Linear(4, 2), adam, 1, 8, 'joblib', n_jobs=2)\n"
        "print(bundle.logits.shape)\n"
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True)
    assert done.stdout.strip() == "(2, 20, 2)", done.stderr
