"""The lines that the public AutoAttack prints, so that what reads its logs reads ours.

    print(opening("autoattack", ["apgd-ce", "apgd-t"], share=0.57))

Counts are of images; a share is of all images of the evaluation.
"""

from collections.abc import Sequence

# The versions of its authors; every other ensemble is a custom one.
VERSIONS = {
    "autoattack": "standard",
    "autoattack-plus": "plus",
    "autoattack-rand": "rand",
}


def opening(name: str, stages: Sequence[str], share: float) -> str:
    """Before the first stage, with the share of images that are right unattacked."""
    version = VERSIONS.get(name, "custom")
    lines = [f"setting parameters for {version} version"] if name in VERSIONS else []
    lines += [
        f"using {version} version including {', '.join(stages)}.",
        f"initial accuracy: {share:.2%}",
    ]
    return "\n".join(lines)


def batch(stage: str, number: int, count: int, fooled: int, images: int) -> str:
    """After batch `number` of `count`."""
    return f"{stage} - {number}/{count} - {fooled} out of {images} successfully perturbed"


def after(stage: str, share: float, seconds: float) -> str:
    """After a stage, with the seconds since the first began."""
    return f"robust accuracy after {stage.upper()}: {share:.2%} (total time {seconds:.1f} s)"


def closing(norm: str, distance: float, least: float, greatest: float, share: float) -> str:
    """After the last stage: the largest perturbation, the range of the pixels. No NaN gets here."""
    return (
        f"max {norm} perturbation: {distance:.5f}, nan in tensor: 0, "
        f"max: {greatest:.5f}, min: {least:.5f}\nrobust accuracy: {share:.2%}"
    )
