"""Results as tables for a person: one result, or several side by side."""

from tabulate import tabulate


def _percent(share: float | None, error: float | None = None) -> str:
    if share is None:
        return ""
    return f"{share:.1%}" if error is None else f"{share:.1%} ±{100 * error:.1f}"


def table(result: dict) -> str:
    """An attack a row: accuracy (for who defends), success rate (for who attacks), seconds."""
    rows = [row for name, attack in result["attacks"].items() for row in _rows(name, attack)]
    robust = _percent(result["robust_accuracy"], result.get("standard_error"))
    rows += [["all of them", robust, "", ""], *_unattacked(result)]
    threat = result["threat"]
    title = (
        f"{result['model']}: {result['examples']} images of {result['dataset']}, "
        f"{threat['norm']} {threat['eps']:.4g}"
    )
    said = f"{title}\n{_aligned(rows, ['attack', 'accuracy', 'success', 'seconds'])}"
    if "decisions" not in result:
        return said
    strongest, worst = result["smallest"], _percent(result["robust_accuracy"])
    times = result["decisions"]["attacked"]
    alone = _percent(result["attacks"][strongest]["accuracy"])
    return (
        f"{said}\n\nEach attacked image is decided {times} times, with noise that no attack has "
        "seen;\n± is the standard error of that noise. Strongest single attack: "
        f"{strongest},\n{alone}; the worst of all, image by image: {worst}."
    )


def _unattacked(result: dict) -> list[list[str]]:
    """How often a random defence is wrong by itself when it is asked again and again."""
    rows = []
    if "control" in result:
        times, share = result["control"]["decisions"], result["control"]["accuracy"]
        rows.append([f"control: clean, as often ({times} times)", _percent(share), "", ""])
    for times, share in result.get("submissions", {}).items():
        rows.append([f"clean, submitted {times} times", _percent(share), "", ""])
    return rows


def _rows(name: str, attack: dict) -> list[list[str]]:
    """The attack and, below it, what its stages left standing or how far it had to go."""
    accuracy = _percent(attack["accuracy"], attack.get("standard_error"))
    success = _percent(attack["success_rate"])
    rows = [[name, accuracy, success, f"{attack['seconds']:.1f}"]]
    for stage, left in attack.get("stages", {}).items():
        rows.append([f"  after {stage}", _percent(left["accuracy"]), "", f"{left['seconds']:.1f}"])
    if attack.get("median_distance") is not None:
        norm, distance = attack["distance_norm"], attack["median_distance"]
        any_distance = _percent(attack["fooled_at_any_distance"])
        rows.append([f"  at any distance, median {norm} {distance:.4g}", "", any_distance, ""])
    if "defense" in attack:
        found = attack["defense"]
        rows.append([f"  {_steps(found)}", "", "", ""])
    return rows


def _steps(found: dict) -> str:
    """What the defence's loop did."""
    return (
        f"median {found['median_steps']:,.0f} steps (most {found['most_steps']:,.0f}), "
        f"{found['converged']:.0%} done, moved {255 * found['median_induced']:.0f}/255"
    )


def side_by_side(results: dict[str, dict]) -> str:
    """Accuracies of several results of the same data and threat, an attack a row.

    Args:
      results: results by the name that heads their column.
    """
    names = list(dict.fromkeys(name for r in results.values() for name in r["attacks"]))
    rows = [
        [name, *(_percent(r["attacks"].get(name, {}).get("accuracy")) for r in results.values())]
        for name in names
    ]
    rows.append(["all of them", *(_percent(r["robust_accuracy"]) for r in results.values())])
    return _aligned(rows, ["attack", *results])


def _aligned(rows: list[list[str]], headers: list[str]) -> str:
    align = ("left", *["right"] * (len(headers) - 1))
    return tabulate(rows, headers, colalign=align, disable_numparse=True, preserve_whitespace=True)
