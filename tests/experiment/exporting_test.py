"""Tests of robust_tf.experiment.exporting: train and export publish what is known of a run."""

import json

import pytest

from robust_tf import networks
from robust_tf.experiment.exporting import publish

FLAGS = "--dataset=digits\n--eps=0.2\n--method=standard\n--network=cnn-small\n--norm=Linf\n"


@pytest.fixture
def run_dir(tmp_path):
    """What an export reads of a run: its network, flags, class names and one evaluation."""
    run_dir = tmp_path / "run"
    (run_dir / "checkpoints").mkdir(parents=True)
    checkpoint = run_dir / "checkpoints" / "best.keras"
    networks.build("cnn-small", (8, 8, 1), 3).save(checkpoint)
    (run_dir / "flags.cfg").write_text(FLAGS)
    (run_dir / "class_names.txt").write_text("one\ntwo\nthree\n")
    result = {
        "weights": networks.fingerprint(networks.load(checkpoint, dtype="float32")),
        "dataset": "digits",
        "threat": {"norm": "Linf", "eps": 0.2},
        "examples": 360,
        "attacks": {"pgd-20": {"accuracy": 0.25}},
        "robust_accuracy": 0.25,
    }
    (run_dir / "results").mkdir()
    (run_dir / "results" / "a.json").write_text(json.dumps(result))
    return run_dir


@pytest.mark.parametrize("checkpoint", ["", "checkpoints/best.keras"])
def test_a_run_and_its_checkpoints_are_exported_with_what_is_known_of_them(
    run_dir, tmp_path, capsys, checkpoint
):
    version = publish(run_dir / checkpoint, tmp_path / "exports", None)
    assert version == tmp_path / "exports" / "1"
    assert capsys.readouterr().out == f"Exported to {version}\n"
    card = (version / "assets.extra" / "model_card.md").read_text()
    assert card.startswith("# Model card: cnn-small for digits\n")
    assert "- Classes: 3 (one, two, three)" in card
    assert "trained without an attack" in card
    assert "| pgd-20 | 25.0% | 360 | a.json |" in card
    names = (version / "assets.extra" / "class_names.txt").read_text()
    assert names == "one\ntwo\nthree\n"
    assert (version / "assets.extra" / "tf_serving_warmup_requests").is_file()


def test_results_beside_a_keras_file_count_where_they_are_of_its_weights(run_dir, tmp_path):
    alone = tmp_path / "alone"
    alone.mkdir()
    (run_dir / "checkpoints" / "best.keras").rename(alone / "network.keras")
    (run_dir / "results" / "a.json").rename(alone / "a.json")
    card = publish(alone / "network.keras", tmp_path / "e", None) / "assets.extra/model_card.md"
    assert "| pgd-20 | 25.0% | 360 | a.json |" in card.read_text()
    other = networks.build("cnn-small", (8, 8, 1), 3)
    other.set_weights([weight + 1 for weight in other.get_weights()])
    other.save(alone / "network.keras")
    card = publish(alone / "network.keras", tmp_path / "e", None) / "assets.extra/model_card.md"
    assert "pgd-20" not in card.read_text()


def test_older_versions_go_once_the_new_one_is_there(run_dir, tmp_path):
    exports = tmp_path / "exports"
    for _ in range(3):
        newest = publish(run_dir, exports, 2)
    assert newest == exports / "3"
    assert sorted(each.name for each in exports.iterdir()) == ["2", "3"]
    assert (newest / "saved_model.pb").is_file()


def test_an_export_that_fails_deletes_nothing(run_dir, tmp_path):
    exports = tmp_path / "exports"
    publish(run_dir, exports, None)
    publish(run_dir, exports, None)
    (run_dir / "class_names.txt").write_text("one\n")
    with pytest.raises(ValueError, match="expected 3"):
        publish(run_dir, exports, 1)
    assert sorted(each.name for each in exports.iterdir()) == ["1", "2"]


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
