"""Exports a trained network as a SavedModel."""

from robust_tf import networks, plans
from robust_tf.experiment.data import class_names
from robust_tf.experiment.defending import active_defense
from robust_tf.serving.export import Defended, export


def export_model(plan: plans.Export) -> None:
    """Exports, and says to where."""
    network = networks.load(plan.model, dtype="float32")
    defended = None
    if plan.defense.defense == "active":
        defense = active_defense(plan.defense, network)
        defended = Defended(defense, plan.defense.defense_loops, plan.defense_seeded)
    names = class_names(plan.model)
    version = export(network, plan.export_dir, class_names=names, defended=defended)
    print(f"Exported to {version}")
