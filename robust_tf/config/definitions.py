"""Every flag, defined once, by what it is about: python -m robust_tf.train --help lists them.

Where the default is None, the text says what decides; the values are in defaults.py.
"""

from absl import flags

from robust_tf import attack_names
from robust_tf.config import kinds
from robust_tf.config.defaults import BY_DATASET
from robust_tf.errors import InputError

# Their names are written out: what answers a wrong flag does not wait for TensorFlow.
_PRECISIONS = ("float32", "float64", "mixed_float16", "mixed_bfloat16")
_STEP_RULES = ("quarter", "caad")
_TARGETS = ("none", "random", "most_confusing", "least_likely")
METHODS = ("standard", "pgd_at", "trades", "rlfat_p", "rlfat_t", "bat", "fpd", "smoothing")
DENOISERS = ("gaussian", "embedded_gaussian", "dot", "concatenation")
DENOISERS += ("mean", "median", "bilateral", "gaussian_filter")


def _refuse_odd(inner: int) -> None:
    if inner % 2:
        raise InputError("expected 0, 2 or 4")


# Data
kinds.choice("dataset", "digits", tuple(BY_DATASET), "what to train on and to evaluate on")
kinds.name("data_dir", None, "folder with the data sets in their official layout or as NAME.npz")
kinds.count("image_size", None, "resizes images to this many pixels square (by data set)", low=1)
kinds.count("channels", None, "1 or 3; 3 repeats grey three times (by data set)", low=1)
kinds.count("examples", None, "evaluate on the first N of the test split (all of it)", low=1)
kinds.count("per_class", None, "train on the first N images of each class (all)", low=1)
kinds.choice(
    "augment",
    "auto",
    ("auto", "none", "flip", "crop", "crop_flip", "imagenet"),
    "training augmentation; auto is by data set",
)
kinds.choice(
    "crop",
    None,
    ("none", "center"),
    "what an image is resized to fit with: none is the whole of it, squeezed, center the centre of "
    "the image whose shortest edge is 256 where the network takes 224 (by data set)",
)
kinds.count("data_processes", None, "processes that decode and augment (by data set and cores)")
kinds.number(
    "holdout",
    None,
    "share of the training images held out to choose the best network (by data set)",
    high=0.5,
)

# Network
kinds.name("network", None, "cnn-small, wrn-D-K, resnet-D, resnext-D-CxWd (by data set)")
kinds.choice("stem", None, ("imagenet", "small"), "a ResNet's first layers (by image size)")
kinds.choice(
    "activation", None, ("relu", "elu", "leaky_relu"), "activation (by network; elu with --fpd)"
)
kinds.choice(
    "head",
    None,
    ("linear", "tanh"),
    "the last layer; tanh squeezes the logits (linear; tanh with --fpd)",
)
kinds.choice("denoise", "none", ("none", *DENOISERS), "filter of paper 1's denoising blocks")
kinds.choice("denoise_at", "group", ("group", "block"), "denoising blocks after each of these")
kinds.choice(
    "fpd",
    None,
    ("none", "fd", "fd_r", "full"),
    "paper 2's Feature Pyramid Decoder around the network: front denoising alone, with "
    "restoration, or the whole of it (full for --method=fpd)",
)
kinds.choice("fpd_at", "shallow", ("shallow", "deep"), "where two inner denoising layers are")
kinds.count("fpd_inner", 2, "inner denoising layers of the decoder: 0, 2 or 4", high=4)
kinds.check("fpd_inner", _refuse_odd)
kinds.switch("fpd_bottleneck", False, "1x1 convolutions around the inner denoising")
kinds.choice(
    "fpd_clean",
    "middle",
    ("none", "average", "flip", "middle"),
    "how the restored image is cleaned before the second pass",
)
kinds.switch("sync_bn", False, "batch norm with the statistics of all replicas")

# Threat and attack
kinds.choice("norm", "Linf", ("Linf", "L2"), "norm of the threat model")
kinds.number("eps", None, "radius of the threat model, images being in [0, 1] (by data set)")
kinds.number("eval_eps", None, "radius of validation, and of evaluating the run (eps)")
kinds.count("attack_steps", None, "steps of the training attack; 0 is none (10; 1 for bat)")
kinds.number(
    "attack_step_size",
    None,
    "step size of the training attack (--attack_step_rule; eps / steps for bat)",
)
kinds.choice(
    "attack_step_rule",
    "quarter",
    _STEP_RULES,
    "that of the training attack, as --step_rule is that of evaluations",
)
kinds.choice(
    "attack_loss", None, ("ce", "margin", "kl"), "what the training attack ascends (by method)"
)
kinds.number("kappa", 50.0, "confidence at which the margin loss stops to count")
kinds.choice(
    "attack_target",
    None,
    _TARGETS,
    "class that the training attack aims at; none is untargeted (none; most_confusing for bat)",
)
kinds.choice(
    "attack_start",
    None,
    ("none", "uniform", "gaussian"),
    "where the training attack starts: the image, a draw of the ball, the image with small noise "
    "(by method)",
)
kinds.number(
    "attack_clean_start",
    0.0,
    "share of images that start clean all the same, drawn for blocks of 32 consecutive indices",
    high=1,
)
kinds.number("attack_momentum", 0.0, "momentum of the training attack's gradient")
kinds.count("attack_restarts", 1, "restarts of the training attack, the worst kept", low=1)
kinds.number(
    "attack_warmup_epochs", None, "epochs in which the training attack grows to eps (by data set)"
)
kinds.choice("attack_bn", "inference", ("inference", "batch"), "batch norm of the attacked network")
kinds.choice(
    "attack_precision", None, _PRECISIONS, "dtype policy of the attacked network (--precision)"
)
kinds.choice("xla", "auto", ("auto", "on", "off"), "compiles the attack; auto is on GPUs only")

# Methods
kinds.number("label_smoothing", 0.0, "a in the labels (1 - a) y + a / classes of the loss", high=1)
kinds.number("trades_lambda", 6.0, "lambda of trades and rlfat_t")
kinds.number("rlfat_eta", None, "eta, the weight of feature transfer (0.5 in rlfat_p, 1 in _t)")
kinds.count("rlfat_blocks", 2, "k, the blocks on each axis of a random block shuffle", low=1)
kinds.switch("rlfat_per_batch", False, "one shuffle for all images of a batch")
kinds.number("bat_beta", 9.0, "beta, how far the true class stays above the largest other", low=1)
kinds.number(
    "bat_gamma",
    0.01,
    "gamma in equation 14, which leaves the most confusing class a share",
    low=1e-9,
)
kinds.choice(
    "bat_labels",
    "adversarial",
    ("adversarial", "smooth", "one_hot"),
    "labels of bat: smooth is what equal gradients give, one_hot an infinite beta",
)
kinds.choice("fpd_input", "noise", ("noise", "attack"), "what fpd trains to restore")
kinds.number("fpd_noise", None, "largest noise of a pixel that fpd trains with (eps)")
kinds.number("fpd_alpha1", 1.0, "alpha1, the weight of cross-entropy in fpd")
kinds.number("fpd_alpha2", 1.0, "alpha2, the weight of restoration in fpd")
kinds.number("fpd_threshold", 0.05, "T, the mean squared error above which fpd only restores")
kinds.count("fpd_phases", 2, "whether fpd trains on its restored images too", low=1, high=2)
kinds.name("smoothing_layer", "group0", "layer whose features smoothing evens out")
kinds.number("smoothing_delta", 0.02, "delta, the feature loss below which smoothing stops")

# Training
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
kinds.choice("precision", "float32", _PRECISIONS, "dtype policy of the network")
kinds.count("seed", 0, "seed of all random draws", high=2**31 - 1)
kinds.switch("deterministic", False, "only operations that repeat to the bit, also on GPUs")
kinds.checked(
    "val_attack",
    attack_names.parse_for_validation,
    "attack for choosing the best network (pgd-10; clean for what trains without an attack)",
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

# Defence at inference
kinds.choice(
    "defense", "none", ("none", "active"), "paper 4's Active Defense, or the network alone"
)
kinds.name("defense_layer", None, "layer whose feature loss is descended (calibrate's; group0)")
kinds.number(
    "defense_delta",
    None,
    "delta, the feature loss at which an image is done (calibrate's; the paper's for cifar10 and "
    "cifar100)",
)
kinds.number("defense_beta", None, "beta, the step size (calibrate's; 80)", low=1e-9)
kinds.number("defense_sigma", None, "sigma of the uniform noise (calibrate's; 0.075)")
kinds.count("defense_cap", 1000, "most steps of an image; 0 is noise alone")
kinds.switch("defense_clip", False, "each step ends in [0, 1]")
kinds.counts(
    "defense_loops",
    "outer loops, whose softmaxes are averaged (1); of several, as in 1,10, each further one is an "
    "export's signature of its own, defended_10",
)
kinds.switch(
    "defense_seeded",
    False,
    "exports a signature that takes the noise's seeds as well: for tests, for whoever chooses the "
    "seeds chooses the noise",
)
kinds.count(
    "defense_attacked_cap",
    None,
    "most steps of the loop that gradients go through; what decides takes all (--defense_cap)",
)
kinds.number(
    "defense_attacked_beta",
    None,
    "step size of the loop that gradients go through, larger where it has fewer steps "
    "(--defense_beta)",
    low=1e-9,
)
kinds.count(
    "decisions",
    None,
    "decisions of a random defence on each image, each with noise that no attack has seen; their "
    "share counts (5)",
    low=1,
)
kinds.counts("submissions", "numbers of times that an image is submitted, as in 1,10,100")
kinds.name(
    "keep_transfers",
    None,
    "folder for the images of transfers, which an evaluation of another defence then judges too",
)

# Evaluation and export
kinds.name("model", None, "run directory, .keras file or SavedModel to evaluate or export")
kinds.name("signature", "serving_default", "signature of a SavedModel")
kinds.name("input_name", None, "input of that signature (the only one)")
kinds.name("output_name", None, "output of that signature (logits, or the only one)")
flags.DEFINE_list(
    "attacks",
    ["clean", "fgsm", "pgd-20", "cw-20"],
    f"which ones: {', '.join(attack_names.NAMES)}; a sweep as in pgd-10/50/100; an ensemble as in "
    "apgd-ce+square; apgd-ce-eotN for steps that average N draws; transfer:NAME@RUN_DIR, or @dense "
    "for a substitute trained on answers, of a Feature Pyramid Decoder @identity (BPDA) and "
    "@one-pass, of Active Defense @bare, @noise and @softened",
)
kinds.check("attacks", lambda names: [attack_names.parse(name) for name in names])
kinds.choice(
    "attacked_output",
    "auto",
    ("auto", "logits", "before_squeeze"),
    "what an evaluation's white-box attacks take the loss of; auto is the logits and, of a head "
    "that is found to be bounded, before_squeeze as well, the worse counting",
)
kinds.number("step_size", None, "step size of an evaluation's PGD attacks (--step_rule)")
kinds.choice(
    "step_rule",
    "quarter",
    _STEP_RULES,
    "quarter is eps / 4; caad max(1, 16 / K) / 255 with K steps, as paper 1 evaluates",
)
kinds.choice(
    "start",
    None,
    ("none", "uniform", "gaussian"),
    "where an evaluation's PGD attacks start (uniform; fgsm and mifgsm from the image)",
)
kinds.count("restarts", 1, "restarts of an evaluation's pgd, cw and apgd, the worst kept", low=1)
kinds.choice(
    "targeted",
    "none",
    _TARGETS,
    "class that an evaluation's attacks aim at; none is untargeted",
)
kinds.count(
    "queries",
    None,
    "queries of square and nattack an image (5,000; 60,201, of which fewer leave 200 smaller "
    "populations)",
    low=1,
)
kinds.number("shift_weight", 10.0, "weight of the restoration's shift in shift-K")
kinds.switch("quantize", False, "adversarial images are put on the 8-bit grid and then judged")
kinds.name("save_adversarial", None, "folder for the adversarial images; sets --quantize")
kinds.switch("verdict", True, "ends an evaluation with a verdict on gradient masking")
kinds.name(
    "output",
    None,
    "JSON file of the result (RUN_DIR/results/DATASET-NORM-EPS-ATTACKS.json); of calibrate, the "
    "file of flags that it writes",
)

# The competition: predict, perturb, and evaluate --protocol=caad
kinds.name("input_dir", None, "folder of the .png and .jpg images that predict or perturb takes")
kinds.name("output_file", None, "file for predict's lines, NAME,LABEL for each image")
kinds.name("output_dir", None, "folder for perturb's images, PNG files of the same names")
kinds.count(
    "max_epsilon",
    None,
    "levels of 255 that a pixel is moved by at most (16); with --protocol=caad those that the "
    "attackers were allowed (32)",
    low=1,
    high=255,
)
kinds.checked(
    "attack",
    attack_names.parse_for_validation,
    "how perturb attacks, by one of the names of --attacks (pgd-20)",
)
kinds.name(
    "targets",
    None,
    "file of NAME,CLASS lines that perturb leads to, or none (target_class.csv, where it is in "
    "--input_dir)",
)
kinds.name(
    "labels",
    None,
    "file of the images' classes: NAME,LABEL lines, or a table that begins with image_id,label or "
    "ImageId,TrueLabel, the latter counted from 1 (for perturb: what the model says itself)",
)
kinds.count(
    "label_offset", 0, "number of the first class in files of NAME,LABEL lines: 0 or 1", high=1
)
kinds.choice(
    "protocol",
    "attacks",
    ("attacks", "caad"),
    "attacks runs --attacks on --dataset; caad judges the images in --attacked_dirs by --labels",
)
flags.DEFINE_list("attacked_dirs", None, "folders of attacked images, one an attacker")

# Serving
kinds.name("model_dir", None, "folder of numbered versions, or one SavedModel, to serve")
kinds.name("name", None, "the served model's name in URLs and requests (its folder's)")
kinds.name("host", "127.0.0.1", "address to listen at; 0.0.0.0 is all of this machine's")
kinds.count("rest_port", 8501, "port of REST; 0 takes a free one", high=65535)
kinds.count(
    "grpc_port", 8500, "port of gRPC; 0 takes a free one, none is without", high=65535, none=True
)
kinds.count("max_batch", 64, "images of several requests joined to one call of the model", low=1)
kinds.number("batch_timeout", 2.0, "milliseconds that the first of a batch waits for others")
kinds.count("max_body", 16 * 2**20, "bytes of a request", low=1)
kinds.count("max_request_batch", 64, "images of a request", low=1)
kinds.count("max_queued", 1024, "images that wait for the model; more are refused", low=1)
kinds.number("poll_seconds", 5.0, "seconds between looks for a newer version", low=1e-3)
kinds.number("grace_seconds", 30.0, "seconds that running requests may take after SIGTERM")
