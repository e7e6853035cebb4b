"""Exports a trained network as a SavedModel."""

from robust_tf import networks, plans
from robust_tf.experiment.data import class_names
from robust_tf.serving.export import export


def export_model(plan: plans.Export) -> None:
    """Exports, and says to where."""
    network = networks.load(plan.model, dtype="float32")
    version = export(network, plan.export_dir, class_names=class_names(plan.model))
    print(f"Exported to {version}")
