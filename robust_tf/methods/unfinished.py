"""What a backup in the middle of an epoch holds beside weights and optimizer, and going on there.

kept = {**method.unfinished.means(), **method.unfinished.statistics()}
method.unfinished.go_on(steps, kept)          # in another process, before fit
"""

from collections.abc import Mapping

import keras
import numpy as np

from robust_tf.methods.statistics import OwnStatistics


class Unfinished:
    """An epoch that is begun.

    Every worker calls what it is asked for, since replicas exchange what they have.

    Args:
      method: what trains.
      metrics: its means by name.
      own: the moving statistics of its replicas.
    """

    def __init__(
        self, method: keras.Model, metrics: Mapping[str, keras.metrics.Mean], own: OwnStatistics
    ):
        self._method, self._own = method, own
        self._variables = {
            f"{name}_{part}": getattr(mean, part)
            for name, mean in metrics.items()
            for part in ("total", "count")
        }

    def means(self) -> dict[str, np.ndarray]:
        """What the metrics hold of this epoch."""
        return {name: variable.numpy() for name, variable in self._variables.items()}

    def statistics(self) -> dict[str, np.ndarray]:
        """What each replica has of its own; nothing where there is but one."""
        rows = self._own.rows() if self._own.differ else []
        return {f"statistic{i}": row for i, row in enumerate(rows)}

    def go_on(self, steps: int, kept: Mapping[str, np.ndarray]) -> None:
        """Has fit pass over the updates of its first epoch that are done.

        Keras knows one number of steps for all epochs, and would begin another iterator for a fit
        of the rest.

        Args:
          steps: how many are done.
          kept: means and statistics after them.
        """
        count = sum(name.startswith("statistic") for name in kept)
        if count:
            self._own.assign([kept[f"statistic{i}"] for i in range(count)])
        method, left, logs = self._method, steps, {}
        method.make_train_function()
        update = method.train_function

        def pass_over(iterator):
            nonlocal left, logs
            if left == steps:
                # Not before: fit has just reset them.
                for name, variable in self._variables.items():
                    variable.assign(kept[name])
                logs = method.get_metrics_result()
            left -= 1
            if not left:
                method.train_function = update
            return logs

        method.train_function = pass_over
