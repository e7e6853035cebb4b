"""A grouped convolution made of plain ones: GroupedConv2D(filters, kernel_size, groups=32)(images).

Keras sends grouped convolutions on TensorFlow through XLA: their gradient is slow on CPUs, and an
export then holds functions marked _XlaMustCompile, which TF Serving refuses.
"""

from typing import Any

import keras


@keras.saving.register_keras_serializable(package="robust_tf")
class GroupedConv2D(keras.layers.Conv2D):
    """keras.layers.Conv2D for NHWC images that splits, convolves each group and concatenates.

    Arguments and the kernel's layout, (height, width, in / groups, out), are those of
    keras.layers.Conv2D; group i makes the i-th block of output channels.
    """

    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        """Convolves `inputs` with `kernel`, group by group."""
        images = keras.ops.split(inputs, self.groups, axis=-1)
        kernels = keras.ops.split(kernel, self.groups, axis=-1)
        convolve = super().convolution_op
        pairs = zip(images, kernels, strict=True)
        return keras.ops.concatenate([convolve(x, w) for x, w in pairs], axis=-1)
