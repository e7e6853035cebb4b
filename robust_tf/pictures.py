"""What a training's attack does to a few images, drawn for TensorBoard after each epoch."""

import pathlib

import keras
import numpy as np
import tensorflow as tf
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from robust_tf import networks


class ImageGrid(keras.callbacks.Callback):
    """TensorBoard images: the image, its amplified perturbation, the attacked one, the labels.

    Beside them what the network restores of the attacked image, where it has a layer for that.
    """

    def __init__(self, log_dir: pathlib.Path, batch, class_names: tuple[str, ...]):
        super().__init__()
        self.writer = tf.summary.create_file_writer(str(log_dir))
        self.batch, self.class_names = batch, class_names

    def on_train_begin(self, logs=None):
        """Traces the attack once."""
        network = self.model.network
        restores = any(layer.name == "restored" for layer in network.layers)
        tapped = networks.outputs(network, ["restored"] if restores else [])

        @tf.function(autograph=False)
        def attacked(x, label, index):
            x_adv = self.model.attacked_for_validation(x, label, index)
            return x_adv, tapped(x_adv, training=False)

        self.attacked = attacked

    def on_epoch_end(self, epoch, logs=None):
        """Draws the grid of this epoch's network."""
        x, label, index = self.batch
        x_adv, outputs = self.attacked(x, label, index)
        predicted = np.argmax(outputs["logits"], axis=-1)
        restored = outputs["restored"].numpy() if "restored" in outputs else None
        picture = attack_grid(
            x.numpy(), x_adv.numpy(), label.numpy(), predicted, self.class_names, restored
        )
        rows = "image, perturbation, attacked" + (", restored" if restored is not None else "")
        with self.writer.as_default():
            tf.summary.image(rows, picture[None], step=epoch)
        self.writer.flush()


def attack_grid(
    x, x_adv, label, predicted, class_names: tuple[str, ...], restored=None
) -> np.ndarray:
    """An RGB picture, a column an image: the image, its perturbation amplified, the attacked one.

    Args:
      x: images.
      x_adv: the attacked images.
      label: what is true.
      predicted: what the network says of x_adv.
      class_names: names of the labels.
      restored: what the network makes of x_adv, where it restores; a fourth row.
    """
    delta = x_adv - x
    amplified = 0.5 + 0.5 * delta / max(float(np.abs(delta).max()), 1e-12)
    rows = [x, amplified, x_adv] if restored is None else [x, amplified, x_adv, restored]
    figure = Figure(figsize=(1.2 * len(x), 4 / 3 * len(rows)), dpi=100, layout="constrained")
    axes = figure.subplots(len(rows), len(x), squeeze=False)
    for row, images in zip(axes, rows, strict=True):
        for axis, image in zip(row, images, strict=True):
            axis.imshow(np.clip(image.squeeze(), 0, 1), cmap="gray", vmin=0, vmax=1)
            axis.set_axis_off()
    for column, (true, said) in enumerate(zip(label, predicted, strict=True)):
        axes[0, column].set_title(class_names[true], fontsize=9)
        color = "tab:green" if true == said else "tab:red"
        axes[2, column].set_title(class_names[said], fontsize=9, color=color)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3]
