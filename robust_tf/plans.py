"""What the commands are asked to do, as frozen dataclasses: config.py makes them from flags."""

import dataclasses
import pathlib


@dataclasses.dataclass(frozen=True)
class Data:
    """A data set and how it is read."""

    name: str
    data_dir: str | None
    image_size: int | None
    channels: int | None
    examples: int | None
    augment: str
    processes: int | None
    holdout: float | None


@dataclasses.dataclass(frozen=True)
class Network:
    """An architecture, by its flags."""

    name: str
    stem: str | None
    activation: str | None
    head: str
    sync_bn: bool
    dtype: str


@dataclasses.dataclass(frozen=True)
class Attack:
    """The training attack and the network it faces."""

    steps: int
    step_size: float | None
    loss: str
    kappa: float
    target: str
    random_start: bool
    clean_start: float
    momentum: float
    restarts: int
    warmup_epochs: float
    batch_norm: str
    dtype: str
    xla: str


@dataclasses.dataclass(frozen=True)
class Optimizer:
    """The optimizer and the course of its learning rate, in epochs."""

    name: str
    lr: float
    momentum: float
    nesterov: bool
    schedule: str
    drops: tuple[int, ...]
    drop_factor: float
    warmup_epochs: float
    warmup_from: float
    clip_norm: float | None
    ema: float | None


@dataclasses.dataclass(frozen=True)
class Train:
    """A whole run of training."""

    data: Data
    network: Network
    norm: str
    eps: float
    attack: Attack
    optimizer: Optimizer
    method: str
    epochs: int
    steps_per_epoch: int | None
    batch_size: int
    accumulate: int
    weight_decay: float
    seed: int
    deterministic: bool
    val_attack: str
    run_dir: pathlib.Path
    export_dir: pathlib.Path | None


@dataclasses.dataclass(frozen=True)
class Evaluate:
    """A whole evaluation."""

    model: pathlib.Path
    data: Data
    norm: str
    eps: float
    attacks: tuple[str, ...]
    step_size: float | None
    restarts: int
    target: str
    kappa: float
    batch_size: int
    seed: int
    output: pathlib.Path


@dataclasses.dataclass(frozen=True)
class Export:
    """An export."""

    model: pathlib.Path
    export_dir: pathlib.Path
