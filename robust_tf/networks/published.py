"""The architectures of the published tensorpack checkpoints, told by their variables.

    fits("R152.npz", shapes, Architecture("resnet-152"), 1000, 3)  # raises, if they are of another

Feature denoising's ResNet, ResNetDenoise and ResNeXtDenoiseAll name their variables in one way,
and the names and shapes say all of them but the kind of a filter without weights.
"""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from robust_tf.errors import InputError, unknown
from robust_tf.layers.non_local import EMBEDDED
from robust_tf.networks import resnet
from robust_tf.networks.parts import DENOISE_AT

Shapes = Mapping[str, tuple[int, ...]]

# One filter with weights and one without, as published.
_FILTERS = ("embedded_gaussian", "dot")
# Beyond this share of wrong variables a file is of no architecture that is known here.
_RECOGNISED = 0.1


@dataclasses.dataclass(frozen=True)
class Architecture:
    """A ResNet or ResNeXt with its denoising blocks.

    Attributes:
      network: a name in resnet.RESNETS.
      denoise: filter of the denoising blocks, or none.
      denoise_at: after each group or each block.
      stem: one of resnet.STEMS.
    """

    network: str
    denoise: str = "none"
    denoise_at: str = "group"
    stem: str = "imagenet"

    def __post_init__(self) -> None:
        if self.network not in resnet.RESNETS:
            raise unknown("--network", self.network, resnet.RESNETS)

    def __str__(self) -> str:
        at = "" if self.denoise == "none" else f" --denoise_at={self.denoise_at}"
        stem = "" if self.stem == "imagenet" else f" --stem={self.stem}"
        return f"{self.network} with --denoise={self.denoise}{at}{stem}"

    def shapes(self, classes: int, channels: int) -> dict[str, tuple[int, ...]]:
        """Returns every variable's shape by its name in a checkpoint.

        Args:
          classes: how many.
          channels: of the images.
        """
        size = 7 if self.stem == "imagenet" else 3
        found = dict(_normed("conv0", (size, size, channels, 64)))
        width = 64
        body = resnet.RESNETS[self.network]
        for group, blocks in enumerate(body.blocks):
            for block in range(blocks):
                found |= self._block(f"group{group}/block{block}", body, group, width)
                width = 256 * 2**group
            if self.denoise_at == "group":
                found |= self._denoising(f"group{group}_denoise", width)
        return found | {"linear/W": (width, classes), "linear/b": (classes,)}

    def _block(
        self, scope: str, body: resnet.ResNet, group: int, width: int
    ) -> dict[str, tuple[int, ...]]:
        inner, outer = body.cardinality * body.group_width * 2**group, 256 * 2**group
        found = dict(_normed(f"{scope}/conv1", (1, 1, width, inner)))
        found |= _normed(f"{scope}/conv2", (3, 3, inner // body.cardinality, inner))
        found |= _normed(f"{scope}/conv3", (1, 1, inner, outer))
        if width != outer:
            found |= _normed(f"{scope}/convshortcut", (1, 1, width, outer))
        if self.denoise_at == "block":
            found |= self._denoising(f"{scope}/non_local", outer)
        return found

    def _denoising(self, scope: str, width: int) -> dict[str, tuple[int, ...]]:
        if self.denoise == "none":
            return {}
        found = dict(_normed(f"{scope}/conv", (1, 1, width, width)))
        if self.denoise in EMBEDDED:
            for side in ("theta", "phi"):
                found[f"{scope}/embedding_{side}/W"] = (1, 1, width, width // 2)
        return found


def fits(path: Any, found: Shapes, asked: Architecture, classes: int, channels: int) -> None:
    """Raises an InputError unless a checkpoint has exactly an architecture's variables.

    Args:
      path: of the checkpoint, for the error.
      found: the shape of each variable in it, by name.
      asked: the architecture.
      classes: how many it must tell apart.
      channels: of the images that it must take.
    """
    expected = asked.shapes(classes, channels)
    wrong = _differences(expected, found)
    if not wrong:
        return
    nearest = recognised(found, classes, channels)
    if nearest and len(_differences(nearest.shapes(classes, channels), found)) < len(wrong):
        raise InputError(f"{path} holds {nearest}; expected flags that say so, not {asked}.")
    lines = "".join(f"\n  {line}" for line in wrong)
    raise InputError(f"{path} does not fill {asked}; expected its variables and no others:{lines}")


def recognised(found: Shapes, classes: int, channels: int) -> Architecture | None:
    """Returns the architecture that a checkpoint's variables are of, None if it is not known.

    It is the nearest, so that a variable that is missing or wrong does not hide it.
    """

    def wrong(one: Architecture) -> int:
        return len(_differences(one.shapes(classes, channels), found))

    nearest = min(_architectures(), key=wrong)
    known = wrong(nearest) <= _RECOGNISED * len(nearest.shapes(classes, channels))
    return nearest if known else None


def _architectures() -> Iterator[Architecture]:
    for network in resnet.RESNETS:
        for stem in resnet.STEMS:
            yield Architecture(network, stem=stem)
            for denoise in _FILTERS:
                for at in DENOISE_AT:
                    yield Architecture(network, denoise, at, stem)


def _differences(expected: Shapes, found: Shapes) -> list[str]:
    """What is wrong with a checkpoint, a line for each variable."""
    missing = [f"{name} is missing" for name in expected if name not in found]
    extra = [f"{name} is extra" for name in found if name not in expected]
    shaped = [
        f"{name} is {found[name]}, expected {shape}"
        for name, shape in expected.items()
        if name in found and found[name] != shape
    ]
    return missing + extra + shaped


def _normed(scope: str, kernel: tuple[int, ...]) -> Iterator[tuple[str, tuple[int, ...]]]:
    """A convolution and its batch norm."""
    yield f"{scope}/W", kernel
    for variable in ("gamma", "beta", "mean/EMA", "variance/EMA"):
        yield f"{scope}/bn/{variable}", kernel[-1:]
