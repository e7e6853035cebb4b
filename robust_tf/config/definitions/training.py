"""Flags of a training: its course, its optimizer, what it writes."""

from robust_tf import attack_names
from robust_tf.config import kinds
from robust_tf.config.definitions.names import METHODS, PRECISIONS

kinds.choice("method", "pgd_at", METHODS, "how to train")
kinds.count("epochs", None, "passes over the training images (by data set)", low=1)
kinds.count("steps_per_epoch", None, "updates an epoch (images / batch size)", low=1)
kinds.count("batch_size", None, "images an update, over all workers (by data set)", low=1)
kinds.count("accumulate", 1, "micro-batches of which each replica makes one update", low=1)
kinds.choice("optimizer", None, ("sgd", "adam"), "optimizer (by data set; adam for fpd)")
kinds.number("lr", None, "learning rate after warm-up (by data set)")
kinds.number(
    "lr_per_256",
    None,
    "instead of --lr, the learning rate for every 256 images of a batch: 16 times it for 4,096",
)
kinds.number("momentum", 0.9, "momentum of sgd", high=1)
kinds.switch("nesterov", False, "Nesterov's momentum")
kinds.choice(
    "schedule", "cosine", ("piecewise", "cosine", "constant"), "course of the learning rate"
)
kinds.counts("lr_drops", "epochs after which piecewise lowers the rate, as in 100,150")
kinds.number("lr_drop_factor", 0.1, "what piecewise multiplies the rate by", high=1)
kinds.number("warmup_epochs", 0.0, "epochs of linear warm-up, none where it would not rise")
kinds.number("warmup_from", 0.0, "learning rate at the start of the warm-up")
kinds.number("weight_decay", None, "wd of the penalty wd/2 |w|^2 on kernels (by data set)")
kinds.number("clip_norm", None, "largest norm of an update's whole gradient (none)", low=1e-9)
kinds.number(
    "ema", None, "decay of averaged weights, which are then evaluated and saved", high=0.99999
)
kinds.choice("precision", "float32", PRECISIONS, "dtype policy of the network")
kinds.count("seed", 0, "seed of all random draws", high=2**31 - 1)
kinds.switch("deterministic", False, "only operations that repeat to the bit, also on GPUs")
kinds.checked(
    "val_attack",
    attack_names.parse_for_validation,
    "attack for choosing the best network (pgd-10; clean for what trains without an attack)",
)
kinds.count(
    "backup_every",
    None,
    "updates of an epoch between two backups (one after each epoch; SIGTERM makes one at once)",
    low=1,
)
kinds.name(
    "run_dir", None, "where the run is written, and resumed from (runs/DATASET-NETWORK-METHOD)"
)
kinds.switch("dry_run", False, "prints what would be trained, and stops")
kinds.count(
    "dry_run_replicas", None, "replicas that --dry_run counts with (those there are)", low=1
)
kinds.name("export_dir", None, "folder to export to; train does so at its end unless none")
kinds.count("keep_exports", None, "newest versions that stay in --export_dir (all)", low=1)
