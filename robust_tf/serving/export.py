"""Writes a network as a SavedModel that TensorFlow Serving loads as it stands.

    export(network, "exports/digits")  # exports/digits/1, then exports/digits/2, ...

Each version answers three signatures, all in inference mode and for any batch size:
serving_default (`images`: float32 in [0, 1]), pixels (`pixels`: uint8) and encoded
(`image_bytes`: JPEG or PNG files). Each gives classes, probabilities and logits. With a defence
there are defended, pixels_defended and encoded_defended beside them, which draw fresh noise for
every request and also give the defence's steps, whether it converged, and what it induced; there
may be several, under other names.
assets.extra has class_names.txt, crop.txt, model_card.md and tf_serving_warmup_requests.
"""

import pathlib
import shutil
from collections.abc import Iterator, Mapping, Sequence

import keras
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from robust_tf.defenses import defended_victim
from robust_tf.errors import InputError
from robust_tf.serving import folders, warmup_requests
from robust_tf.serving.model_card import Origin, model_card
from robust_tf.serving.signatures import (
    BARE,
    Defended,
    add_seeded,
    add_signatures,
    bare,
    fresh,
)
from robust_tf.victim import network_victim

MUST_COMPILE = "_XlaMustCompile"
# A server is not kept waiting for warm-up requests that take more steps than this.
WARMED_STEPS = 1000


def export(
    network: keras.Model,
    export_dir: str | pathlib.Path,
    *,
    class_names: Sequence[str] | None = None,
    defended: Mapping[str, Defended] | None = None,
    origin: Origin | None = None,
    crop: str = "none",
) -> pathlib.Path:
    """Writes the next version of a network and returns its folder, EXPORT_DIR/<version>.

    The version appears all at once: it is written under a name that is no number, which
    TensorFlow Serving passes over, and renamed when it is whole.

    Args:
      network: a built model from images, float32 [N, H, W, C] in [0, 1], to logits.
      export_dir: the folder of all versions; made where it is missing.
      class_names: one name a class, kept in assets.extra/class_names.txt.
      defended: by signature, the decisions of a defence, as in {DEFENDED: Defended(defense)}.
      origin: what the model card says of the network's training and evaluations.
      crop: how image files are brought to the network's size, one of data.decode.CROPS.
    """
    image_shape, classes = _shapes(network)
    lines = _class_lines(class_names, classes)
    root = pathlib.Path(export_dir)
    if root.exists() and not root.is_dir():
        raise InputError(f"--export_dir={root} is a file; expected a directory.")
    unfinished = folders.make_unfinished(root)
    try:
        defended = defended or {}
        archive, inputs = _archive(network, image_shape, defended, crop)
        archive.write_out(unfinished, verbose=False)
        _refuse_xla(unfinished)
        extra = unfinished / "assets.extra"
        extra.mkdir()
        if lines:
            (extra / "class_names.txt").write_text(lines, encoding="utf-8")
        # Of an export that is evaluated, images are brought to its size as they were in its run.
        (extra / "crop.txt").write_text(f"{crop}\n")
        warmup_requests.write(extra, _warmed(inputs, defended))
        card = model_card(network, inputs, class_names, defended, origin, crop)
        (extra / "model_card.md").write_text(card, encoding="utf-8")
        return _publish(unfinished, root)
    except BaseException:
        shutil.rmtree(unfinished)
        raise


def xla_functions(export_path: str | pathlib.Path) -> list[str]:
    """The functions and nodes of a SavedModel that only run when XLA compiles them.

    TensorFlow Serving refuses them unless it is started with a flag.
    """
    model = saved_model_pb2.SavedModel()
    model.ParseFromString((pathlib.Path(export_path) / "saved_model.pb").read_bytes())
    return sorted({name for meta in model.meta_graphs for name in _must_compile(meta.graph_def)})


def _must_compile(graph: tf.compat.v1.GraphDef) -> Iterator[str]:
    """Names of the functions and nodes of a graph that carry a true _XlaMustCompile."""
    for node in graph.node:
        if node.attr[MUST_COMPILE].b:
            yield node.name
    for function in graph.library.function:
        name = function.signature.name
        if function.attr[MUST_COMPILE].b:
            yield name
        yield from (
            f"{name}/{node.name}" for node in function.node_def if node.attr[MUST_COMPILE].b
        )


def _shapes(network: keras.Model) -> tuple[tuple[int, int, int], int]:
    """The image shape (H, W, C) and the number of classes, both of which must be known."""
    images, logits = network.input_shape, network.output_shape
    if len(images) != 4 or None in images[1:]:
        raise InputError(
            f"The network takes {images}; expected images of one size, (None, H, W, C)."
        )
    if len(logits) != 2 or logits[1] is None:
        raise InputError(f"The network gives {logits}; expected logits, (None, classes).")
    return tuple(images[1:]), logits[1]


def _class_lines(class_names: Sequence[str] | None, classes: int) -> str:
    """The text of class_names.txt, empty without names."""
    if class_names is None:
        return ""
    if len(class_names) != classes:
        raise InputError(
            f"class_names has {len(class_names)} names; expected {classes}, one for each class."
        )
    for name in class_names:
        if len(name.splitlines()) != 1:
            raise InputError(f"The class name {name!r} cannot be kept; expected one line of text.")
    return "".join(f"{name}\n" for name in class_names)


def _archive(
    network: keras.Model,
    image_shape: tuple[int, int, int],
    defended: Mapping[str, Defended],
    crop: str,
) -> tuple[keras.export.ExportArchive, dict[str, tf.TensorSpec]]:
    """The network with its signatures, ready to be written, and the public ones' inputs."""
    archive = keras.export.ExportArchive()
    archive.track(network)
    victims = {
        name: defended_victim(network_victim(network), one.defense, one.outer_loops)
        for name, one in defended.items()
    }
    random = {name: fresh(victim) for name, victim in victims.items()}
    inputs = add_signatures(archive, image_shape, {BARE: bare(network), **random}, crop)
    for name, victim in victims.items():
        if defended[name].seeded:
            add_seeded(archive, image_shape, name, victim)
    return archive, inputs


def _warmed(inputs: dict[str, tf.TensorSpec], defended: Mapping[str, Defended]) -> dict:
    """The signatures to warm up: where a defence takes long anyway, its first call may as well."""
    slow = tuple(name for name, one in defended.items() if one.most_steps > WARMED_STEPS)
    return {name: spec for name, spec in inputs.items() if not name.endswith(slow)}


def _refuse_xla(saved_model: pathlib.Path) -> None:
    """Raises where the SavedModel needs XLA."""
    names = xla_functions(saved_model)
    if names:
        raise InputError(
            f"The network needs XLA in {names[0]} ({len(names)} in all), which TensorFlow Serving "
            "refuses; expected layers without jit_compile, such as robust_tf's grouped convolution."
        )


def _publish(unfinished: pathlib.Path, root: pathlib.Path) -> pathlib.Path:
    """Renames a whole version to the next free number, beside others that may do the same."""
    while True:
        taken = [int(each.name) for each in root.iterdir() if each.name.isdecimal()]
        version = root / str(max(taken, default=0) + 1)
        try:
            return unfinished.rename(version)
        except OSError:
            # Another export took the number in between: a folder with files cannot be replaced.
            if not version.exists():
                raise
