"""Attacks a model on the test split, writes the result and prints its table."""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from robust_tf import plans
from robust_tf.attack_names import gradient_free, parse
from robust_tf.attacks import aims, named
from robust_tf.data.examples import Examples
from robust_tf.data.pipeline import evaluation_dataset
from robust_tf.errors import InputError
from robust_tf.evaluation.cautions import CLASSES_NEEDED, warnings
from robust_tf.evaluation.cores import single_threaded_ops
from robust_tf.evaluation.run import Evaluation
from robust_tf.evaluation.sanity import Findings, check
from robust_tf.evaluation.saving import Saved
from robust_tf.experiment import data
from robust_tf.experiment.subject import (
    BEFORE_SQUEEZE,
    RESTORED,
    Subject,
    check_fit,
    load,
    stand_in,
)
from robust_tf.experiment.surrogates import SURROGATES, surrogate
from robust_tf.threat import Threat
from robust_tf.victim import Victim

# How many images tell what a model is like.
SAMPLE = 100
# What a substitute is trained on: images of the training split, labelled by the model.
SUBSTITUTE_IMAGES = 1000


def evaluate(plan: plans.Evaluate) -> None:
    """Evaluates as planned."""
    single_threaded_ops()
    test_set = data.load(plan.data, "test")
    subject = load(plan.model, plan.signature, plan.input_name, plan.output_name)
    check_fit(subject, test_set)
    x, label = _spread(test_set, SAMPLE)
    findings = check(subject.victim, x, label, plan.seed)
    if plan.attacked_output == "logits":
        findings = findings._replace(before_squeeze=False)
    cautions = warnings(findings, list(plan.attacks))
    for sentence in cautions:
        print(f"WARNING: {sentence}")
    if plan.targeted != "none":
        print("Targeted attacks are no measure of robustness: no verdict on gradient masking.")

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
        settings={
            **dataclasses.asdict(plan.data),
            **{name: getattr(plan, name) for name in ("signature", "input_name", "output_name")},
        },
    )
    evaluation.run(_attacks(plan, subject, findings, threat, test_set))


def _spread(examples: Examples, count: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Images and labels from all over a set, which may lie there class by class."""
    places = np.unique(np.linspace(0, len(examples) - 1, count).astype(int))
    x, label, _ = next(iter(evaluation_dataset(examples.subset(places), count)))
    return x, label


def _attacks(
    plan: plans.Evaluate,
    subject: Subject,
    findings: Findings,
    threat: Threat,
    test_set: Examples,
) -> dict:
    """The attacks by name."""
    if not findings.gradients:
        _refuse_white_box(plan)
    _refuse_few_classes(plan, findings)
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
    source = _source(plan, subject, test_set)
    return {name: named(name, threat, source, **options) for name in plan.attacks}


def _refuse_white_box(plan: plans.Evaluate) -> None:
    impossible = [name for name in plan.attacks if not gradient_free(parse(name))]
    if impossible:
        raise InputError(
            f"--model={plan.model} gives no gradients, which {', '.join(impossible)} needs; "
            "expected square, nattack or a transfer."
        )


def _refuse_few_classes(plan: plans.Evaluate, findings: Findings) -> None:
    few = [n for n in plan.attacks if CLASSES_NEEDED.get(n, 0) > findings.classes]
    if few:
        raise InputError(
            f"{few[0]} needs {CLASSES_NEEDED[few[0]]} classes, and --model={plan.model} has "
            f"{findings.classes}; expected such as apgd-ce+fab-t+square."
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


def _source(plan: plans.Evaluate, subject: Subject, test_set: Examples) -> Callable[[str], Victim]:
    """Gives what a transfer is made on: a path's network, or a stand-in for the attacked one."""

    def images() -> np.ndarray:
        return _spread(data.load(plan.data, "train"), SUBSTITUTE_IMAGES)[0].numpy()

    def source(name: str) -> Victim:
        if name in SURROGATES:
            return surrogate(name, subject.victim, subject.network, images, plan.seed)
        path = data.model_path(name, "--attacks")
        other = load(path, plan.signature, plan.input_name, plan.output_name)
        check_fit(other, test_set)
        return stand_in(other)

    return source
