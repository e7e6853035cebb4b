"""Flags of the threat model and of the training attack."""

from robust_tf.config import kinds
from robust_tf.config.definitions.names import PRECISIONS, STEP_RULES, TARGETS

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
    STEP_RULES,
    "that of the training attack, as --step_rule is that of evaluations",
)
kinds.choice(
    "attack_loss", None, ("ce", "margin", "kl"), "what the training attack ascends (by method)"
)
kinds.number("kappa", 50.0, "confidence at which the margin loss stops to count")
kinds.choice(
    "attack_target",
    None,
    TARGETS,
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
    "attack_precision", None, PRECISIONS, "dtype policy of the attacked network (--precision)"
)
kinds.choice("xla", "auto", ("auto", "on", "off"), "compiles the attack; auto is on GPUs only")
