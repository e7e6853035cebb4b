"""Attacks a model on the test split, writes the result and prints its table."""

from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from robust_tf import plans
from robust_tf.attack_names import gradient_free, parse
from robust_tf.attacks import aims, named
from robust_tf.data.pipeline import evaluation_dataset
from robust_tf.errors import InputError
from robust_tf.evaluation.cautions import warnings
from robust_tf.evaluation.run import Evaluation
from robust_tf.evaluation.sanity import Findings, check
from robust_tf.evaluation.saving import Saved
from robust_tf.experiment import data
from robust_tf.experiment.subject import BEFORE_SQUEEZE, RESTORED, Subject, check_fit, load
from robust_tf.experiment.surrogates import SURROGATES, surrogate
from robust_tf.threat import Threat
from robust_tf.victim import Victim

# How many images tell what a model is like.
SAMPLE = 100
# What a substitute is trained on: images of the training split, labelled by the model.
SUBSTITUTE_IMAGES = 1000


def evaluate(plan: plans.Evaluate) -> None:
    """Evaluates as planned."""
    test_set = data.load(plan.data, "test")
    subject = load(plan.model, plan.signature, plan.input_name, plan.output_name)
    check_fit(subject, test_set)
    x, label, _ = next(iter(evaluation_dataset(test_set.first(SAMPLE), SAMPLE)))
    findings = check(subject.victim, x, label, plan.seed)
    cautions = warnings(findings, list(plan.attacks))
    for sentence in cautions:
        print(f"WARNING: {sentence}")

    def batches(indices: Sequence[int]) -> tf.data.Dataset:
        chosen = test_set.subset(np.searchsorted(test_set.indices, indices))
        return evaluation_dataset(chosen, plan.batch_size)

    threat = Threat(plan.norm, plan.eps)
    saved = None
    if plan.save_adversarial:
        labels = dict(zip(test_set.indices.tolist(), test_set.labels.tolist(), strict=True))
        saved = Saved(plan.save_adversarial, test_set.name, labels)
    evaluation = Evaluation(
        subject.victim,
        batches,
        test_set.indices.tolist(),
        threat=threat,
        output=plan.output,
        seed=plan.seed,
        about={
            "model": str(plan.model),
            "weights": subject.weights,
            "dataset": plan.data.dataset,
            "warnings": cautions,
        },
        quantize=plan.quantize,
        saved=saved,
        findings=findings if plan.verdict and plan.targeted == "none" else None,
    )
    evaluation.run(_attacks(plan, subject, findings, threat))


def _attacks(plan: plans.Evaluate, subject: Subject, findings: Findings, threat: Threat) -> dict:
    """The attacks by name."""
    if not findings.gradients:
        _refuse_white_box(plan)
    _refuse_shifts(plan, subject)
    options = {
        "step_size": plan.step_size,
        "step_rule": plan.step_rule,
        "start": plan.start,
        "restarts": plan.restarts,
        "aim": aims.TARGETS.get(plan.targeted, aims.UNTARGETED),
        "kappa": plan.kappa,
        "shift_weight": plan.shift_weight,
        "outputs": _outputs(plan, findings),
        # Only where the attacked network itself says who is fooled, and nobody needs the others.
        "judge": not (findings.random or plan.quantize or plan.save_adversarial),
    }
    source = _source(plan, subject)
    return {name: named(name, threat, source, **options) for name in plan.attacks}


def _refuse_white_box(plan: plans.Evaluate) -> None:
    impossible = [name for name in plan.attacks if not gradient_free(parse(name))]
    if impossible:
        raise InputError(
            f"--model={plan.model} gives no gradients, which {', '.join(impossible)} needs; "
            "expected square, nattack or a transfer."
        )


def _refuse_shifts(plan: plans.Evaluate, subject: Subject) -> None:
    """What looks at the restored image needs a network that restores."""
    shifts = [name for name in plan.attacks if parse(name).kind == "shift"]
    restores = subject.network and any(layer.name == RESTORED for layer in subject.network.layers)
    if shifts and not restores:
        raise InputError(
            f"{shifts[0]} needs a network that restores its images, which --model={plan.model} "
            "does not."
        )


def _outputs(plan: plans.Evaluate, findings: Findings) -> tuple[str, ...]:
    """What white-box attacks take their loss of."""
    if plan.attacked_output == "auto":
        both = findings.bounded and findings.before_squeeze
        return ("logits", BEFORE_SQUEEZE) if both else ("logits",)
    if plan.attacked_output == BEFORE_SQUEEZE and not findings.before_squeeze:
        raise InputError(
            f"--attacked_output={plan.attacked_output} needs a network with a Tanh head, but "
            f"--model={plan.model} has none; expected --attacked_output=logits."
        )
    return (plan.attacked_output,)


def _source(plan: plans.Evaluate, subject: Subject) -> Callable[[str], Victim]:
    """Gives what a transfer is made on: a path's network, or a stand-in for the attacked one."""

    def images() -> np.ndarray:
        train_set = data.load(plan.data, "train").first(SUBSTITUTE_IMAGES)
        x, _, _ = next(iter(evaluation_dataset(train_set, SUBSTITUTE_IMAGES)))
        return x.numpy()

    def source(name: str) -> Victim:
        if name in SURROGATES:
            return surrogate(name, subject.victim, subject.network, images, plan.seed)
        path = data.model_path(name, "--attacks")
        other = load(path, plan.signature, plan.input_name, plan.output_name)
        if (other.image_shape, other.classes) != (subject.image_shape, subject.classes):
            raise InputError(
                f"{name} takes images of {other.image_shape} in {other.classes} classes; a "
                f"transfer to --model={plan.model} expects {subject.image_shape} in "
                f"{subject.classes}."
            )
        return other.victim

    return source
