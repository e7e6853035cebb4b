"""Exports a trained network as a SavedModel."""

import pathlib

import keras

from robust_tf import networks, plans
from robust_tf.config import flagfile
from robust_tf.experiment.data import SOURCE, class_names
from robust_tf.experiment.defending import active_defense
from robust_tf.serving import folders
from robust_tf.serving.export import export
from robust_tf.serving.model_card import Origin
from robust_tf.serving.signatures import DEFENDED, Defended


def export_model(plan: plans.Export) -> None:
    """Exports as planned."""
    publish(
        plan.model,
        plan.export_dir,
        plan.keep_exports,
        plan.defense,
        seeded=plan.defense_seeded,
        crop=plan.crop,
    )


def publish(
    model: pathlib.Path,
    export_dir: pathlib.Path,
    keep_exports: int | None,
    defense: plans.Defense | None = None,
    *,
    seeded: bool = False,
    crop: str = "none",
) -> pathlib.Path:
    """Exports a network with what is known of it, and says to where.

    Args:
      model: a run directory or a .keras file.
      export_dir: the folder of all versions.
      keep_exports: how many of them stay; None is all.
      defense: whose decisions are exported as well.
      seeded: also as a signature that takes the seeds.
      crop: how its signatures bring image files to the network's size.
    """
    network = networks.load(model, dtype="float32")
    run, defended = _run(model), {}
    if defense and defense.defense == "active":
        active = active_defense(defense, network)
        for loops in defense.defense_loops:
            name = f"{DEFENDED}_{loops}" if defended else DEFENDED
            defended[name] = Defended(active, loops, seeded)
    version = export(
        network,
        export_dir,
        class_names=class_names(run),
        defended=defended,
        origin=_origin(run, network),
        crop=crop,
    )
    print(f"Exported to {version}")
    if keep_exports is not None:
        folders.keep_newest(export_dir, keep_exports)
    return version


def _run(model: pathlib.Path) -> pathlib.Path:
    """The run directory of a checkpoint, or else the model itself."""
    run_dir = model.parent.parent
    return run_dir if model.is_file() and (run_dir / "flags.cfg").exists() else model


def _origin(run: pathlib.Path, network: keras.Model) -> Origin:
    flags, source = run / "flags.cfg", run / SOURCE
    return Origin(
        flags=flagfile.read(flags) if flags.exists() else {},
        source=source.read_text().strip() if source.exists() else "",
        results=run / "results" if run.is_dir() else run.parent,
        weights=networks.fingerprint(network),
    )
