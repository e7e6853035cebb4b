"""What a training will do, in a few lines: before its first step, and as all of a --dry_run."""

import collections
import math
from collections.abc import Iterator
from typing import NamedTuple

import keras
import tensorflow as tf
from tabulate import tabulate

from robust_tf import building, distribute, plans
from robust_tf.data.decode import ImageShape
from robust_tf.data.examples import holdout, seeded_split
from robust_tf.data.known_sizes import KNOWN_SIZES
from robust_tf.data.sources import SOURCES
from robust_tf.data.stream import check_share
from robust_tf.experiment.data import load
from robust_tf.layers import NonLocal
from robust_tf.layers.memory import memory
from robust_tf.methods.parts import check_parts


class Data(NamedTuple):
    """What is trained on: how many images, of what shape and how many classes."""

    images: int
    image_shape: ImageShape
    classes: int


class Cluster(NamedTuple):
    """What trains: how many processes, and replicas over all of them."""

    workers: int
    replicas: int

    @classmethod
    def of(cls, strategy: tf.distribute.Strategy) -> "Cluster":
        """That of a strategy."""
        return cls(distribute.worker_count(strategy), strategy.num_replicas_in_sync)


def dry_run(plan: plans.Train) -> None:
    """Prints what a training would do."""
    cluster = Cluster(1, plan.dry_run_replicas or 1)
    if plan.dry_run_replicas is None:
        strategy = distribute.strategy()
        if not distribute.is_chief(strategy):
            return
        cluster = Cluster.of(strategy)
    data = _data(plan)
    print(text(plan, building.network(plan, data.image_shape, data.classes), data, cluster))


def steps_per_epoch(plan: plans.Train, images: int) -> int:
    """Updates an epoch of so many training images."""
    return plan.steps_per_epoch or max(1, images // plan.batch_size)


def text(plan: plans.Train, network: keras.Model, data: Data, cluster: Cluster) -> str:
    """The lines, each with its name before it.

    Args:
      plan: of the training.
      network: what is trained.
      data: what it is trained on.
      cluster: what trains it.
    """
    replicas = cluster.replicas
    share = check_share(plan.batch_size, (0, cluster.workers), replicas // cluster.workers)
    part = check_parts(share, plan.accumulate) // plan.accumulate
    steps = steps_per_epoch(plan, data.images)
    pixels = " x ".join(str(n) for n in data.image_shape)
    rows = [
        ("images", f"{data.images:,} of {plan.data.dataset}, {pixels}"),
        ("replicas", _replicas(plan, cluster, share, part)),
        ("updates", f"{steps:,} an epoch, {plan.epochs * steps:,} in {plan.epochs:,} epochs"),
        ("learning rate", "\n".join(_rates(plan, steps))),
        ("network", _network(plan, network)),
        ("attack", _attack(plan)),
        ("all-reduce", _all_reduce(network, replicas)),
        ("denoising", _denoising(network, part)),
    ]
    return tabulate([row for row in rows if row[1]], tablefmt="plain", disable_numparse=True)


def _data(plan: plans.Train) -> Data:
    """From a table where that is enough, else from the files."""
    flags, known = plan.data, KNOWN_SIZES.get(plan.data.dataset)
    if known is None or flags.data_dir is not None or flags.per_class is not None:
        train_set, _ = holdout(load(flags, "train"), flags.holdout, plan.seed, flags.per_class)
        return Data(len(train_set), train_set.image_shape, len(train_set.class_names))
    source = SOURCES[flags.dataset]
    size, channels = flags.image_size or source.image_size, flags.channels or source.channels
    trained_on, _ = seeded_split(known.images, flags.holdout, plan.seed)
    return Data(len(trained_on), (size, size, channels), known.classes)


def _replicas(plan: plans.Train, cluster: Cluster, share: int, part: int) -> str:
    where = f" on {cluster.workers} workers" if cluster.workers > 1 else ""
    parts = f" in {plan.accumulate} parts of {part}" if plan.accumulate > 1 else ""
    return (
        f"{cluster.replicas:,}{where}; {share:,} images each{parts}, {plan.batch_size:,} an update"
    )


def _rates(plan: plans.Train, steps: int) -> Iterator[str]:
    """The learning rate wherever its course begins, turns or ends."""
    flags, total = plan.optimizer, plan.epochs * steps
    marks = {0, round(flags.warmup_epochs * steps), total - 1}
    if flags.schedule == "piecewise":
        marks |= {epoch * steps for epoch in flags.lr_drops}
    rate_of, before = building.learning_rate(plan, steps), None
    for update in sorted(mark for mark in marks if mark < total):
        rate = f"{float(rate_of(update)):.4g}"
        if rate != before:
            place = "the last" if update == total - 1 else f"epoch {update / steps:g}"
            yield f"{rate} at update {update:,}" + (f" ({place})" if update else "")
        before = rate


def _network(plan: plans.Train, network: keras.Model) -> str:
    count = sum(math.prod(v.shape) for v in network.trainable_variables)
    return f"{plan.network.network}, {count:,} parameters, {plan.network.precision}"


def _attack(plan: plans.Train) -> str:
    noise = plan.recipe.method == "fpd" and plan.recipe.fpd_input == "noise"
    attack = building.training_attack(plan)
    passes = attack.steps * attack.restarts
    if noise or plan.recipe.method in ("standard", "smoothing") or not passes:
        return ""
    size, step = (_levels(plan, number) for number in (plan.eps, attack.step_size))
    aimed = (
        "untargeted" if plan.attack.attack_target == "none" else f"at {plan.attack.attack_target}"
    )
    clean = f", {attack.clean_start:g} of all from the image" if attack.clean_start else ""
    how = f"{attack.steps:,} steps of {step}, {aimed}, start {attack.start}{clean}"
    return (
        f"{plan.norm} {size}, {how}"
        f"\n{passes:,} passes forward and back of each image, beside those of {plan.recipe.method}"
    )


def _levels(plan: plans.Train, number: float) -> str:
    """A distance as the field gives it: in levels of a pixel."""
    return f"{255 * number:.4g}/255" if plan.norm == "Linf" else f"{number:.4g}"


def _all_reduce(network: keras.Model, replicas: int) -> str:
    if replicas == 1:
        return ""
    weights = network.trainable_variables
    gradients = sum(math.prod(v.shape) * v.value.dtype.size for v in weights)
    sent = 2 * (replicas - 1) / replicas * gradients
    return f"{_bytes(gradients)} of gradients an update; a ring sends {_bytes(sent)} a replica"


def _denoising(network: keras.Model, images: int) -> str:
    """A row for all blocks of one size; what they hold for the images of one part of a batch."""
    filters = [layer for layer in network.layers if isinstance(layer, NonLocal)]
    # Paper 2's inner layers are such filters too, without the block around them.
    blocks = [layer for layer in filters if layer.name.endswith("_denoise")]
    if not blocks:
        return ""
    rows = []
    for held, count in collections.Counter(map(memory, blocks)).items():
        chunks = f" in {held.chunks} chunks" if held.chunks > 1 else ""
        matrix = f"{held.rows:,} x {held.rows:,}{chunks}"
        sizes = _bytes(held.forward * images), _bytes(held.kept * images)
        rows.append((count, f"{held.positions:,}", f"{held.channels:,}", matrix, *sizes))
    kept = sum(memory(block).kept for block in blocks) * images
    headers = ("blocks", "positions", "channels", "matrix", "forward", "kept, each")
    table = tabulate(rows, headers, tablefmt="plain", disable_numparse=True)
    total = f"{len(blocks)} {blocks[0].kind} blocks keep {_bytes(kept)}"
    return f"{total} for the gradient of {images:,} images\n{table}"


def _bytes(count: float) -> str:
    """Bytes as a person says them."""
    for unit in ("B", "kB", "MB"):
        if count < 999.5:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:,.2f} GB"
