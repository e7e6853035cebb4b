"""Runs attacks stage by stage, each on the images that those before it left standing.

cascade = Cascade(Judge(victim, threat, seed=0), batches, state)
cascade.run("autoattack", stages("autoattack", attack), standing)
"""

import dataclasses
import math
import time
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from robust_tf import progress
from robust_tf.attacks import Attack, Sweep
from robust_tf.evaluation import public_lines
from robust_tf.evaluation.decisions import KEPT_OF_A_DEFENCE
from robust_tf.evaluation.judge import Judge, Judged
from robust_tf.evaluation.keeping import Kept
from robust_tf.evaluation.saving import Saved
from robust_tf.evaluation.state import OUTCOME, State

Batches = Callable[[Sequence[int]], tf.data.Dataset]


@dataclasses.dataclass
class Cascade:
    """What all stages have in common.

    Attributes:
      judge: says what attacks come to.
      batches: gives the (image, label, index) batches of the images of these indices.
      state: takes the outcomes. Images that it has an outcome of are not attacked again.
      clean_decisions: how often unattacked images are decided.
      saved: writes the adversarial images.
      keeping: what keeps the images of a transfer, for evaluations that judge the same ones.
    """

    judge: Judge
    batches: Batches
    state: State
    clean_decisions: int = 1
    saved: Saved | None = None
    keeping: Callable[[Attack | Sweep], Kept | None] = lambda attack: None

    def run(self, name: str, parts: dict[str, Attack], standing: Sequence[int]) -> None:
        """Each part from the original images, and only those that all before left standing.

        Of several parts it prints the lines that the public AutoAttack prints.
        """
        if len(parts) == 1:
            self.together(parts, next(iter(parts.values())), standing)
            return
        stages = {key: key.removeprefix(f"{name}/") for key in parts}
        share, seconds = self.state.share(["clean"]), 0.0
        print(public_lines.opening(name, list(stages.values()), share))
        done = ["clean"]
        for key, stage in stages.items():
            self._add({key: parts[key]}, parts[key], standing, row=name, stage=stage)
            standing, done = self.state.right(key), [*done, key]
            share, seconds = self.state.share(done), seconds + self.state.of(key)["seconds"]
            print(public_lines.after(stage, share, seconds), flush=True)
        extremes = self.state.extremes(("clean", *parts))
        print(public_lines.closing(self.judge.threat.norm, *extremes, share))

    def together(
        self, attacks: dict[str, Attack], call: Attack | Sweep, standing: Sequence[int]
    ) -> None:
        """Attacks by name, all on the same images: `call` makes those of them all."""
        self._add(attacks, call, standing)
        for key in attacks if standing else ():
            outcome = self.state.of(key)
            print(f"{self._so_far(key, len(standing))}  {outcome['seconds']:.1f} s", flush=True)

    def _add(
        self, attacks: dict, call, standing: Sequence[int], row: str = "", stage: str = ""
    ) -> None:
        """Adds the outcomes that the state does not have yet, showing how far it is.

        Args:
          attacks: by the names of their outcomes.
          call: makes the images of them all.
          standing: indices of the images that are attacked.
          row: which row of the result it is a stage of, where that has another name.
          stage: what the public AutoAttack calls it, of several.
        """
        first = next(iter(attacks))
        done = set(self.state.of(first)["index"])
        rest = [index for index in standing if index not in done]
        if not rest:
            return
        data, line, begun = self.batches(rest), progress.Line(), time.monotonic()
        judge = self.judge
        if first == "clean":
            judge = dataclasses.replace(judge, decisions=self.clean_decisions)
        judged = judge.of(attacks, call, data.element_spec, self.keeping(call))
        made, size = 0, 0
        for number, (x, label, index) in enumerate(data, 1):
            started = time.monotonic()
            found = judged(x, label, index)
            if self.saved and first != "clean":
                for key, one in found.items():
                    self.saved.add(row or key, index.numpy(), one.x_adv)
            outcomes = {key: _plain(index, one) for key, one in found.items()}
            self.state.add(outcomes, time.monotonic() - started)
            self.state.save()
            made, size = made + len(index), max(size, len(index))
            if stage:
                fooled = round(len(index) - float(np.sum(found[first].right)))
                count = math.ceil(len(rest) / size)
                line.keep(public_lines.batch(stage, number, count, fooled, len(index)))
            if line.due():
                left = (time.monotonic() - begun) / made * (len(rest) - made)
                so_far = self._so_far(first, len(done) + len(rest))
                line.show(f"{so_far}  {progress.duration(left)} left")

    def _so_far(self, key: str, count: int) -> str:
        outcome = self.state.of(key)
        so_far = f"{key}  {len(outcome['index'])}/{count} images"
        # Of several decisions on an image, the share counts.
        if key == "clean":
            return f"{so_far}, {sum(outcome['right']):.5g} right"
        return f"{so_far}, {sum(outcome['hit']):.5g} successfully perturbed"


def _plain(index: tf.Tensor, found: Judged) -> dict[str, list]:
    """A batch's outcomes as the state has them."""
    said = {name: getattr(found, name) for name in (*OUTCOME, *KEPT_OF_A_DEFENCE)}
    outcome = {name: values.tolist() for name, values in said.items() if values is not None}
    return {"index": index.numpy().tolist(), **outcome}
