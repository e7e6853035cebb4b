"""Which attacks a model gives no hold to: each is refused with a sentence before any begins."""

from robust_tf import plans
from robust_tf.attack_names import OF_FEATURES, gradient_free, parse
from robust_tf.errors import InputError
from robust_tf.evaluation.cautions import needed
from robust_tf.evaluation.sanity import Findings
from robust_tf.experiment.subject import RESTORED, Subject


def refuse_impossible(plan: plans.Evaluate, subject: Subject, findings: Findings) -> None:
    """Raises InputError at the first attack of the plan that cannot be made on its model."""
    if not findings.gradients:
        _refuse_white_box(plan)
    _refuse_few_classes(plan, findings)
    _refuse_shifts(plan, subject)
    _refuse_features(plan)


def _refuse_white_box(plan: plans.Evaluate) -> None:
    impossible = [name for name in plan.attacks if not gradient_free(parse(name))]
    if impossible:
        raise InputError(
            f"--model={plan.model} gives no gradients, which {', '.join(impossible)} needs; "
            "expected square, nattack or a transfer."
        )


def _refuse_few_classes(plan: plans.Evaluate, findings: Findings) -> None:
    few = [n for n in plan.attacks if needed(n) > findings.classes]
    if few:
        raise InputError(
            f"{few[0]} needs {needed(few[0])} classes, and --model={plan.model} has "
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


def _refuse_features(plan: plans.Evaluate) -> None:
    """What looks at the features that a defence smooths needs a stand-in that shows them."""
    for name in map(parse, plan.attacks):
        of_features = [part for part in name.parts or (name,) if part.kind in OF_FEATURES]
        shown = plan.defense.defense == "active" and name.source in ("bare", "noise")
        if of_features and not shown:
            raise InputError(
                f"{name.text} needs the feature loss of a stand-in; expected "
                f"transfer:{of_features[0].text}@bare, or @noise, with --defense=active."
            )
