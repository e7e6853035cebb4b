"""AutoAttack, its parts alone, and the L2 norm, on the public network of the golden numbers.

    python results/golden.py

Needs the golden numbers beside the project. Writes results/golden.json, and prints what the public
code (PyTorch) leaves of the same 500 images beside what ours does.
"""

import json
import pathlib
import sys
import tempfile

import numpy as np
from tabulate import tabulate

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from robust_tf.attacks import named  # noqa: E402
from robust_tf.evaluation.cores import single_threaded_ops  # noqa: E402
from robust_tf.evaluation.judge import Judge  # noqa: E402
from robust_tf.evaluation.run import Evaluation  # noqa: E402
from robust_tf.threat import Threat  # noqa: E402
from robust_tf.victim import network_victim  # noqa: E402
from tests import golden  # noqa: E402
from tests.evaluation.judging import batches  # noqa: E402

ATTACKS = {
    Threat("Linf", 8 / 255): ("autoattack", "fab-t", "square"),
    Threat("L2", 0.5): ("autoattack",),
}


def main() -> None:
    """Evaluates, and writes what came out."""
    if not golden.SHARED.exists():
        sys.exit(golden.MISSING)
    single_threaded_ops()
    reference, (x, label) = golden.reference(), golden.images()
    victim, rows, found = network_victim(golden.network()), [], {}
    for threat, names in ATTACKS.items():
        with tempfile.TemporaryDirectory() as folder:
            evaluation = Evaluation(
                Judge(victim, threat, seed=0),
                batches(x, label, 250),
                range(500),
                output=pathlib.Path(folder) / "r.json",
                about={"model": "cnn_a_adv4", "dataset": "cifar10"},
            )
            result = evaluation.run({name: named(name, threat, judge=True) for name in names})
        found[f"{threat.norm} {threat.epsilon:.4g}"] = result
        rows += [row for name in names for row in _rows(name, threat, result, reference)]
    (ROOT / "results" / "golden.json").write_text(json.dumps(found, indent=1) + "\n")
    print(tabulate(rows, ["norm", "attack", "ours", "public code", "seconds"]))


def _rows(name: str, threat: Threat, result: dict, reference: dict) -> list[list[str]]:
    row = result["attacks"][name]
    rows = []
    for stage, left in row.get("stages", {name: row}).items():
        theirs = ""
        if name == "autoattack" and threat.norm == "Linf":
            theirs = f"{np.mean(reference[stage.replace('-', '_')]):.1%}"
        accuracy, seconds = f"{left['accuracy']:.1%}", f"{left['seconds']:.1f}"
        what = name if stage == name else f"{name}, after {stage}"
        rows.append([threat.norm, what, accuracy, theirs, seconds])
    return rows


if __name__ == "__main__":
    main()
