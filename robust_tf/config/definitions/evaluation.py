"""Flags of evaluations and exports."""

from absl import flags

from robust_tf import attack_names
from robust_tf.config import kinds
from robust_tf.config.definitions.names import STEP_RULES, TARGETS

kinds.name("model", None, "run directory, .keras file or SavedModel to evaluate or export")
kinds.name("signature", "serving_default", "signature of a SavedModel")
kinds.name("input_name", None, "input of that signature (the only one)")
kinds.name("output_name", None, "output of that signature (logits, or the only one)")
flags.DEFINE_list(
    "attacks",
    ["clean", "fgsm", "pgd-20", "cw-20"],
    f"which ones: {', '.join(attack_names.NAMES)}; a sweep as in pgd-10/50/100; an ensemble as in "
    "apgd-ce+square; apgd-ce-K, fab-t-K and the like for K steps a run in place of 100; "
    "apgd-ce-eotN for steps that average N draws; transfer:NAME@RUN_DIR, or @dense for a "
    "substitute trained on answers, of a Feature Pyramid Decoder @identity (BPDA) and @one-pass, "
    "of Active Defense @bare, @noise and @softened",
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
    STEP_RULES,
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
    TARGETS,
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
