"""Runs attacks over a data set, streaming, and writes the result.

    run(victim, batches, indices, {"pgd-20": attack}, output=path, seed=0, about={...})

Draws are keyed by image, so a result does not depend on the batch size or on where it was stopped.
"""

import pathlib
import time
from collections.abc import Callable, Sequence

import tensorflow as tf

from robust_tf import progress
from robust_tf.attacks import PGD, Attack, Sweep, hyperparameters, stages
from robust_tf.evaluation import plots
from robust_tf.evaluation.judge import Judged, aim_of, judge
from robust_tf.evaluation.measure import measure
from robust_tf.evaluation.measured import Line
from robust_tf.evaluation.result import result
from robust_tf.evaluation.sanity import Findings
from robust_tf.evaluation.saving import Saved
from robust_tf.evaluation.state import State, write_json
from robust_tf.evaluation.table import table
from robust_tf.evaluation.verdict import verdict, verdict_table
from robust_tf.threat import Threat
from robust_tf.victim import Victim

Batches = Callable[[Sequence[int]], tf.data.Dataset]
# How many images a verdict's own measurements are made on.
SAMPLE = 100
VERSIONS = {
    "autoattack": "standard version",
    "autoattack-plus": "plus version",
    "autoattack-rand": "rand version",
}


class Evaluation:
    """A victim, its images and what is known of them so far.

    Args:
      victim: what is attacked, and what judges.
      batches: gives the (image, label, index) batches of the images of these indices.
      indices: of all images.
      threat: the threat model that is judged by.
      output: the result's file.
      seed: of all random draws.
      about: what the result says of the model and its data.
      quantize: adversarial images are put on the 8-bit grid before they are judged.
      saved: writes the adversarial images.
      findings: of the victim; with them the result ends with a verdict on gradient masking.
      settings: what else an evaluation that goes on must have in common with the stopped one.
    """

    def __init__(
        self,
        victim: Victim,
        batches: Batches,
        indices: Sequence[int],
        *,
        threat: Threat,
        output: pathlib.Path,
        seed: int,
        about: dict,
        quantize: bool = False,
        saved: Saved | None = None,
        findings: Findings | None = None,
        settings: dict | None = None,
    ):
        self.victim, self.batches, self.indices, self.threat = victim, batches, indices, threat
        self.output, self.seed, self.quantize, self.saved = output, seed, quantize, saved
        self.findings, self.settings = findings, settings or {}
        self.about = {**about, "threat": {"norm": threat.norm, "eps": threat.epsilon}, "seed": seed}
        self.about["quantized"] = quantize

    def run(self, attacks: dict[str, Attack | Sweep]) -> dict:
        """Evaluates, prints the table, and returns the result that it writes.

        Args:
          attacks: by name; "clean" is run whether or not it is among them. An untargeted one is
            run on the images that are right without it, a targeted one on all.
        """
        attacks = {"clean": PGD(self.threat, steps=0), **attacks}
        rows = {
            row: one for name, attack in attacks.items() for row, one in _rows(name, attack).items()
        }
        parameters = {name: hyperparameters(attack) for name, attack in rows.items()}
        settings = {**self.about, **self.settings, "examples": len(self.indices)}
        settings["saved"] = str(self.saved.folder) if self.saved else None
        self.state = State(self.output, {**settings, "attacks": parameters})
        try:
            for name, attack in attacks.items():
                self._attack(name, attack)
        finally:
            self.state.save(force=True)
        found = result(self.about, rows, parameters, self.state)
        said = table(found)
        if self.findings:
            lines = self._verdict(found)
            found["gradient_masking"] = [line._asdict() for line in lines]
            said += f"\n\n{verdict_table(lines)}"
        write_json(self.output, found)
        self.state.remove()
        print(f"\n{said}\n")
        picture = self.output.with_suffix(".png")
        if plots.sweep(found, picture):
            print(f"Accuracy against iterations drawn in {picture}")
        print(f"Result written to {self.output}")
        return found

    def _verdict(self, found: dict) -> list[Line]:
        sample = self.batches(self.state.of("clean")["index"][:SAMPLE])
        measured = measure(
            self.victim, sample, self.threat, self.seed, found["attacks"], self.findings
        )
        return verdict(measured)

    def _attack(self, name: str, attack: Attack | Sweep) -> None:
        """Runs what the state does not have of an attack."""
        whole = name == "clean" or aim_of(attack).targeted or self.saved
        standing = self.indices if whole else self.state.right("clean")
        if isinstance(attack, Sweep):
            self._stage(attack.attacks, attack, standing)
        else:
            self._cascade(name, stages(name, attack), standing)
        if self.saved and name != "clean":
            for row in _rows(name, attack):
                first = next(iter(stages(row, _rows(name, attack)[row])))
                path = self.saved.finish(row, self.state.of(first)["index"])
                print(f"{row}  images written to {path}")

    def _cascade(self, name: str, parts: dict[str, Attack], standing: Sequence[int]) -> None:
        """Each part from the original images, and only those that all before left standing.

        Of an ensemble it prints the lines that the public AutoAttack prints.
        """
        seconds, several = 0.0, len(parts) > 1
        names = [key.removeprefix(f"{name}/") for key in parts]
        if several:
            print(f"using {VERSIONS.get(name, name)} including {', '.join(names)}.")
            print(f"initial accuracy: {self._share(self.state.right('clean'))}")
        for stage, (key, one) in zip(names, parts.items(), strict=True):
            self._stage({key: one}, one, standing, name)
            standing = self.state.right(key)
            seconds += self.state.of(key)["seconds"]
            if several:
                said = f"{self._share(standing)} (total time {seconds:.1f} s)"
                print(f"robust accuracy after {stage.upper()}: {said}", flush=True)

    def _share(self, standing: Sequence[int]) -> str:
        return f"{len(standing) / max(1, len(self.state.of('clean')['index'])):.2%}"

    def _stage(self, attacks: dict, together, standing: Sequence[int], row: str = "") -> None:
        """Adds the outcomes of the images that the state does not have yet.

        Args:
          attacks: one, or those of a sweep, by the names of their outcomes.
          together: the call that makes the images of them all.
          standing: indices of the images that are attacked.
          row: which row of the result it is a stage of, where that has another name.
        """
        done = set(self.state.of(next(iter(attacks)))["index"])
        rest = [index for index in standing if index not in done]
        line = progress.Line()
        if rest:
            self._rest(attacks, together, rest, row, line)
        for key in attacks if standing else ():
            outcome = self.state.of(key)
            line.keep(f"{self._so_far(key, len(standing))}  {outcome['seconds']:.1f} s")

    def _rest(
        self, attacks: dict, together, rest: Sequence[int], row: str, line: progress.Line
    ) -> None:
        """Attacks these images, showing how far it is."""
        data, first = self.batches(rest), next(iter(attacks))
        options = {"seed": self.seed, "quantize": self.quantize, "signature": data.element_spec}
        judged = judge(attacks, together, self.victim, self.threat, **options)
        begun = time.monotonic()
        before = len(self.state.of(first)["index"])
        for x, label, index in data:
            started = time.monotonic()
            found = judged(x, label, index)
            if self.saved and first != "clean":
                for key, one in found.items():
                    self.saved.add(row or key, index.numpy(), one.x_adv)
            outcomes = {key: _plain(index, one) for key, one in found.items()}
            self.state.add(outcomes, time.monotonic() - started)
            self.state.save()
            if line.due():
                made = len(self.state.of(first)["index"]) - before
                left = (time.monotonic() - begun) / made * (len(rest) - made)
                text = self._so_far(first, before + len(rest))
                line.show(f"{text}  {progress.duration(left)} left")

    def _so_far(self, key: str, count: int) -> str:
        outcome = self.state.of(key)
        made, right = len(outcome["index"]), sum(outcome["right"])
        if key == "clean":
            return f"clean  {made}/{count} images, {right} right"
        return f"{key}  {made}/{count} images, {made - right} successfully perturbed"


def _plain(index: tf.Tensor, found: Judged) -> dict[str, list]:
    """A batch's outcomes as the state has them."""
    return {
        "index": index.numpy().tolist(),
        "right": found.right.tolist(),
        "hit": found.hit.tolist(),
        "distance": found.distance.tolist(),
    }


def _rows(name: str, attack: Attack | Sweep) -> dict[str, Attack]:
    """What gets a row of its own in the result."""
    return attack.attacks if isinstance(attack, Sweep) else {name: attack}
