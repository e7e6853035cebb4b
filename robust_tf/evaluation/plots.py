"""Pictures of results."""

import pathlib
import re

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from robust_tf import files


def sweep(result: dict, path: pathlib.Path) -> bool:
    """Draws accuracy and attack success against iterations (figure 1 of papers 1 and 3).

    Returns whether there was anything to draw: an attack that was run with several numbers of
    steps.
    """
    curves: dict[str, list[tuple[int, dict]]] = {}
    for name, row in result["attacks"].items():
        if match := re.fullmatch(r"(.+)-(\d+)", name):
            curves.setdefault(match[1], []).append((int(match[2]), row))
    curves = {kind: sorted(points, key=lambda p: p[0]) for kind, points in curves.items()}
    curves = {kind: points for kind, points in curves.items() if len(points) > 1}
    if not curves:
        return False
    marks = sorted({K for points in curves.values() for K, _ in points})
    figure = Figure(figsize=(9, 3.6), dpi=120, layout="constrained")
    threat = result["threat"]
    figure.suptitle(
        f"{result['model']}: {result['examples']} images of {result['dataset']}, "
        f"{threat['norm']} {threat['eps']:.4g}",
        fontsize=10,
    )
    panels = (("accuracy", "accuracy (%)"), ("success_rate", "attack success (%)"))
    for axis, (key, label) in zip(figure.subplots(1, 2), panels, strict=True):
        for kind, points in curves.items():
            steps = [K for K, _ in points]
            axis.plot(steps, [100 * row[key] for _, row in points], marker="o", label=kind)
        axis.set(xscale="log", xlabel="attack iterations", ylabel=label, ylim=(-2, 102))
        axis.set_xticks(marks, _labels(marks))
        axis.minorticks_off()
        axis.grid(alpha=0.3)
    # In one of them only: it may lie on a curve, and both have the same.
    figure.axes[0].legend()
    with files.replacing(path) as temporary:
        FigureCanvasAgg(figure).print_png(str(temporary))
    return True


def _labels(marks: list[int]) -> list[str]:
    """The numbers of steps, without those that would touch the next one on a logarithmic axis."""
    labels, right = [], float("inf")
    for K in reversed(marks):
        labels.append(str(K) if K * 1.2 <= right else "")
        right = K if labels[-1] else right
    return labels[::-1]
