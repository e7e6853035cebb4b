"""What evaluations have recorded of a network, as the accuracy section of its model card."""

import json
import pathlib

AUTOATTACK = ("autoattack", "autoattack-plus", "autoattack-rand")
UNKNOWN = (
    "**No result of `robust_tf.evaluate` for these weights was there when they were exported: "
    "nothing is known of their accuracy.**"
)
NO_AUTOATTACK = (
    "**AutoAttack is not among these attacks: a stronger one may leave fewer images standing, so "
    "none of these numbers is to be quoted as the network's robustness.**"
)
LIMITS = (
    "These are accuracies on images like those that the network was trained on; they say nothing "
    "of other images, nor of other perturbations."
)
# What makes a JSON file a result, and what a result may say of a defence.
PARTS = {"weights", "dataset", "threat", "examples", "attacks", "robust_accuracy"}
OF_A_DEFENCE = ("layer", "delta", "beta", "sigma", "cap", "loops", "clip")
# Through which weaker loop its gradients were followed, where that was so.
OF_ITS_ATTACKS = ("attacked_cap", "attacked_beta")


def results(folder: pathlib.Path, weights: str) -> dict[str, dict]:
    """The results in a folder that are of these weights, by the names of their files."""
    found = {}
    for path in sorted(folder.glob("[!.]*.json")):
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            continue  # No result: the folder of a .keras file may hold anything.
        is_result = isinstance(content, dict) and PARTS <= content.keys()
        if is_result and content["weights"] == weights:
            found[path.name] = content
    return found


def accuracy(found: dict[str, dict]) -> str:
    """Every attack of these results, and what to think of them.

    What was attacked within the same threat model, and behind the same defence, is compared.
    """
    groups: dict[str, dict[str, dict]] = {}
    for name, result in found.items():
        groups.setdefault(_setting(result), {})[name] = result
    if not groups:
        return UNKNOWN
    return "\n\n".join([*(_of_one_setting(*each) for each in groups.items()), LIMITS])


def _setting(result: dict) -> str:
    """What was attacked, and how far."""
    threat, defense = result["threat"], result.get("defense", {})
    where = f"Test images of {result['dataset']}, perturbed by at most {threat['norm']} "
    # A zero tells: without noise, or without the loop, it is another defence.
    given = [
        name
        for name in (*OF_A_DEFENCE, *OF_ITS_ATTACKS)
        if defense.get(name) is not None and defense[name] is not False
    ]
    said = [f"{name.replace('_', ' ')} {_short(defense[name])}".removesuffix(" ") for name in given]
    behind = f", decided behind Active Defense ({', '.join(said)})" if defense else ""
    return f"{where}{threat['eps']:.4g}{behind}:"


def _short(value: str | float | bool) -> str:
    if isinstance(value, bool):
        return ""
    return value if isinstance(value, str) else f"{value:.4g}"


def _of_one_setting(setting: str, found: dict[str, dict]) -> str:
    rows = [
        (attack["accuracy"], attack_name, result["examples"], file_name)
        for file_name, result in found.items()
        for attack_name, attack in result["attacks"].items()
    ]
    share, smallest, examples, _ = min(rows)
    together = min(result["robust_accuracy"] for result in found.values())
    lines = [
        setting,
        "",
        "| attack | accuracy | images | recorded in |",
        "| --- | --- | --- | --- |",
        *(f"| {name} | {right:.1%} | {count} | {file} |" for right, name, count, file in rows),
        "",
        f"The smallest is that of {smallest}, {share:.1%} of {examples} images; right under all "
        f"attacks of one evaluation at once are {together:.1%}.",
    ]
    if not any(name in AUTOATTACK for _, name, _, _ in rows):
        lines += ["", NO_AUTOATTACK]
    warned = dict.fromkeys(w for result in found.values() for w in result.get("warnings", ()))
    if warned:
        lines += ["", "The evaluations warned:", "", *(f"- {sentence}" for sentence in warned)]
    return "\n".join(lines)
