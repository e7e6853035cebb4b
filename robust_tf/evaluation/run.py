"""Runs attacks over a data set, streaming, and writes the result.

    judge = Judge(victim, threat, seed=0)
    Evaluation(judge, batches, indices, output=path, about={...}).run({"pgd-20": attack})

Draws are keyed by image, so a result does not depend on the batch size or on where it was stopped.
"""

import pathlib
from collections.abc import Sequence

from robust_tf.attacks import PGD, Attack, Sweep, Transfer, hyperparameters, stages
from robust_tf.evaluation import plots
from robust_tf.evaluation.cascade import Batches, Cascade
from robust_tf.evaluation.judge import Judge, aim_of
from robust_tf.evaluation.keeping import Kept
from robust_tf.evaluation.measure import measure
from robust_tf.evaluation.measured import Line
from robust_tf.evaluation.random_judge import Decisions
from robust_tf.evaluation.result import result
from robust_tf.evaluation.sanity import Findings
from robust_tf.evaluation.saving import Saved
from robust_tf.evaluation.sharing import Part
from robust_tf.evaluation.state import write_json
from robust_tf.evaluation.table import table
from robust_tf.evaluation.verdict import verdict, verdict_table

# How many images a verdict's own measurements are made on.
SAMPLE = 100


class Evaluation:
    """A judge, its images and what is known of them so far.

    Args:
      judge: what is attacked, within which threat model, and what decides.
      batches: gives the (image, label, index) batches of the images of these indices.
      indices: of all images.
      output: the result's file.
      about: what the result says of the model and its data.
      saved: writes the adversarial images.
      findings: of the victim; with them the result ends with a verdict on gradient masking.
      settings: what else an evaluation that goes on must have in common with the stopped one.
      submissions: numbers of times that a random judge is also asked about the same image.
      keep_transfers: a folder for the images that are made on other networks.
      share: (worker, workers) where several evaluate together; the first writes the result.
    """

    def __init__(
        self,
        judge: Judge,
        batches: Batches,
        indices: Sequence[int],
        *,
        output: pathlib.Path,
        about: dict,
        saved: Saved | None = None,
        findings: Findings | None = None,
        settings: dict | None = None,
        submissions: tuple[int, ...] = (),
        keep_transfers: pathlib.Path | None = None,
        share: tuple[int, int] = (0, 1),
    ):
        self.judge, self.batches, self.indices = judge, batches, indices
        self.output, self.saved, self.findings = output, saved, findings
        self.settings, self.submissions = settings or {}, submissions
        self.keep_transfers, self.share = keep_transfers, share
        threat = {"norm": judge.threat.norm, "eps": judge.threat.epsilon}
        self.about = {**about, "threat": threat, "seed": judge.seed, "quantized": judge.quantize}

    def run(self, attacks: dict[str, Attack | Sweep]) -> dict | None:
        """Evaluates, prints the table, and returns the result that it writes.

        Of several workers the first does, when all of them are done, and the others return None.

        Args:
          attacks: by name; "clean" is run whether or not it is among them. An untargeted one is
            run on the images that are right without it, a targeted one on all.
        """
        attacks = {"clean": PGD(self.judge.threat, steps=0), **attacks}
        rows = {
            row: one for name, attack in attacks.items() for row, one in _rows(name, attack).items()
        }
        parameters = {name: hyperparameters(attack) for name, attack in rows.items()}
        settings = {**self.about, **self.settings, "examples": len(self.indices)}
        # Of a measurement, whose rounding may differ between machines that share an evaluation.
        settings.pop("warnings", None)
        settings["saved"] = str(self.saved.folder) if self.saved else None
        decisions = Decisions.enough(self.judge.decisions, rows, self.submissions)
        settings["decisions"] = [decisions.attacked, decisions.clean]
        self.part = Part(self.output, {**settings, "attacks": parameters}, *self.share)
        self.state, self.own = self.part.state, self.part.of(self.indices)
        clean = decisions.clean
        self.cascade = Cascade(
            self.judge, self.batches, self.state, clean, self.saved, self._keeping
        )
        try:
            for name, attack in attacks.items():
                self._attack(name, attack)
        finally:
            self.state.save(force=True)
        if not self.part.finish():
            return None
        self.part.collect(self.indices)
        self._finish_images(rows)
        return self._write(result(self.about, rows, parameters, self.state, decisions))

    def _write(self, found: dict) -> dict:
        """Writes and shows the result, with its verdict."""
        said = table(found)
        # Rows of a random judge are decided more and less often, and say nothing side by side.
        if self.findings and "decisions" not in found:
            lines = self._verdict(found)
            found["gradient_masking"] = [line._asdict() for line in lines]
            said += f"\n\n{verdict_table(lines)}"
        write_json(self.output, found)
        self.part.remove()
        print(f"\n{said}\n")
        picture = self.output.with_suffix(".png")
        if plots.sweep(found, picture):
            print(f"Accuracy against iterations drawn in {picture}")
        print(f"Result written to {self.output}")
        return found

    def _verdict(self, found: dict) -> list[Line]:
        sample = self.batches(self.state.of("clean")["index"][:SAMPLE])
        judge = self.judge
        measured = measure(
            judge.victim, sample, judge.threat, judge.seed, found["attacks"], self.findings
        )
        return verdict(measured)

    def _keeping(self, attack: Attack | Sweep) -> Kept | None:
        """Where the images of a transfer are kept, whoever judges: by the source's name."""
        if self.keep_transfers is None or not isinstance(attack, Transfer):
            return None
        judge, data = self.judge, ("dataset", "image_size", "channels")
        about = {**hyperparameters(attack), "threat": self.about["threat"]}
        about |= {"quantize": judge.quantize, "seed": judge.seed}
        known = {**self.about, **self.settings}
        about |= {name: known.get(name) for name in data}
        about |= {"crop": known["crop"]} if "crop" in known else {}
        return Kept(self.keep_transfers, about)

    def _attack(self, name: str, attack: Attack | Sweep) -> None:
        """Runs what the state does not have of an attack."""
        whole = name == "clean" or aim_of(attack).targeted or self.saved
        standing = self.own if whole else self.state.right("clean")
        if isinstance(attack, Sweep):
            self.cascade.together(attack.attacks, attack, standing)
        else:
            self.cascade.run(name, stages(name, attack), standing)

    def _finish_images(self, rows: dict[str, Attack]) -> None:
        """Collects the images that all workers have written."""
        for row, attack in rows.items():
            if self.saved and row != "clean":
                first = next(iter(stages(row, attack)))
                path = self.saved.finish(row, self.state.of(first)["index"])
                print(f"{row}  images written to {path}")


def _rows(name: str, attack: Attack | Sweep) -> dict[str, Attack]:
    """What gets a row of its own in the result."""
    return attack.attacks if isinstance(attack, Sweep) else {name: attack}
