"""Results as tables for a person: one result, or several side by side."""

from tabulate import tabulate

from robust_tf.evaluation.holding import unattacked


def _percent(share: float | None, error: float | None = None) -> str:
    if share is None:
        return ""
    return f"{share:.1%}" if error is None else f"{share:.1%} ±{100 * error:.1f}"


def table(result: dict) -> str:
    """An attack a row: accuracy (for who defends), success rate (for who attacks), seconds."""
    loops = result.get("defense", {}).get("loops", 1)
    rows = [row for name, attack in result["attacks"].items() for row in _rows(name, attack, loops)]
    robust = _percent(result["robust_accuracy"], result.get("standard_error"))
    rows += [["all of them", robust, "", ""], *_unattacked(result), *_competing(result)]
    threat = result["threat"]
    # Without the originals nobody can measure it.
    declared = "declared " if result.get("protocol") == "caad" else ""
    title = (
        f"{result['model']}: {result['examples']} images of {result['dataset']}, "
        f"{declared}{threat['norm']} {threat['eps']:.4g}"
    )
    if "defense" in result:
        title += f"\n{_defense(result['defense'])}"
    said = f"{title}\n{_aligned(rows, ['attack', 'accuracy', 'success', 'seconds'])}"
    notes = [*_of_a_random_judge(result), *_of_a_defence(result)]
    return "\n".join([said, "", *notes]) if notes else said


def _of_a_random_judge(result: dict) -> list[str]:
    """What the shares mean."""
    if "decisions" not in result:
        return []
    return [
        f"Each attacked image is decided {result['decisions']['attacked']} times, with noise that "
        "no attack has seen.",
        "± is the noise's standard error. A row counts what is right both unattacked and attacked,",
        "the last row what is right under every attack, each asked once. Success is counted of the",
        "control of as many decisions.",
        "Of each image the attack that its other decisions say is the worst: "
        f"{_percent(result['pointwise_worst'])}.",
    ]


def _of_a_defence(result: dict) -> list[str]:
    """Its strongest attack, and whether it holds."""
    if "holds" not in result:
        return []
    rows, strongest = result["attacks"], result["smallest"]
    left, of = _percent(rows[strongest]["accuracy"]), _percent(unattacked(rows, strongest))
    lines = [f"Strongest single attack: {strongest}, which leaves {left} of {of}."]
    if not result["holds"]:
        lines.append("The defence does not hold: this takes more than half of what it gets right.")
    return lines


def _defense(said: dict) -> str:
    """The defence that a result is of."""
    parts = [f"{name} {said[name]:.4g}" for name in ("delta", "beta", "sigma", "cap", "loops")]
    given = {name: said[name] for name in ("attacked_cap", "attacked_beta") if said[name]}
    parts += [f"{name} {value:.4g}" for name, value in given.items()]
    return f"Active Defense at {said['layer']}: {', '.join(parts).replace('_', ' ')}"


def _unattacked(result: dict) -> list[list[str]]:
    """How often a random defence is right by itself when it is asked again and again."""
    control, submissions = result.get("control", {}), result.get("submissions", {})
    rows = [[f"control: clean, decided {m} times", _percent(v), "", ""] for m, v in control.items()]
    rows += [[f"clean, submitted {m} times", _percent(v), "", ""] for m, v in submissions.items()]
    return rows


def _competing(result: dict) -> list[list[str]]:
    """What the competition of 2017 ranked defences by."""
    if result.get("protocol") != "caad":
        return []
    answers = result["examples"] * len(result["attacks"])
    return [
        ["their mean", _percent(result["mean_accuracy"]), "", ""],
        [f"right of {answers:,} answers", f"{result['right_answers']:,}", "", ""],
    ]


def _rows(name: str, attack: dict, loops: int) -> list[list[str]]:
    """The attack and, below it, what its stages left standing or how far it had to go."""
    accuracy, success = _accuracy(attack), _percent(attack["success_rate"])
    rows = [[name, accuracy, success, f"{attack['seconds']:.1f}"]]
    for stage, left in attack.get("stages", {}).items():
        rows.append([f"  after {stage}", _percent(left["accuracy"]), "", f"{left['seconds']:.1f}"])
    if attack.get("median_distance") is not None:
        norm, distance = attack["distance_norm"], attack["median_distance"]
        any_distance = _percent(attack["fooled_at_any_distance"])
        rows.append([f"  at any distance, median {norm} {distance:.4g}", "", any_distance, ""])
    for times, share in attack.get("submissions", {}).items():
        rows.append([f"  submitted {times} times", _percent(share), "", ""])
    if "defense" in attack:
        found = attack["defense"]
        rows.append([f"  {_steps(found, loops)}", "", "", ""])
    return rows


def _accuracy(attack: dict) -> str:
    return _percent(attack.get("accuracy"), attack.get("standard_error"))


def _steps(found: dict, loops: int) -> str:
    """What the defence's loop did, or all loops of a decision together."""
    of_loops = f" of {loops} loops" if loops > 1 else ""
    return (
        f"median {found['median_steps']:,.0f} steps{of_loops} (most {found['most_steps']:,.0f}), "
        f"{found['converged']:.0%} done, moved {255 * found['median_induced']:.0f}/255"
    )


def side_by_side(results: dict[str, dict]) -> str:
    """Accuracies of several results of the same data and threat, an attack a row.

    Args:
      results: results by the name that heads their column.
    """
    names = list(dict.fromkeys(name for r in results.values() for name in r["attacks"]))
    rows = [
        [name, *(_accuracy(r["attacks"].get(name, {})) for r in results.values())] for name in names
    ]
    together = [_percent(r["robust_accuracy"], r.get("standard_error")) for r in results.values()]
    rows.append(["all of them", *together])
    controls = dict.fromkeys(m for r in results.values() for m in r.get("control", {}))
    for m in sorted(controls, key=int):
        shares = (_percent(r.get("control", {}).get(m)) for r in results.values())
        rows.append([f"control: clean, decided {m} times", *shares])
    said = _aligned(rows, ["attack", *results])
    if not controls:
        return said
    return f"{said}\n\n± is of the decisions' noise alone, not of the choice of images."


def _aligned(rows: list[list[str]], headers: list[str]) -> str:
    align = ("left", *["right"] * (len(headers) - 1))
    return tabulate(rows, headers, colalign=align, disable_numparse=True, preserve_whitespace=True)
