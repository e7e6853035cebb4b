"""What the commands are asked to do, as frozen dataclasses: config makes them from flags.

A field has its flag's name, so that one grep follows a setting from the command line to its use.
"""

import dataclasses
import pathlib


@dataclasses.dataclass(frozen=True)
class Data:
    """A data set and how it is read."""

    dataset: str
    data_dir: str | None
    image_size: int | None
    channels: int | None
    examples: int | None
    per_class: int | None
    augment: str
    crop: str
    data_processes: int | None
    holdout: float | None


@dataclasses.dataclass(frozen=True)
class Network:
    """An architecture."""

    network: str
    stem: str | None
    activation: str | None
    head: str
    denoise: str
    denoise_at: str
    fpd: str
    fpd_at: str
    fpd_inner: int
    fpd_bottleneck: bool
    fpd_clean: str
    sync_bn: bool
    precision: str


@dataclasses.dataclass(frozen=True)
class Attack:
    """The training attack and the network it faces."""

    attack_steps: int
    attack_step_size: float | None
    attack_step_rule: str
    attack_loss: str
    kappa: float
    attack_target: str
    attack_start: str
    attack_clean_start: float
    attack_momentum: float
    attack_restarts: int
    attack_warmup_epochs: float
    attack_bn: str
    attack_precision: str
    xla: str


@dataclasses.dataclass(frozen=True)
class Optimizer:
    """The optimizer and the course of its learning rate, in epochs."""

    optimizer: str
    lr: float
    momentum: float
    nesterov: bool
    schedule: str
    lr_drops: tuple[int, ...]
    lr_drop_factor: float
    warmup_epochs: float
    warmup_from: float
    clip_norm: float | None
    ema: float | None


@dataclasses.dataclass(frozen=True)
class Recipe:
    """A method and the hyper-parameters of all of them."""

    method: str
    weight_decay: float
    label_smoothing: float
    trades_lambda: float
    rlfat_eta: float | None
    rlfat_blocks: int
    rlfat_per_batch: bool
    bat_beta: float
    bat_gamma: float
    bat_labels: str
    fpd_input: str
    fpd_noise: float | None
    fpd_alpha1: float
    fpd_alpha2: float
    fpd_threshold: float
    fpd_phases: int
    smoothing_layer: str
    smoothing_delta: float


@dataclasses.dataclass(frozen=True)
class Train:
    """A whole run of training."""

    data: Data
    network: Network
    norm: str
    eps: float
    eval_eps: float
    attack: Attack
    optimizer: Optimizer
    recipe: Recipe
    epochs: int
    steps_per_epoch: int | None
    batch_size: int
    accumulate: int
    seed: int
    deterministic: bool
    val_attack: str
    backup_every: int | None
    run_dir: pathlib.Path
    export_dir: pathlib.Path | None
    keep_exports: int | None
    dry_run: bool
    dry_run_replicas: int | None


@dataclasses.dataclass(frozen=True)
class Defense:
    """A defence at inference."""

    defense: str
    defense_layer: str
    defense_delta: float | None
    defense_beta: float
    defense_sigma: float
    defense_cap: int
    defense_clip: bool
    defense_loops: tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Evaluate:
    """A whole evaluation."""

    model: pathlib.Path
    data: Data
    defense: Defense
    defense_attacked_cap: int | None
    defense_attacked_beta: float | None
    decisions: int
    submissions: tuple[int, ...]
    keep_transfers: pathlib.Path | None
    norm: str
    eps: float
    attacks: tuple[str, ...]
    attacked_output: str
    signature: str
    input_name: str | None
    output_name: str | None
    step_size: float | None
    step_rule: str
    start: str | None
    restarts: int
    targeted: str
    kappa: float
    queries: int | None
    shift_weight: float
    quantize: bool
    verdict: bool
    batch_size: int
    seed: int
    output: pathlib.Path
    save_adversarial: pathlib.Path | None


@dataclasses.dataclass(frozen=True)
class Asking:
    """How a model is asked about image files."""

    signature: str
    input_name: str | None
    output_name: str | None
    image_size: int | None
    channels: int | None
    crop: str
    batch_size: int
    seed: int


@dataclasses.dataclass(frozen=True)
class Predict:
    """The labels of a folder of images."""

    model: pathlib.Path
    asking: Asking
    defense: Defense
    input_dir: pathlib.Path
    output_file: pathlib.Path
    label_offset: int


@dataclasses.dataclass(frozen=True)
class Perturb:
    """An attack on a folder of images."""

    model: pathlib.Path
    asking: Asking
    input_dir: pathlib.Path
    output_dir: pathlib.Path
    max_epsilon: int
    attack: str
    targets: pathlib.Path | None
    labels: pathlib.Path | None
    label_offset: int


@dataclasses.dataclass(frozen=True)
class Compete:
    """A defence against folders of images that attackers have made."""

    model: pathlib.Path
    asking: Asking
    defense: Defense
    attacked_dirs: tuple[pathlib.Path, ...]
    labels: pathlib.Path
    label_offset: int
    max_epsilon: int
    output: pathlib.Path


@dataclasses.dataclass(frozen=True)
class Export:
    """An export."""

    model: pathlib.Path
    export_dir: pathlib.Path
    keep_exports: int | None
    crop: str
    defense: Defense
    defense_seeded: bool


@dataclasses.dataclass(frozen=True)
class Import:
    """A run directory of a published checkpoint."""

    checkpoint: pathlib.Path
    network: str
    stem: str
    activation: str | None
    denoise: str
    denoise_at: str
    dataset: str
    image_size: int
    eps: float
    class_names: pathlib.Path | None
    run_dir: pathlib.Path


@dataclasses.dataclass(frozen=True)
class Calibrate:
    """A calibration of Active Defense."""

    model: pathlib.Path
    data: Data
    defense_layer: str
    defense_sigma: float
    seed: int
    output: pathlib.Path


@dataclasses.dataclass(frozen=True)
class Serve:
    """A server of a SavedModel."""

    model_dir: pathlib.Path
    name: str
    host: str
    rest_port: int
    grpc_port: int | None
    max_batch: int
    batch_timeout: float
    max_body: int
    max_request_batch: int
    max_queued: int
    poll_seconds: float
    grace_seconds: float
