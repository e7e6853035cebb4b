"""Results as tables for a person: one result, or several side by side."""

from tabulate import tabulate


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.1%}"


def table(result: dict) -> str:
    """An attack a row: accuracy (for who defends), success rate (for who attacks), seconds."""
    rows = [row for name, attack in result["attacks"].items() for row in _rows(name, attack)]
    rows.append(["all of them", _percent(result["robust_accuracy"]), "", ""])
    threat = result["threat"]
    title = (
        f"{result['model']}: {result['examples']} images of {result['dataset']}, "
        f"{threat['norm']} {threat['eps']:.4g}"
    )
    headers = ["attack", "accuracy", "success", "seconds"]
    return f"{title}\n{_aligned(rows, headers)}"


def _rows(name: str, attack: dict) -> list[list[str]]:
    """The attack and, below it, what its stages left standing or how far it had to go."""
    accuracy, success = _percent(attack["accuracy"]), _percent(attack["success_rate"])
    rows = [[name, accuracy, success, f"{attack['seconds']:.1f}"]]
    for stage, left in attack.get("stages", {}).items():
        rows.append([f"  after {stage}", _percent(left["accuracy"]), "", f"{left['seconds']:.1f}"])
    if attack.get("median_distance") is not None:
        norm, distance = attack["distance_norm"], attack["median_distance"]
        any_distance = _percent(attack["fooled_at_any_distance"])
        rows.append([f"  at any distance, median {norm} {distance:.4g}", "", any_distance, ""])
    return rows


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
