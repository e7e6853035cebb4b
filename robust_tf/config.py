"""Every flag, defined once, read once, handed on as the frozen dataclasses of plans.py.

    plan = config.train()                 # what the flags say, checked

Flags whose default is by data set are filled in from defaults.py.
"""

import pathlib

from absl import flags

from robust_tf import attack_names, flag_types, flagfile
from robust_tf.defaults import ADAM_LR, BY_DATASET, OTHERWISE
from robust_tf.errors import InputError
from robust_tf.plans import Attack, Data, Evaluate, Export, Network, Optimizer, Train

FLAGS = flags.FLAGS


_PRECISIONS = ("float32", "float64", "mixed_float16", "mixed_bfloat16")
# Data
flag_types.choice("dataset", "digits", tuple(BY_DATASET), "what to train on and to evaluate on")
flag_types.name(
    "data_dir", None, "folder with the data sets in their official layout or as NAME.npz"
)
flag_types.count(
    "image_size", None, "resizes images to this many pixels square (by data set)", low=1
)
flag_types.count("channels", None, "1 or 3; 3 repeats grey three times (by data set)", low=1)
flag_types.count("examples", None, "evaluate on the first N of the test split (all of it)", low=1)
flag_types.choice(
    "augment",
    "auto",
    ("auto", "none", "flip", "crop", "crop_flip"),
    "training augmentation; auto is by data set",
)
flag_types.count(
    "data_processes", None, "processes that decode and augment (by data set and cores)"
)
flag_types.number(
    "holdout",
    None,
    "share of the training images held out to choose the best network (by data set)",
    high=0.5,
)

# Network
flag_types.name("network", None, "cnn-small, wrn-D-K, resnet-D, resnext-D-CxWd (by data set)")
flag_types.choice("stem", None, ("imagenet", "small"), "a ResNet's first layers (by image size)")
flag_types.choice("activation", None, ("relu", "elu", "leaky_relu"), "activation (by network)")
flag_types.choice("head", "linear", ("linear", "tanh"), "the last layer; tanh squeezes the logits")
flag_types.switch("sync_bn", False, "batch norm with the statistics of all replicas")

# Threat and attack
flag_types.choice("norm", "Linf", ("Linf", "L2"), "norm of the threat model")
flag_types.number("eps", None, "radius of the threat model, images being in [0, 1] (by data set)")
flag_types.count("attack_steps", 10, "steps of the training attack; 0 is none")
flag_types.number("attack_step_size", None, "step size of the training attack (eps / 4)")
flag_types.choice("attack_loss", "ce", ("ce", "margin", "kl"), "what the training attack ascends")
flag_types.number("kappa", 50.0, "confidence at which the margin loss stops to count")
flag_types.choice(
    "attack_target",
    "none",
    ("none", "random", "most_confusing", "least_likely"),
    "class that the training attack aims at; none is untargeted",
)
flag_types.switch("attack_random_start", True, "starts the training attack at a random draw")
flag_types.number(
    "attack_clean_start", 0.0, "share of images that start clean all the same", high=1
)
flag_types.number("attack_momentum", 0.0, "momentum of the training attack's gradient")
flag_types.count("attack_restarts", 1, "restarts of the training attack, the worst kept", low=1)
flag_types.number(
    "attack_warmup_epochs", None, "epochs in which the training attack grows to eps (by data set)"
)
flag_types.choice(
    "attack_bn", "inference", ("inference", "batch"), "batch norm of the attacked network"
)
flag_types.choice(
    "attack_precision", None, _PRECISIONS, "dtype policy of the attacked network (--precision)"
)
flag_types.choice("xla", "auto", ("auto", "on", "off"), "compiles the attack; auto is on GPUs only")

# Training
flag_types.choice("method", "pgd_at", ("standard", "pgd_at"), "how to train")
flag_types.count("epochs", None, "passes over the training images (by data set)", low=1)
flag_types.count("steps_per_epoch", None, "updates an epoch (images / batch size)", low=1)
flag_types.count("batch_size", None, "images an update, over all workers (by data set)", low=1)
flag_types.count("accumulate", 1, "micro-batches of which each replica makes one update", low=1)
flag_types.choice("optimizer", None, ("sgd", "adam"), "optimizer (by data set)")
flag_types.number("lr", None, "learning rate after warm-up (by data set)")
flag_types.number("momentum", 0.9, "momentum of sgd", high=1)
flag_types.switch("nesterov", False, "Nesterov's momentum")
flag_types.choice(
    "schedule", "cosine", ("piecewise", "cosine", "constant"), "course of the learning rate"
)
flag_types.counts("lr_drops", "epochs after which piecewise lowers the rate, as in 100,150")
flag_types.number("lr_drop_factor", 0.1, "what piecewise multiplies the rate by", high=1)
flag_types.number("warmup_epochs", 0.0, "epochs of linear warm-up")
flag_types.number("warmup_from", 0.0, "learning rate at the start of the warm-up")
flag_types.number("weight_decay", None, "wd of the penalty wd/2 |w|^2 on kernels (by data set)")
flag_types.number("clip_norm", None, "largest norm of an update's whole gradient (none)", low=1e-9)
flag_types.number(
    "ema", None, "decay of averaged weights, which are then evaluated and saved", high=1
)
flag_types.choice("precision", "float32", _PRECISIONS, "dtype policy of the network")
flag_types.count("seed", 0, "seed of all random draws", high=2**31 - 1)
flag_types.switch("deterministic", False, "only operations that repeat to the bit, also on GPUs")
flag_types.checked(
    "val_attack",
    attack_names.parse,
    "attack for choosing the best network (pgd-10; clean for standard)",
)
flag_types.name(
    "run_dir", None, "where the run is written, and resumed from (runs/DATASET-NETWORK-METHOD)"
)
flag_types.name("export_dir", None, "folder to export to; train does so at its end unless none")

# Evaluation and export
flag_types.name("model", None, "run directory or .keras file to evaluate or export")
flags.DEFINE_list(
    "attacks", ["clean", "fgsm", "pgd-20", "cw-20"], f"which ones: {', '.join(attack_names.NAMES)}"
)
flag_types.check("attacks", lambda names: [attack_names.parse(name) for name in names])
flag_types.number("step_size", None, "step size of the attacks of an evaluation (eps / 4)")
flag_types.count("restarts", 1, "restarts of an evaluation's attacks, the worst kept", low=1)
flag_types.choice(
    "targeted",
    "none",
    ("none", "random", "most_confusing", "least_likely"),
    "class that an evaluation's attacks aim at; none is untargeted",
)
flag_types.name(
    "output", None, "JSON file of the result (RUN_DIR/results/DATASET-NORM-EPS-ATTACKS.json)"
)


# What evaluate and export take from the flags of the run that they are pointed at.
_OF_THE_RUN = ("dataset", "data_dir", "image_size", "channels", "norm", "eps", "seed")


def train() -> Train:
    """What the flags say of a training run."""
    for name in flagfile.OF_AN_EVALUATION:
        if FLAGS[name].present:
            raise InputError(f"--{name} does nothing in training; it is a flag of evaluate.")
    _refuse_default_radius()
    defaults = OTHERWISE | BY_DATASET[FLAGS.dataset]
    _fill({"optimizer": defaults["optimizer"]})
    if FLAGS.optimizer == "adam":
        _fill({"lr": ADAM_LR})
    _fill(defaults)
    _fill({"attack_precision": FLAGS.precision})
    _fill({"val_attack": "clean" if FLAGS.method == "standard" else "pgd-10"})
    _fill({"run_dir": f"runs/{FLAGS.dataset}-{FLAGS.network}-{FLAGS.method}"})
    if FLAGS.sync_bn and FLAGS.accumulate > 1:
        raise InputError(
            f"--accumulate={FLAGS.accumulate} cannot be used with --sync_bn: the statistics of a "
            "whole batch cannot be had from its parts; leave one of the two out."
        )
    if FLAGS.schedule == "piecewise" and not FLAGS.lr_drops:
        raise InputError("--schedule=piecewise needs --lr_drops; expected epochs, as in 100,150.")
    return Train(
        data=_data(),
        network=_read(Network, "network", "stem", "activation", "head", "sync_bn", "precision"),
        norm=FLAGS.norm,
        eps=FLAGS.eps,
        attack=_read(
            Attack,
            "attack_steps",
            "attack_step_size",
            "attack_loss",
            "kappa",
            "attack_target",
            "attack_random_start",
            "attack_clean_start",
            "attack_momentum",
            "attack_restarts",
            "attack_warmup_epochs",
            "attack_bn",
            "attack_precision",
            "xla",
        ),
        optimizer=_read(
            Optimizer,
            "optimizer",
            "lr",
            "momentum",
            "nesterov",
            "schedule",
            "lr_drops",
            "lr_drop_factor",
            "warmup_epochs",
            "warmup_from",
            "clip_norm",
            "ema",
        ),
        method=FLAGS.method,
        epochs=FLAGS.epochs,
        steps_per_epoch=FLAGS.steps_per_epoch,
        batch_size=FLAGS.batch_size,
        accumulate=FLAGS.accumulate,
        weight_decay=FLAGS.weight_decay,
        seed=FLAGS.seed,
        deterministic=FLAGS.deterministic,
        val_attack=FLAGS.val_attack,
        run_dir=pathlib.Path(FLAGS.run_dir),
        export_dir=None if FLAGS.export_dir == "none" else pathlib.Path(FLAGS.export_dir),
    )


def evaluate() -> Evaluate:
    """What the flags say of an evaluation; what they leave open, the run's own flags say."""
    for name in FLAGS:
        if name.startswith("attack_") and FLAGS[name].present:
            raise InputError(
                f"--{name} is of the training attack; an evaluation's are set by --attacks, "
                "--step_size, --restarts and --targeted."
            )
    model = _model()
    _refuse_default_radius()
    _fill({"eps": BY_DATASET[FLAGS.dataset]["eps"], "batch_size": 100})
    folder = model / "results" if model.is_dir() else model.parent
    return Evaluate(
        model=model,
        data=_data(),
        norm=FLAGS.norm,
        eps=FLAGS.eps,
        attacks=tuple(FLAGS.attacks),
        step_size=FLAGS.step_size,
        restarts=FLAGS.restarts,
        target=FLAGS.targeted,
        kappa=FLAGS.kappa,
        batch_size=FLAGS.batch_size,
        seed=FLAGS.seed,
        output=pathlib.Path(FLAGS.output) if FLAGS.output else folder / _result_name(),
    )


def export() -> Export:
    """What the flags say of an export."""
    model = _model()
    if FLAGS.export_dir in (None, "none"):
        return Export(model, (model if model.is_dir() else model.parent) / "export")
    return Export(model, pathlib.Path(FLAGS.export_dir))


def _refuse_default_radius() -> None:
    if FLAGS.norm != "Linf" and FLAGS.eps is None:
        raise InputError(f"--norm={FLAGS.norm} has no radius of its own; expected --eps as well.")


def _result_name() -> str:
    """Another name for each setting, so that one evaluation does not replace another."""
    parts = [FLAGS.dataset, FLAGS.norm, f"{FLAGS.eps:.4g}", *FLAGS.attacks]
    if FLAGS.targeted != "none":
        parts.append(FLAGS.targeted)
    if FLAGS.step_size is not None:
        parts.append(f"step{FLAGS.step_size:.4g}")
    if FLAGS.restarts > 1:
        parts.append(f"{FLAGS.restarts}restarts")
    if FLAGS.examples is not None:
        parts.append(f"first{FLAGS.examples}")
    return "-".join(parts) + ".json"


def _fill(values: dict) -> None:
    """Gives flags that nobody set the value they have in this setting."""
    for name, value in values.items():
        if FLAGS[name].value is None:
            FLAGS[name].value = value


def _read(plan: type, *names: str):
    """A plan whose fields are the values of these flags, in order."""
    return plan(*(FLAGS[name].value for name in names))


def _data() -> Data:
    return _read(
        Data,
        "dataset",
        "data_dir",
        "image_size",
        "channels",
        "examples",
        "augment",
        "data_processes",
        "holdout",
    )


def _model() -> pathlib.Path:
    if FLAGS.model is None:
        raise InputError("--model is missing; expected a run directory or a .keras file.")
    model = pathlib.Path(FLAGS.model)
    if not model.exists():
        raise InputError(
            f"--model={model} does not exist; expected a run directory or .keras file."
        )
    # A checkpoint lies in the folder checkpoints of its run.
    for run_dir in (model, model.parent.parent):
        if (run_dir / "flags.cfg").exists():
            _adopt(run_dir / "flags.cfg")
            break
    return model


def _adopt(path: pathlib.Path) -> None:
    """Takes from a run's flags what the command line leaves open."""
    saved = flagfile.read(path)
    other_norm = FLAGS["norm"].present and FLAGS.norm != saved["norm"]
    for name in _OF_THE_RUN:
        # A radius means nothing in another norm.
        if name in saved and not FLAGS[name].present and not (name == "eps" and other_norm):
            FLAGS[name].parse(saved[name])
