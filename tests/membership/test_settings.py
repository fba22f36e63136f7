"""The settings of a run: presets, precedence, aliases, what one asks of another."""

import pytest
import torch

from course_lib.membership.settings import (
    KEYS,
    PRESETS,
    OptimizerSettings,
    optimizer_of,
    resolve_settings,
    settings_help,
)

COURSE = (
    "shadow.n_models=16 shadow.model.arch=simple_cnn shadow.optimizer.name=sgd shadow.optimizer.lr=0.001 "
    "data.name=cifar10"
)
PAIRS = (
    "SHADOW.MODEL.ARCH simplecnn SHADOW.OPTIMIZER.NAME sgd SHADOW.OPTIMIZER.ALPHA 0.001 "
    "SHADOW.TRAIN.SET_SIZE 5000 DATA.NAME cifar10"
)


def test_the_two_spellings_mean_the_same():
    dotted = resolve_settings([*COURSE.split(), "shadow.set_size=5000"])
    assert dotted == resolve_settings(PAIRS.split())
    assert dotted.shadow.model.arch == "simple_cnn" and dotted.shadow.optimizer == OptimizerSettings("sgd", 0.001)
    assert dotted.shadow.set_size == 5000 and dotted.shadow.n_models == 16


def test_cifar10_comes_with_the_recipe():
    settings = resolve_settings(["data.name=cifar10"])
    assert (settings.victim.per_class, settings.victim.out_per_class) == (1500, 0)
    assert settings.victim.model.arch == settings.shadow.model.arch == "simple_cnn"
    assert settings.shadow.plan == "disjoint_pools" and settings.shadow.set_size <= 17_500


def test_the_command_line_wins_over_the_file_and_the_file_over_the_data_set(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('[data]\nname = "digits"\n[shadow]\nset_size = 300\nepochs = 7\n[shadow.optimizer]\nalpha = 0.5\n')
    settings = resolve_settings(["SHADOW.EPOCHS", "9"], path)
    assert settings.data.name == "digits"
    assert (settings.shadow.set_size, settings.shadow.epochs, settings.shadow.optimizer.lr) == (300, 9, 0.5)
    assert settings.victim.per_class == PRESETS["digits"]["victim.per_class"]
    assert resolve_settings(["data.name=purchase"], path).victim.per_class == KEYS["victim.per_class"].default


def test_presets_hold_known_keys_and_fitting_values():
    for name, preset in PRESETS.items():
        for key, value in preset.items():
            assert KEYS[key].value(value) == value, (name, key)


def test_help_lists_every_key_with_type_and_default():
    text = settings_help()
    for name, key in KEYS.items():
        kind = key.choices[0] if key.choices else key.type_name
        line = next(line for line in text.splitlines() if line.strip().startswith(f"{name}  ("))
        assert kind in line
    assert text.count("[default") == len(KEYS)
    assert "cifar10: 1500" in text


@pytest.mark.parametrize(
    "words, message",
    [
        ("shadow.nmodels=2", "did you mean shadow.n_models?"),
        ("shadow.model.arch=simplecn", "did you mean simple_cnn? The choices are mlp, simple_cnn, lenet, small_resnet"),
        ("data.name=cifar", "did you mean cifar10?"),
        ("data.n=10 data.name=digits", "data.n is for data.name=purchase only, and data.name is digits: leave it out"),
        ("data.download=yes", "data.download is for data.name=cifar10 only"),
        ("shadow.plan=half_sampling shadow.set_size=5", "shadow.set_size is for shadow.plan=disjoint_pools only"),
        ("data.name=file", "say which with data.path=FILE.npz"),
        ("data.flip=0.6", "data.flip is at most 0.5, not 0.6"),
        ("attack.names=", "attack.names is none: name at least one attack, and each once"),
        ("attack.names=gap,gap", "attack.names is gap,gap: name at least one attack, and each once"),
        ("shadow.n_models=1", "lira needs two shadows for a variance"),
        ("victim.optimizer.momentum=0.9", "adam has no momentum to set: take sgd or rmsprop"),
        ("shadow.epochs=0", "shadow.epochs is at least 1, not 0"),
        ("shadow.optimizer.lr=0", "shadow.optimizer.lr is above 0, not 0.0"),
        ("attack.names=shadow,rima", "attack.names is not 'rima': did you mean rmia?"),
        ("victim.train.batchsize=3", "did you mean victim.batch_size?"),
    ],
)
def test_bad_settings_are_named(words, message):
    with pytest.raises(ValueError) as error:
        resolve_settings(words.split())
    assert message in str(error.value)


def test_optimizers_are_what_they_are_called():
    weights = [torch.nn.Parameter(torch.zeros(2))]
    made = optimizer_of(OptimizerSettings("sgd", 0.2, momentum=0.9, weight_decay=0.1))(weights)
    assert type(made) is torch.optim.SGD
    assert [made.defaults[n] for n in ("lr", "momentum", "weight_decay")] == [0.2, 0.9, 0.1]
    assert type(optimizer_of(OptimizerSettings("rmsprop"))(weights)) is torch.optim.RMSprop
