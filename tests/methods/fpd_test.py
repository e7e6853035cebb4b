"""Tests of FPD's training: algorithm 1 by hand, its branch, and what phase one leaves alone."""

import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from robust_tf import draws, networks, optim
from robust_tf.attacks import PGD, fgsm
from robust_tf.errors import InputError
from robust_tf.methods.fpd import FPDTraining, squared_error
from robust_tf.methods.standard import Standard
from robust_tf.threat import Threat
from tests.commands.running import run
from tests.methods import restoring
from tests.methods.restoring import ALPHA2, LABEL, RATE, X, algorithm, batch, method, noisy

INFINITY = float("inf")
OUTSIDE = ("last_norm", "logits")


def _trained(graph: bool = True, updates: int = 1, norm: bool = False, **options):
    """What the last of some updates reports, and the method."""
    made = method(restoring.network(norm), **options)
    made.compile(optim.SGD(RATE))
    step = tf.function(made.train_step, autograph=False) if graph else made.train_step
    for _ in range(updates):
        made.reset_metrics()
        results = step(batch())
    return {name: float(value) for name, value in results.items()}, made


def _by_hand(T: float, phases: int = 2, updates: int = 1, epsilon: float = restoring.EPSILON):
    network = restoring.network()
    for update in range(updates):
        results = algorithm(network, noisy(update, epsilon), T, phases)
    return results, network


def _assert_same(network: keras.Model, expected: keras.Model, atol: float = 1e-10) -> None:
    for a, b in zip(network.get_weights(), expected.get_weights(), strict=True):
        assert a.dtype == np.float64
        np.testing.assert_allclose(a, b, rtol=0, atol=atol)


def _values(variables) -> dict[str, np.ndarray]:
    return {v.path: v.numpy() for v in variables}


@pytest.mark.parametrize("graph", [False, True])
@pytest.mark.parametrize(("T", "phases"), [(INFINITY, 2), (INFINITY, 1), (0.0, 2), (0.0, 1)])
def test_updates_equal_algorithm_1(T, phases, graph):
    results, made = _trained(graph, updates=2, T=T, phases=phases)
    expected, network = _by_hand(T, phases, updates=2)
    _assert_same(made.network, network)
    assert results == pytest.approx(expected, rel=1e-6)
    # The epoch's means are those of the same numbers: the second phase is not among them.
    assert made.get_metrics_result() == pytest.approx(expected, rel=1e-6)
    assert results["phase_one"] == (T == 0)
    assert made.optimizer.iterations.numpy() == 2


def test_the_second_phase_is_another_update():
    one, two = (_trained(T=INFINITY, phases=phases)[1].network for phases in (1, 2))
    for a, b in zip(one.get_weights(), two.get_weights(), strict=True):
        assert np.abs(a - b).max() > 1e-3


def test_exactly_t_is_not_above_t():
    restored = restoring.network()
    restored = keras.Model(restored.input, restored.get_layer("restored").output)
    # As the method sees it: an image in float32.
    l2 = float(tf.reduce_mean(squared_error(tf.cast(restored(noisy()), tf.float32), X)))
    below = float(np.nextafter(np.float32(l2), np.float32(0)))
    assert [_trained(graph=False, T=T)[0]["phase_one"] for T in (l2, below)] == [0, 1]


@pytest.mark.parametrize(
    "optimizer",
    [
        lambda: optim.SGD(0.1, momentum=0.9, nesterov=True, use_ema=True, ema_momentum=0.5),
        lambda: optim.Adam(0.01, use_ema=True, ema_momentum=0.5),
    ],
)
def test_phase_one_freezes_the_rest_to_the_bit(optimizer):
    made = method(restoring.network(norm=True), T=INFINITY, weight_decay=0.1)
    made.compile(optimizer())

    def update():
        tf.function(made.train_step, autograph=False)(batch())
        return _values([*made.network.variables, *made.optimizer.variables])

    # Slots and averages that are not what they start as.
    before = update()
    made.T = 0.0
    after = update()
    same = {path for path in before if np.array_equal(before[path], after[path])}
    frozen = {path for path in before if any(layer in path for layer in OUTSIDE)}
    rates = {path for path in before if path.endswith("learning_rate")}
    assert same == frozen | rates
    # Kernel, bias, gamma and beta with their slots and averages, and the moving statistics.
    slots = 2 if isinstance(made.optimizer, keras.optimizers.SGD) else 3
    assert len(frozen) == 4 * (1 + slots) + 2
    assert any("front_norm/moving_mean" in path for path in before.keys() - frozen)


def test_phase_one_of_a_real_network_leaves_its_classifier_alone():
    network = networks.build("wrn-10-1", (8, 8, 1), 3, head="tanh", fpd=networks.FPD())
    made = method(network, T=0.0, weight_decay=0.1)
    made.compile(optim.SGD(0.01, momentum=0.9))
    x = np.random.default_rng(0).random((4, 8, 8, 1), dtype=np.float32)
    before = _values(network.variables)
    tf.function(made.train_step, autograph=False)((tf.constant(x), LABEL[:4], tf.range(4)))
    after = _values(network.variables)
    same = {path for path in before if np.array_equal(before[path], after[path])}
    assert {path.split("/")[0] for path in same} == {"bn_last", "before_squeeze"}
    assert len(same) == 6


@pytest.mark.parametrize("above", [True, False])
def test_parts_choose_the_branch_together(above):
    """T lies between the errors of the two parts."""
    errors = restoring.errors_of_halves(restoring.network())
    T = restoring.thresholds(*errors)[0 if above else 1]
    assert min(errors) < T < max(errors)
    (results, whole), (same, parts) = (_trained(T=T, accumulate=n) for n in (1, 2))
    assert results["phase_one"] == same["phase_one"] == above
    assert results == pytest.approx(same, rel=1e-6)
    _assert_same(parts.network, whole.network, atol=1e-12)
    _assert_same(parts.network, _by_hand(T)[1])


@pytest.mark.parametrize("T", [0.0, INFINITY])
def test_no_noise_is_the_image_itself(T):
    results, made = _trained(T=T, epsilon=0.0)
    network = restoring.network()
    expected = algorithm(network, tf.constant(X), T)
    _assert_same(made.network, network)
    assert results == pytest.approx(expected, rel=1e-6)


def test_noise_is_uniform_and_not_clipped():
    made = method(restoring.network(), epsilon=0.25)
    images = tf.zeros((500, 2, 2, 1))
    noise = made._noisy(images, None, draws.image_seeds(0, 0, tf.range(500))).numpy()
    assert -0.25 <= noise.min() < -0.24 and 0.24 < noise.max() <= 0.25
    assert noise.std() == pytest.approx(0.25 / np.sqrt(3), rel=0.05)
    np.testing.assert_array_equal(
        made._noisy(images[:2], None, draws.image_seeds(0, 0, [0, 1])), noise[:2]
    )


@pytest.mark.parametrize("attack", [fgsm(Threat("Linf", 0.2)), PGD(Threat("Linf", 0.2), steps=3)])
def test_the_adversarial_image_takes_the_noisy_ones_place(attack):
    results, made = _trained(T=INFINITY, attacked=True, attack=attack)
    fresh = method(restoring.network(), attack=attack)
    x_adv = attack(
        fresh.victim, tf.constant(X), tf.constant(LABEL), draws.image_seeds(3, 0, range(8))
    )
    assert np.abs(x_adv - X).max() > 0.1
    network = restoring.network()
    expected = algorithm(network, x_adv, INFINITY)
    _assert_same(made.network, network)
    assert results == pytest.approx(expected, rel=1e-6)


def test_validation_restores_the_clean_image_in_inference_mode():
    _, made = _trained(norm=True, T=INFINITY)
    made.reset_metrics()
    results = {name: float(value) for name, value in made.test_step(batch()).items()}
    restored = networks.outputs(made.network, ["restored"])(X, training=False)["restored"].numpy()
    assert results["restoration"] == pytest.approx(((restored - X) ** 2).mean(), rel=1e-5)
    assert set(results) == {"loss", "accuracy", "restoration"}


def test_replicas_choose_the_branch_together(tmp_path):
    """Two replicas on either side of T take the branch of their mean, and end as one does."""
    run(sys.executable, "-m", "tests.methods.restoring", str(tmp_path / "ends.npz"))
    with np.load(tmp_path / "ends.npz") as file:
        ends = dict(file)
    thresholds = restoring.thresholds(*ends["errors"])
    for branch, T in zip(restoring.BRANCHES, thresholds, strict=True):
        assert min(ends["errors"]) < T < max(ends["errors"])
        one = {n: a for n, a in ends.items() if n.startswith(f"{branch}_one")}
        assert len(one) > 20
        for name, value in one.items():
            two = ends[name.replace("one", "two")]
            np.testing.assert_allclose(two, value, rtol=0, atol=1e-12)
    assert ends["restores_two_phases"][0] == 1
    assert ends["classifies_two_phases"][0] == 0


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"epsilon": -0.1}, "^--fpd_noise=-0.1 must be a number that is not negative.$"),
        ({"epsilon": float("nan")}, "^--fpd_noise=nan must be"),
        ({"phases": 3}, "^--fpd_phases=3 is unknown; expected 1 or 2.$"),
    ],
)
def test_what_there_is_not_is_refused(options, sentence):
    with pytest.raises(InputError, match=sentence):
        method(restoring.network(), **options)


def test_a_network_that_restores_nothing_is_refused():
    with pytest.raises(InputError, match="no layer restored; expected group0"):
        FPDTraining(networks.build("wrn-10-1", (8, 8, 1), 3), epsilon=0.1)


def test_alpha2_weighs_the_restoration():
    """In phase one the update is proportional to alpha2."""
    start = restoring.network().get_weights()
    single, double = (
        [
            now - was
            for now, was in zip(
                _trained(T=0.0, alpha2=a)[1].network.get_weights(), start, strict=True
            )
        ]
        for a in (ALPHA2, 2 * ALPHA2)
    )
    for a, b in zip(single, double, strict=True):
        np.testing.assert_allclose(b, 2 * a, rtol=0, atol=1e-14)


def test_averages_begin_at_the_weights_also_in_phase_one():
    """Keras' own begin at 0, which phase one would keep for what it leaves alone."""
    made = method(restoring.network(norm=True), T=0.0)
    made.compile(optim.SGD(0.0, use_ema=True, ema_momentum=0.5))
    made.train_step(batch())
    made.T = INFINITY
    made.train_step(batch())
    averages = made.optimizer._model_variables_moving_average
    for average, variable in zip(averages, made.trainable_variables, strict=True):
        np.testing.assert_allclose(average, variable, rtol=1e-12)


def test_without_noise_restoration_and_second_phase_it_is_standard_training():
    options = {"alpha1": 1.0, "alpha2": 0.0, "T": INFINITY, "phases": 1, "epsilon": 0.0}
    made, standard = method(restoring.network(), **options), Standard(restoring.network())
    for trained in (made, standard):
        trained.compile(optim.SGD(RATE, momentum=0.9))
        trained.train_step(batch()), trained.train_step(batch())
    _assert_same(made.network, standard.network, atol=1e-15)


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
