"""Attacks a model on the test split, writes the result and prints its table."""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from robust_tf import distribute, plans, preemption
from robust_tf.attacks import aims, named
from robust_tf.data.examples import Examples
from robust_tf.data.pipeline import evaluation_dataset
from robust_tf.errors import InputError
from robust_tf.evaluation.cautions import warnings
from robust_tf.evaluation.cores import single_threaded_ops
from robust_tf.evaluation.judge import Judge
from robust_tf.evaluation.run import Evaluation
from robust_tf.evaluation.sanity import Findings, check
from robust_tf.evaluation.saving import Saved
from robust_tf.experiment import data, defending
from robust_tf.experiment.refusals import refuse_impossible
from robust_tf.experiment.subject import BEFORE_SQUEEZE, Subject, check_fit, load, stand_in
from robust_tf.experiment.surrogates import SURROGATES, surrogate
from robust_tf.threat import Threat
from robust_tf.victim import Victim

# How many images tell what a model is like.
SAMPLE = 100
# What a substitute is trained on: images of the training split, labelled by the model.
SUBSTITUTE_IMAGES = 1000


def evaluate(plan: plans.Evaluate) -> None:
    """Evaluates as planned."""
    place = distribute.place()
    single_threaded_ops()
    test_set = data.load(plan.data, "test")
    subject = load(plan.model, plan.signature, plan.input_name, plan.output_name)
    check_fit(subject, test_set)
    behind = defending.guarded(subject, plan)
    findings = _findings(plan, subject, test_set)
    cautions = warnings(findings, list(plan.attacks))
    for sentence in cautions:
        print(f"WARNING: {sentence}")
    if plan.targeted != "none":
        print("Targeted attacks are no measure of robustness: no verdict on gradient masking.")

    def batches(indices: Sequence[int]) -> tf.data.Dataset:
        chosen = test_set.subset(np.searchsorted(test_set.indices, indices))
        return evaluation_dataset(chosen, plan.batch_size)

    judge = Judge(
        behind.attacked if behind else subject.victim,
        Threat(plan.norm, plan.eps),
        plan.seed,
        quantize=plan.quantize,
        judging=behind.decides if behind else None,
        decisions=plan.decisions,
    )
    evaluation = Evaluation(
        judge,
        batches,
        test_set.indices.tolist(),
        output=plan.output,
        about=_about(plan, subject, cautions, place),
        saved=_saved(plan, test_set),
        findings=findings if plan.verdict and plan.targeted == "none" else None,
        settings=_settings(plan),
        submissions=plan.submissions,
        keep_transfers=plan.keep_transfers,
        share=place,
    )
    source = _source(plan, subject, behind, test_set)
    attacks = _attacks(plan, subject, findings, judge.threat, source)
    with preemption.ending():
        evaluation.run(attacks)


def _about(
    plan: plans.Evaluate, subject: Subject, cautions: list[str], place: distribute.Place
) -> dict:
    """What a result says of the model and its data."""
    return {
        "model": str(plan.model),
        "weights": subject.weights,
        "dataset": plan.data.dataset,
        "warnings": cautions,
        **_of_the_defense(plan),
        # Whose seconds are added up.
        **({"workers": place.workers} if place.workers > 1 else {}),
    }


def _settings(plan: plans.Evaluate) -> dict:
    """What else a stopped evaluation must have in common with one that goes on."""
    of_a_saved_model = ("signature", "input_name", "output_name")
    settings = dataclasses.asdict(plan.data) | {n: getattr(plan, n) for n in of_a_saved_model}
    if plan.data.crop == "none":
        del settings["crop"]  # an evaluation from before there were others goes on
    return settings


def _findings(plan: plans.Evaluate, subject: Subject, test_set: Examples) -> Findings:
    """What the network is like, and whether its defence is random."""
    x, label, _ = data.spread(test_set, SAMPLE)
    findings = check(subject.victim, x, label, plan.seed)
    if plan.defense.defense != "none":
        findings = findings._replace(random=plan.defense.defense_sigma > 0, before_squeeze=False)
    if plan.attacked_output == "logits":
        findings = findings._replace(before_squeeze=False)
    return findings


def _saved(plan: plans.Evaluate, test_set: Examples) -> Saved | None:
    if plan.save_adversarial is None:
        return None
    labels = dict(zip(test_set.indices.tolist(), test_set.labels.tolist(), strict=True))
    return Saved(plan.save_adversarial, test_set.name, labels)


def _attacks(
    plan: plans.Evaluate,
    subject: Subject,
    findings: Findings,
    threat: Threat,
    source: Callable[[str], Victim],
) -> dict:
    """The attacks by name."""
    refuse_impossible(plan, subject, findings)
    options = {
        "step_size": plan.step_size,
        "step_rule": plan.step_rule,
        "start": plan.start,
        "restarts": plan.restarts,
        "aim": aims.TARGETS.get(plan.targeted, aims.UNTARGETED),
        "kappa": plan.kappa,
        "queries": plan.queries,
        "shift_weight": plan.shift_weight,
        "outputs": _outputs(plan, findings),
        # Only where the attacked network itself says who is fooled, and nobody needs the others.
        "judge": not (
            findings.random
            or plan.quantize
            or plan.save_adversarial
            or plan.defense_attacked_cap is not None
            or plan.defense_attacked_beta is not None
        ),
    }
    return {name: named(name, threat, source, **options) for name in plan.attacks}


def _of_the_defense(plan: plans.Evaluate) -> dict:
    """What a result says of the defence."""
    return defending.described(plan.defense, plan.defense_attacked_cap, plan.defense_attacked_beta)


def _outputs(plan: plans.Evaluate, findings: Findings) -> tuple[str, ...]:
    """What white-box attacks take their loss of."""
    if plan.attacked_output == "auto":
        both = findings.bounded and findings.before_squeeze
        return ("logits", BEFORE_SQUEEZE) if both else ("logits",)
    if plan.attacked_output == BEFORE_SQUEEZE and plan.defense.defense != "none":
        raise InputError(
            f"--attacked_output={plan.attacked_output} does not reach behind --defense=active, "
            "which gives logits; expected transfers from @bare, @noise or @softened, which take "
            "what a Tanh squeezes."
        )
    if plan.attacked_output == BEFORE_SQUEEZE and not findings.before_squeeze:
        raise InputError(
            f"--attacked_output={plan.attacked_output} needs a network with a Tanh head, but "
            f"--model={plan.model} has none; expected --attacked_output=logits."
        )
    return (plan.attacked_output,)


def _source(
    plan: plans.Evaluate, subject: Subject, behind: defending.Guarded | None, test_set: Examples
) -> Callable[[str], Victim]:
    """Gives what a transfer is made on: a path's network, or a stand-in for the attacked one."""
    answers = behind.decides if behind else subject.victim

    def images() -> np.ndarray:
        return data.spread(data.load(plan.data, "train"), SUBSTITUTE_IMAGES)[0].numpy()

    def source(name: str) -> Victim:
        if name in defending.STAND_INS:
            if not behind:
                raise InputError(f"A transfer from {name} needs --defense=active.")
            return defending.stand_in_for(behind, name)
        if name in SURROGATES:
            victim = surrogate(name, answers, subject.network, images, plan.seed)
            # What a result says of the source; images are kept, and a stopped evaluation goes on,
            # by it: a substitute is trained on the answers of a model behind its defence.
            of = {"weights": subject.weights, **_of_the_defense(plan)}
            victim.__name__ = f"{name} of {plan.model} {of}"
            return victim
        path = data.model_path(name, "--attacks")
        other = load(path, plan.signature, plan.input_name, plan.output_name)
        check_fit(other, test_set)
        return stand_in(other)

    return source
