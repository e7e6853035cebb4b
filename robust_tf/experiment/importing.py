"""Makes a run directory of a published tensorpack checkpoint, and such a checkpoint of a run."""

import hashlib
import os
import pathlib
import shutil
import tempfile

import keras

from robust_tf import networks, plans
from robust_tf.config import flagfile
from robust_tf.data import class_names
from robust_tf.data.known_sizes import KNOWN_SIZES
from robust_tf.data.sources import SOURCES
from robust_tf.errors import InputError, refuse_folder
from robust_tf.experiment.data import SOURCE, keep_class_names
from robust_tf.networks import checkpoint_files, exchange, published

# Of a file without a last layer, whatever it is of.
_CLASSES = 1000


def import_checkpoint(plan: plans.Import) -> None:
    """Writes the run directory that the plan describes, whole or not at all."""
    if plan.run_dir.exists() and (not plan.run_dir.is_dir() or any(plan.run_dir.iterdir())):
        raise InputError(f"--run_dir={plan.run_dir} is there already; expected a new folder.")
    print(f"Reading {plan.checkpoint}", flush=True)
    variables = checkpoint_files.read(plan.checkpoint)
    shapes = {name: values.shape for name, values in variables.items()}
    asked = published.Architecture(plan.network, plan.denoise, plan.denoise_at, plan.stem)
    names = _class_names(plan)
    classes, channels = _classes(plan, names, shapes), SOURCES[plan.dataset].channels
    published.fits(plan.checkpoint, shapes, asked, classes, channels)
    print(f"Building {plan.network} and writing it", flush=True)
    network = networks.build(
        plan.network,
        (plan.image_size, plan.image_size, channels),
        classes,
        activation=plan.activation,
        stem=plan.stem,
        denoise=plan.denoise,
        denoise_at=plan.denoise_at,
    )
    exchange.fill(network, variables)
    _write(plan, network, _flags(plan, channels), names)
    print(f"Run written to {plan.run_dir} (checkpoints/best.keras, flags.cfg, {SOURCE})")


def export_checkpoint(run_dir: pathlib.Path, checkpoint: pathlib.Path) -> None:
    """Writes the network of a run, or in a .keras file, as a published checkpoint is written."""
    refuse_folder("FILE.npz", checkpoint)
    network = networks.load(run_dir)
    variables = exchange.weights(network)
    checkpoint_files.write(checkpoint, variables)
    print(f"{len(variables)} variables written to {checkpoint}")
    # What the file does not say: the activation, and the kind of a filter without weights.
    activation = exchange.activation(network)
    print(f"They are of {exchange.architecture(network)} and --activation={activation}.")


def _write(
    plan: plans.Import, network: keras.Model, flags: dict[str, str | float], names: tuple[str, ...]
) -> None:
    plan.run_dir.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="importing-", dir=plan.run_dir.parent) as folder:
        run_dir = pathlib.Path(folder) / "run"
        checkpoints = run_dir / "checkpoints"
        checkpoints.mkdir(parents=True)
        network.save(checkpoints / "best.keras")
        shutil.copyfile(checkpoints / "best.keras", checkpoints / "last.keras")
        flagfile.write(run_dir / "flags.cfg", **flags)
        (run_dir / SOURCE).write_text(_source(plan.checkpoint))
        if names:
            keep_class_names(run_dir, names)
        os.replace(run_dir, plan.run_dir)


def _class_names(plan: plans.Import) -> tuple[str, ...]:
    """From their file, or ImageNet's; none are known of another data set."""
    if plan.class_names is None:
        return class_names.IMAGENET if plan.dataset in ("imagenet", "nips2017") else ()
    names = tuple(plan.class_names.read_bytes().decode("utf-8", errors="replace").splitlines())
    if len(names) < 2:
        raise InputError(f"--class_names={plan.class_names} has {len(names)} lines; expected 2 up.")
    return names


def _classes(plan: plans.Import, names: tuple[str, ...], shapes: published.Shapes) -> int:
    """How many classes there must be; of a folder of images the checkpoint says how many."""
    if names:
        return len(names)
    if plan.dataset in KNOWN_SIZES:
        return KNOWN_SIZES[plan.dataset].classes
    return (shapes.get("linear/W") or shapes.get("linear/b") or (_CLASSES,))[-1]


def _flags(plan: plans.Import, channels: int) -> dict[str, str | float]:
    """What of a run's flags is known of it, and evaluate, export and predict go by."""
    asked = ("dataset", "image_size", "network", "stem", "denoise", "denoise_at", "eps")
    flags = {name: getattr(plan, name) for name in asked}
    flags |= {"channels": channels, "norm": "Linf", "eval_eps": plan.eps, "seed": 0}
    if plan.activation:
        flags["activation"] = plan.activation
    if plan.dataset == "imagenet":
        flags["crop"] = "center"
    return flags


def _source(path: pathlib.Path) -> str:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return (
        f"Its weights were imported from {path.name} (SHA-256 {digest}). The checkpoints that were "
        "published with feature denoising (github.com/facebookresearch/ImageNet-Adversarial-"
        "Training) are for non-commercial use, under the licence CC BY-NC 4.0.\n"
    )
