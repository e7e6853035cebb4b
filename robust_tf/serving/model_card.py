"""The model card of an export, assets.extra/model_card.md: what it is, takes and withstands."""

import dataclasses
import datetime
import math
import pathlib
from collections.abc import Mapping, Sequence

import keras
import tensorflow as tf

from robust_tf.data import decode
from robust_tf.encoded_images import MAX_PIXELS
from robust_tf.serving import recorded
from robust_tf.serving.signatures import Defended

BEFORE_SQUEEZE = "before_squeeze"
# What of a run's flags says how its network came about.
_TELLING = ("method", "dataset", "network", "activation", "head", "denoise", "denoise_at", "fpd")
_TELLING += ("norm", "eps", "attack_steps", "attack_step_size", "attack_loss", "attack_target")
_TELLING += (
    "epochs",
    "batch_size",
    "augment",
    "crop",
    "label_smoothing",
    "ema",
    "val_attack",
    "seed",
)
_WITHOUT_ATTACK = ("standard", "smoothing")
_NAMES_SHOWN = 10


@dataclasses.dataclass(frozen=True)
class Origin:
    """Where an exported network comes from.

    Attributes:
      flags: of its training run, by name; empty where there is no run.
      results: the folder in which its evaluations have left their results.
      weights: the network's fingerprint: results of other weights are not its own.
      source: where it comes from, if it was not trained here.
    """

    flags: Mapping[str, str]
    results: pathlib.Path
    weights: str
    source: str = ""


def model_card(
    network: keras.Model,
    inputs: Mapping[str, tf.TensorSpec],
    class_names: Sequence[str] | None,
    defended: Mapping[str, Defended] | None = None,
    origin: Origin | None = None,
    crop: str = "none",
) -> str:
    """The card, in Markdown.

    Args:
      network: what is exported.
      inputs: the only input of each signature, by the signature's name.
      class_names: of all classes; None where they are not known.
      defended: the defence of the defended signatures, by the name that theirs end with.
      origin: what is known of the training and the evaluations.
      crop: how image files are brought to the network's size.
    """
    flags = origin.flags if origin else {}
    found = recorded.results(origin.results, origin.weights) if origin else {}
    sections = [
        f"# Model card: {flags.get('network', network.name)} for {flags.get('dataset', 'images')}",
        _summary(network, class_names),
        "## Training",
        _training(flags, origin.source if origin else ""),
        "## Accuracy",
        recorded.accuracy(found),
        "## Signatures",
        _signatures(network, inputs, defended or {}, crop),
        *(["## Active Defense"] if defended else []),
        *(_defended(name, one) for name, one in (defended or {}).items()),
        "## How to call it",
        _call(),
    ]
    return "\n\n".join(sections) + "\n"


def _summary(network: keras.Model, class_names: Sequence[str] | None) -> str:
    height, width, channels = network.input_shape[1:]
    classes = network.output_shape[-1]
    kind = {1: "grey", 3: "RGB"}.get(channels, f"{channels} channels")
    parameters = sum(math.prod(v.shape) for v in network.trainable_variables)
    lines = [
        f"- Network: {network.name}, {parameters:,} parameters",
        f"- Images: {height} x {width} pixels, {kind}",
        f"- Classes: {classes}{_listed(class_names)}",
        f"- Exported: {datetime.datetime.now(datetime.UTC):%Y-%m-%d}, TensorFlow {tf.__version__}, "
        f"Keras {keras.__version__}",
    ]
    if any(layer.name == BEFORE_SQUEEZE for layer in network.layers):
        # The softmax of one logit at 1 and the others at -1.
        most = 1 / (1 + (classes - 1) * math.exp(-2))
        lines += [
            "- Its head ends in a Tanh, so that every logit lies between -1 and 1 and its "
            f"confidences are bounded: no probability is above {most:.1%}, however sure it is."
        ]
    return "\n".join(lines)


def _listed(class_names: Sequence[str] | None) -> str:
    if class_names is None:
        return ""
    more = ", ..." if len(class_names) > _NAMES_SHOWN else ""
    return f" ({', '.join(class_names[:_NAMES_SHOWN])}{more}), by number in class_names.txt"


def _training(flags: Mapping[str, str], source: str) -> str:
    if source:
        return source
    if not {"method", "norm", "eps"} <= flags.keys():
        return "Nothing is known of it: the network was not exported from a run of training."
    noise = flags["method"] == "fpd" and flags.get("fpd_input") == "noise"
    if flags["method"] in _WITHOUT_ATTACK or noise or flags.get("attack_steps") == "0":
        sentence = "It was trained without an attack."
    else:
        eps = f"{float(flags['eps']):.4g}"
        sentence = f"It was trained against perturbations of at most {flags['norm']} {eps}."
    lines = [f"    --{name}={flags[name]}" for name in _TELLING if name in flags]
    return "\n".join([sentence, "", *lines])


def _signatures(
    network: keras.Model,
    inputs: Mapping[str, tf.TensorSpec],
    defended: Mapping[str, Defended],
    crop: str,
) -> str:
    height, width, channels = network.input_shape[1:]
    shape = f"(batch, {height}, {width}, {channels})"
    grey = ", as their luminance" if channels == 1 else ""
    takes = {
        tf.float32: f"float32 in [0, 1], {shape}; taken as they are",
        tf.uint8: f"uint8, {shape}; divided by 255",
        tf.string: f"JPEG or PNG files, {MAX_PIXELS:,} pixels in all at most; decoded, divided by "
        f"255 and {decode.in_words(height, width, crop)}{grey}, as in evaluation",
    }
    rows = [
        f"| {name} | `{spec.name}`: {takes[spec.dtype]} | classes, probabilities, logits"
        f"{', steps, converged, induced' if name.endswith(tuple(defended)) else ''} |"
        for name, spec in inputs.items()
    ]
    rows += [
        f"| {name}_seeded | `images` as {name}, `seeds`: int32, (batch, 2) | as {name} |"
        for name, one in defended.items()
        if one.seeded
    ]
    head = ["| signature | takes | gives |", "| --- | --- | --- |"]
    return "\n".join([*head, *rows, "", "What else the network does to an image is inside it."])


def _defended(name: str, defended: Defended) -> str:
    defense, loops = defended.defense, defended.outer_loops
    averaged = f"This is done {loops} times, and the softmaxes are averaged. " if loops > 1 else ""
    return (
        f"The signatures {name}, pixels_{name} and encoded_{name} add uniform noise of up to "
        f"{defense.sigma:.4g} to an image and then descend, by steps of {defense.beta:.4g} times "
        f"the gradient, on the unevenness of its features in {defense.features.layers[-1].name} "
        f"until that is at most {defense.delta:.4g}, or for {defense.cap} steps. {averaged}"
        "The outcome is classified.\n\n"
        "They are random: each request draws fresh noise, and the same image may get another "
        f"class. They are slow: an image takes up to {defended.most_steps} steps, each a forward "
        "and a backward pass through that part of the network, and a request as long as its "
        "slowest image; `steps` says how many it took, `converged` whether it ended by itself, "
        "`induced` how far (Linf) it moved the image. Accuracies above are of these signatures "
        f"only where they say so.{_seeded(name) if defended.seeded else ''}"
    )


def _seeded(name: str) -> str:
    return (
        f"\n\n**{name}_seeded takes the seeds of the noise, and whoever chooses them chooses the "
        "noise: it is for tests, and not to be served to the public.**"
    )


def _call() -> str:
    request = '{"signature_name": "encoded", "instances": [{"image_bytes": {"b64": "%s"}}]}'
    return (
        "From TensorFlow Serving, or `python -m robust_tf.serve`, under the name NAME:\n\n"
        f"    printf '{request}' \"$(base64 -w0 image.jpg)\" |\n"
        "      curl --data @- http://localhost:8501/v1/models/NAME:predict"
    )
