"""Results as tables for a person: one result, or several side by side."""

from tabulate import tabulate


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.1%}"


def table(result: dict) -> str:
    """An attack a row: accuracy (for who defends), success rate (for who attacks), seconds."""
    rows = [
        [name, _percent(a["accuracy"]), _percent(a["success_rate"]), f"{a['seconds']:.1f}"]
        for name, a in result["attacks"].items()
    ]
    rows.append(["all of them", _percent(result["robust_accuracy"]), "", ""])
    threat = result["threat"]
    title = (
        f"{result['model']}: {result['examples']} images of {result['dataset']}, "
        f"{threat['norm']} {threat['eps']:.4g}"
    )
    headers = ["attack", "accuracy", "success", "seconds"]
    return f"{title}\n{_aligned(rows, headers)}"


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
    return tabulate(rows, headers, colalign=align, disable_numparse=True)
