"""The one place where a plan meets data, network, method and callbacks: a file a command."""

from robust_tf.experiment.calibrating import calibrate
from robust_tf.experiment.competing import compete
from robust_tf.experiment.evaluation import evaluate
from robust_tf.experiment.exporting import export_model
from robust_tf.experiment.perturbing import perturb
from robust_tf.experiment.predicting import predict
from robust_tf.experiment.preview import dry_run
from robust_tf.experiment.training import train

__all__ = [
    "calibrate",
    "compete",
    "dry_run",
    "evaluate",
    "export_model",
    "perturb",
    "predict",
    "train",
]
