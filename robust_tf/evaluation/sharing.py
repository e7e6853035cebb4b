"""An evaluation on several workers: each takes its share of the images, and one puts them together.

    part = Part(output, settings, worker=1, workers=4)
    ... outcomes of part.of(indices) go to part.state ...
    part.finish()                             # the others are done, and the first one goes on
    part.collect(indices)                     # now its state is that of all images

Nothing but files passes between them. A worker that was stopped goes on by itself, and workers of
another number or of other settings have parts of their own.
"""

import os
import pathlib
import time
from collections.abc import Sequence

from robust_tf import progress
from robust_tf.errors import InputError
from robust_tf.evaluation.state import State

_POLL_SECONDS = 1.0


class Part:
    """A worker's part of an evaluation.

    Args:
      output: the result's file, on a disk that all workers share.
      settings: as State has them.
      worker: which one it is; the first writes the result.
      workers: how many there are.
    """

    def __init__(self, output: pathlib.Path, settings: dict, worker: int, workers: int):
        self._output, self._worker, self._workers = output, worker, workers
        name = f"-{worker}-of-{workers}" if workers > 1 else ""
        self.state = State(output, settings, name)
        if workers == 1:
            return
        finished = self.state.read(self._finished(worker))
        if finished is None:
            # Of other settings.
            self._finished(worker).unlink(missing_ok=True)
        else:
            self.state.stages = finished

    def of(self, indices: Sequence[int]) -> Sequence[int]:
        """This worker's share of all images, which lie class by class in some sets."""
        if len(indices) < self._workers:
            raise InputError(
                f"{len(indices)} images cannot be shared by {self._workers} workers; expected at "
                "least one for each."
            )
        return indices[self._worker :: self._workers]

    def finish(self) -> bool:
        """Hands the part on; whether this worker is the one that puts all together."""
        self.state.save(force=True)
        if self._worker:
            os.replace(self.state.path, self._finished(self._worker))
            print(
                f"Part {self._worker + 1} of {self._workers} is done; worker 0 writes the result."
            )
        return not self._worker

    def collect(self, indices: Sequence[int]) -> None:
        """Waits for the others' parts, and puts the outcomes of all in the order of the images."""
        parts, line = {0: self.state.stages}, progress.Line()
        while waiting := [k for k in range(self._workers) if k not in parts]:
            for worker in waiting:
                found = self.state.read(self._finished(worker))
                if found is not None:
                    parts[worker] = found
            if line.due():
                line.show(f"waiting for the parts of workers {', '.join(map(str, waiting))}")
            if len(parts) < self._workers:
                time.sleep(_POLL_SECONDS)
        if self._workers > 1:
            self.state.stages = _together([parts[k] for k in range(self._workers)], indices)

    def remove(self) -> None:
        """Once the result is written, the parts have served."""
        self.state.remove()
        for worker in range(1, self._workers):
            self._finished(worker).unlink(missing_ok=True)

    def _finished(self, worker: int) -> pathlib.Path:
        name = f".{self._output.stem}.part-{worker}-of-{self._workers}.json"
        return self._output.with_name(name)


def _together(parts: list[dict[str, dict]], indices: Sequence[int]) -> dict[str, dict]:
    """The stages of all images, each in the order of the images, its seconds those of all."""
    place = {index: row for row, index in enumerate(indices)}
    stages = {}
    for stage in dict.fromkeys(name for part in parts for name in part):
        found = [part[stage] for part in parts if stage in part]
        columns = dict.fromkeys(name for one in found for name in one if name != "seconds")
        rows = {name: sum((one.get(name, []) for one in found), []) for name in columns}
        order = sorted(range(len(rows["index"])), key=lambda row: place[rows["index"][row]])
        stages[stage] = {name: [row[i] for i in order] for name, row in rows.items()}
        stages[stage]["seconds"] = sum(one["seconds"] for one in found)
    return stages
