"""How long an update of adversarial training takes on many GPUs.

update = Update(costs("resnet-152"), attack_steps=30)
time = step_time(update, V100, gpus=128)
time.seconds, time.exchange

t = computation + launches of kernels + the ring's all-reduce; docs/scaling.md has the formula
"""

import dataclasses
from typing import NamedTuple

from tools.network_costs import Costs

TRAINING_IMAGES, BATCH_SIZE, EPOCHS = 1281167, 4096, 110
# Updates of an epoch: the public code counts all images, and rounds. This program holds 1 % of them
# out, and begins the next epoch with what fills no batch.
PUBLISHED_UPDATES = round(TRAINING_IMAGES / BATCH_SIZE)
UPDATES = (TRAINING_IMAGES - round(0.01 * TRAINING_IMAGES)) // BATCH_SIZE
GPUS_PER_NODE = 8
# A forward pass and one back to the input; the last one goes to the weights too.
ATTACK_PASSES, TRAINING_PASSES = 2, 3
# Most images that a GPU takes at a time (--accumulate makes one update of several times).
MICRO = 32


@dataclasses.dataclass(frozen=True)
class Machine:
    """A GPU, and what connects it.

    Attributes:
      flops: that convolutions reach, a second, on a batch that fills it.
      launch: seconds that a kernel takes beside its work.
      node_bandwidth: bytes a second between the GPUs of a node.
      network_bandwidth: bytes a second out of a node, which its GPUs share.
      latency: seconds of one step of a ring between nodes.
    """

    flops: float
    launch: float
    node_bandwidth: float
    network_bandwidth: float
    latency: float


@dataclasses.dataclass(frozen=True)
class Update:
    """What an update computes for each image.

    Attributes:
      costs: of the network.
      attack_steps: of the training attack; 0 is clean training.
    """

    costs: Costs
    attack_steps: int

    @property
    def passes(self) -> int:
        """Forward passes that cost as much."""
        return ATTACK_PASSES * self.attack_steps + TRAINING_PASSES

    @property
    def flops(self) -> float:
        """For one image; a multiply-add is two."""
        return 2.0 * self.costs.multiply_adds * self.passes

    @property
    def gradient_bytes(self) -> int:
        """Of the gradient in float32, which replicas exchange."""
        return 4 * self.costs.parameters


class StepTime(NamedTuple):
    """Seconds of an update, by what they go to."""

    compute: float
    launches: float
    exchange: float

    @property
    def seconds(self) -> float:
        """Of the whole update: nothing of the exchange is hidden behind computation."""
        return sum(self)


def hours(seconds: float, updates: int = UPDATES) -> float:
    """Of the whole training.

    Args:
      seconds: of an update.
      updates: of an epoch.
    """
    return seconds * updates * EPOCHS / 3600


def step_time(update: Update, machine: Machine, gpus: int, batch: int = BATCH_SIZE) -> StepTime:
    """That of a batch which is shared evenly.

    Args:
      update: what is computed.
      machine: what computes.
      gpus: how many.
      batch: images of all of them together.
    """
    share = batch / gpus
    turns = -(-share // MICRO)
    launches = turns * update.passes * update.costs.kernels * machine.launch
    exchange = ring(update.gradient_bytes, machine, gpus)
    return StepTime(share * update.flops / machine.flops, launches, exchange)


def ring(size: int, machine: Machine, gpus: int) -> float:
    """Seconds of an all-reduce: each GPU sends 2 (N - 1) / N of it, the slowest link decides."""
    nodes = -(-gpus // GPUS_PER_NODE)
    bandwidth = machine.node_bandwidth if nodes == 1 else machine.network_bandwidth
    return 2 * (gpus - 1) / gpus * size / bandwidth + 2 * (nodes - 1) * machine.latency


def reached_flops(update: Update, gpus: int, trained_hours: float) -> float:
    """What each GPU reached in a published training of so many hours, if it did nothing else."""
    seconds = trained_hours / hours(1.0, PUBLISHED_UPDATES)
    return update.flops * BATCH_SIZE / gpus / seconds
