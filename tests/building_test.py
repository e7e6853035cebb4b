"""Tests of robust_tf.building: what the flags say of a method, its attack and network arrives."""

import keras
import pytest
from absl import flags

from robust_tf import building, config, losses
from robust_tf.attacks import aims
from robust_tf.methods import METHODS

SHAPE, CLASSES, STEPS = (8, 8, 1), 10, 3


def _built(*arguments: str):
    for name in flags.FLAGS:
        flags.FLAGS[name].unparse()
    flags.FLAGS(["train", "--dataset=digits", "--eps=0.25", *arguments])
    return building.method(config.train(), SHAPE, CLASSES, STEPS)


@pytest.mark.parametrize(
    ("method", "loss", "start", "aim", "steps", "step_size"),
    [
        ("pgd_at", losses.cross_entropy, "uniform", aims.UNTARGETED, 10, 0.0625),
        ("trades", losses.kl_divergence, "gaussian", aims.CLEAN_PREDICTION, 10, 0.0625),
        ("rlfat_p", losses.cross_entropy, "uniform", aims.UNTARGETED, 10, 0.0625),
        ("rlfat_t", losses.kl_divergence, "gaussian", aims.CLEAN_PREDICTION, 10, 0.0625),
        ("bat", losses.cross_entropy, "uniform", aims.MOST_CONFUSING, 1, 0.25),
        ("fpd", losses.cross_entropy, "uniform", aims.UNTARGETED, 10, 0.0625),
    ],
)
def test_each_method_has_its_papers_attack(method, loss, start, aim, steps, step_size):
    built = _built(f"--method={method}")
    assert type(built) is METHODS[method]
    attack = built.attack
    assert (attack.loss, attack.start, attack.aim) == (loss, start, aim)
    assert (attack.steps, attack.step_size) == (steps, step_size)


def test_the_steps_of_bat_share_its_radius():
    assert _built("--method=bat", "--attack_steps=2").attack.step_size == 0.125


@pytest.mark.parametrize(
    ("arguments", "levels"),
    [
        (["--attack_steps=5"], 3.2),
        (["--attack_steps=30"], 1),
        (["--attack_steps=0"], 16),
        (["--attack_steps=5", "--attack_step_size=2/255"], 2),
        (["--method=bat", "--attack_steps=2"], 8),
    ],
)
def test_the_step_rule_of_paper_1_also_trains(arguments, levels):
    attack = _built("--attack_step_rule=caad", *arguments).attack
    assert attack.step_size == pytest.approx(levels / 255)


def test_a_clean_start_is_drawn_for_blocks_of_32_and_moves_no_other_draw():
    assert _built().block is None and _built("--attack_clean_start=0.2").block == 32


def test_the_rate_of_a_batch_is_its_share_of_256():
    built = _built("--lr_per_256=0.1", "--batch_size=4096", "--schedule=constant")
    assert float(built.optimizer.learning_rate) == pytest.approx(1.6)


@pytest.mark.parametrize(
    ("method", "arguments", "expected"),
    [
        ("trades", ["--trades_lambda=3"], {"lam": 3}),
        ("rlfat_p", [], {"eta": 0.5, "k": 2, "per_batch": False}),
        ("rlfat_t", [], {"eta": 1, "lam": 6}),
        (
            "rlfat_t",
            ["--rlfat_eta=0.25", "--rlfat_blocks=3", "--rlfat_per_batch", "--trades_lambda=2"],
            {"eta": 0.25, "k": 3, "per_batch": True, "lam": 2},
        ),
        (
            "bat",
            ["--bat_beta=5", "--bat_gamma=0.5", "--bat_labels=smooth"],
            {"beta": 5, "gamma": 0.5, "labels": "smooth"},
        ),
        ("fpd", [], {"epsilon": 0.25, "attacked": False, "T": 0.05, "phases": 2}),
        (
            "fpd",
            ["--fpd_input=attack", "--fpd_noise=0.5", "--fpd_alpha1=2", "--fpd_alpha2=3"],
            {"attacked": True, "epsilon": 0.5, "alpha1": 2, "alpha2": 3},
        ),
        ("fpd", ["--fpd_threshold=0.5", "--fpd_phases=1"], {"T": 0.5, "phases": 1}),
        (
            "smoothing",
            ["--smoothing_delta=0.5", "--smoothing_layer=group1"],
            {"delta": 0.5, "layer": "group1"},
        ),
        ("standard", ["--label_smoothing=0.1"], {"label_smoothing": 0.1}),
    ],
)
def test_flags_arrive_as_the_papers_symbols(method, arguments, expected):
    built = _built(f"--method={method}", *arguments)
    assert {name: getattr(built, name) for name in expected} == expected


def test_fpd_is_a_squeezed_network_of_elus_trained_by_adam():
    built = _built("--method=fpd")
    kinds = {type(layer) for layer in built.network.layers}
    assert keras.layers.ELU in kinds and keras.layers.ReLU not in kinds
    names = {layer.name for layer in built.network.layers}
    assert {"before_squeeze", "restored", "middle", "inner0", "inner1"} <= names
    assert "inner2" not in names
    assert built.optimizer.__class__.__name__ == "Adam" and built.weight_decay == 0
    deep = _built("--method=fpd", "--fpd_at=deep", "--fpd_clean=flip", "--activation=relu")
    names = {layer.name for layer in deep.network.layers}
    assert {"inner2", "inner3"} <= names and not {"inner0", "middle"} & names
    assert keras.layers.ReLU in {type(layer) for layer in deep.network.layers}


def test_denoising_blocks_are_where_the_flags_say():
    group = _built("--denoise=dot", "--network=wrn-10-1").network
    block = _built("--denoise=gaussian", "--denoise_at=block", "--network=wrn-16-1").network
    assert group.get_layer("group2_denoise").kind == "dot"
    assert block.get_layer("group0_block1_denoise").kind == "gaussian"
    assert "group0_denoise" not in {layer.name for layer in block.layers}


@pytest.mark.parametrize(
    ("arguments", "attacked"),
    [
        (["--method=standard"], False),
        (["--method=smoothing"], False),
        (["--method=fpd"], False),
        (["--method=fpd", "--fpd_input=attack"], True),
        (["--method=trades"], True),
    ],
)
def test_what_trains_without_an_attack_is_chosen_by_clean_accuracy(arguments, attacked):
    assert (_built(*arguments).val_attack is not None) == attacked


def test_validation_is_at_its_own_radius():
    built = _built("--eval_eps=0.5")
    assert built.attack.threat.epsilon == 0.25
    assert built.val_attack.threat.epsilon == 0.5


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
