"""Evaluations as a user types them: attacks by their names, on any model."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from robust_tf import networks
from robust_tf.data.sources import load
from robust_tf.serving.export import export
from tests.commands.running import command, here, refusal, run, said


def _trained(path, head: str = "linear", seed: int = 0) -> keras.Model:
    """A small network that knows digits, saved."""
    train = load("digits", "train")
    x = np.stack([train.image(i) for i in range(len(train))]) / np.float32(255)
    keras.utils.set_random_seed(seed)
    network = networks.build("cnn-small", train.image_shape, 10, head=head, seed=seed)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    network.compile(keras.optimizers.Adam(5e-3), loss, jit_compile=False)
    network.fit(x, train.labels, batch_size=64, epochs=3, verbose=0)
    network.save(path)
    return network


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A network and its twin."""
    folder = tmp_path_factory.mktemp("models")
    export(_trained(folder / "one.keras"), folder / "exported")
    _trained(folder / "twin.keras", seed=1)
    return folder


def _line(model, *flags: str) -> tuple[str, ...]:
    return ("evaluate", f"--model={model}", "--dataset=digits", "--examples=40", *flags)


def test_attacks_of_every_kind(folder, tmp_path):
    attacks = f"pgd-2/5,deepfool,apgd-ce+fgsm,transfer:pgd-5@{folder}/twin.keras"
    output = f"--output={tmp_path}/r.json"
    done = run(*command(*_line(folder / "one.keras", f"--attacks={attacks}", output)))
    result = json.loads((tmp_path / "r.json").read_text())
    rows = result["attacks"]
    transfer = f"transfer:pgd-5@{folder}/twin.keras"
    assert list(rows) == ["clean", "pgd-2", "pgd-5", "deepfool", "apgd-ce+fgsm", transfer]
    assert rows["pgd-5"]["accuracy"] <= rows["pgd-2"]["accuracy"] <= rows["clean"]["accuracy"]
    assert rows["pgd-5"]["accuracy"] < rows[transfer]["accuracy"]
    assert list(rows["apgd-ce+fgsm"]["stages"]) == ["apgd-ce", "fgsm"]
    assert rows["deepfool"]["fooled_at_any_distance"] == 1.0
    assert (tmp_path / "r.png").is_file()
    assert {line["measure"] for line in result["gradient_masking"]} >= {
        *("FGSM against clean", "huge epsilon", "restarts"),
    }
    for text in ("robust accuracy after APGD-CE: ", "at any distance, median", "which proves no"):
        assert text in done.stdout
    assert "retracing" not in done.stderr


def test_an_export_is_attacked_as_its_network_is(folder, tmp_path):
    rows = []
    for model in ("one.keras", "exported/1"):
        path = tmp_path / "r.json"
        flags = ("--attacks=pgd-5", f"--output={path}", "--verdict=false")
        assert here(*_line(folder / model, *flags)) == 0
        result = json.loads(path.read_text())
        assert "gradient_masking" not in result
        rows.append(result["attacks"]["pgd-5"]["per_image"])
    assert rows[0] == rows[1] and any(rows[0])


def test_a_model_without_gradients_meets_attacks_that_need_none(folder, tmp_path, capsys):
    network = keras.saving.load_model(folder / "one.keras")
    module = tf.Module()
    module.network = network

    @tf.function(input_signature=[tf.TensorSpec((None, 8, 8, 1), name="images")])
    def serve(images):
        return {"scores": tf.stop_gradient(network(images))}

    tf.saved_model.save(module, tmp_path / "m", signatures={"answer": serve})
    flags = ("--signature=answer", f"--output={tmp_path}/r.json")
    refused = refusal(capsys, *_line(tmp_path / "m", "--attacks=fgsm,square", *flags))
    assert "gives no gradients, which fgsm needs; expected square" in refused
    transfer = f"transfer:pgd-5@{folder}/twin.keras"
    told = said(capsys, *_line(tmp_path / "m", f"--attacks={transfer}", *flags))
    assert "white-box attacks are impossible" in told


def test_saved_images_are_what_was_judged(folder, tmp_path, capsys):
    flags = (f"--save_adversarial={tmp_path}/adv", f"--output={tmp_path}/r.json")
    told = said(capsys, *_line(folder / "one.keras", "--attacks=pgd-5", *flags))
    assert f"images written to {tmp_path}/adv/pgd-5/digits.npz" in told
    arrays = np.load(tmp_path / "adv" / "pgd-5" / "digits.npz")
    network = keras.saving.load_model(folder / "one.keras")
    x = arrays["x_test"][..., None] / np.float32(255)
    right = np.argmax(network(x), axis=-1) == arrays["y_test"]
    result = json.loads((tmp_path / "r.json").read_text())
    assert right.tolist() == result["attacks"]["pgd-5"]["per_image"]
    assert len(list((tmp_path / "adv" / "pgd-5").glob("*.png"))) == 40


def test_a_bounded_head_is_found_and_attacked_on_both_sides(tmp_path, capsys):
    _trained(tmp_path / "tanh.keras", head="tanh")
    flags = ("--attacks=pgd-5", f"--output={tmp_path}/r.json")
    told = said(capsys, *_line(tmp_path / "tanh.keras", *flags))
    assert "WARNING: No logit is larger than 1" in told
    row = json.loads((tmp_path / "r.json").read_text())["attacks"]["pgd-5"]
    assert row["accuracy"] == row["outputs"]["both"] <= row["outputs"]["logits"]
    assert "after pgd-5@before_squeeze" in told


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (("--attacks=pgd-2/5", "--restarts=2"), "--attacks=pgd-2/5 is one run"),
        (("--attacks=pgd-5,pgd-2/5",), "--attacks names pgd-5 twice"),
        (("--attacks=apgd-t", "--targeted=random"), "--targeted=random means nothing to apgd-t"),
        (("--attacks=shift-5",), "shift-5 needs a network that restores its images"),
        (("--attacks=transfer:fgsm@nowhere",), "--attacks names nowhere, which does not exist"),
    ],
)
def test_what_cannot_be_is_refused(flags, sentence, folder, capsys):
    assert sentence in refusal(capsys, *_line(folder / "one.keras", *flags))


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
