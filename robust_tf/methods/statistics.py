"""What replicas have of their own while they train: batch norm's moving statistics."""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf


class OwnStatistics:
    """The moving statistics of a network, which each replica moves by its own batches.

    Every worker calls what it is asked for, since replicas exchange them.

    Args:
      network: whose statistics.
      strategy: that its variables were made in.
    """

    def __init__(self, network: keras.Model, strategy: tf.distribute.Strategy):
        variables = [v.value for v in network.non_trainable_variables]
        self._variables = [v for v in variables if v.dtype.is_floating]
        self._strategy = strategy
        # Where there is one replica, or none of them, nothing is exchanged.
        self.differ = strategy.num_replicas_in_sync > 1 and bool(self._variables)
        self._share, self._gather = self._on_replicas(_means), self._on_replicas(_rows)

    def share(self) -> None:
        """Gives all replicas the mean of theirs."""
        if self.differ:
            self._share()

    def rows(self) -> list[np.ndarray]:
        """Each statistic of all replicas, a row a replica."""
        gathered = self._gather()
        return [self._strategy.experimental_local_results(g)[0].numpy() for g in gathered]

    def assign(self, rows: list[np.ndarray]) -> None:
        """Gives each replica its row, and all of them the mean where they are not as many."""
        replicas = self._strategy.num_replicas_in_sync
        if len(rows[0]) != replicas:
            rows = [np.broadcast_to(row.mean(0), (replicas, *row.shape[1:])) for row in rows]

        def own(rows: list[tf.Tensor]) -> None:
            replica = tf.distribute.get_replica_context().replica_id_in_sync_group
            for variable, row in zip(self._variables, rows, strict=True):
                variable.assign(row[replica])

        graph = tf.function(lambda r: self._strategy.run(own, (r,)), autograph=False)
        graph([tf.constant(row) for row in rows])

    def _on_replicas(self, call: Callable) -> Callable:
        return tf.function(lambda: self._strategy.run(call, (self._variables,)), autograph=False)


def _means(variables: list[tf.Variable]) -> None:
    context = tf.distribute.get_replica_context()
    own = [tf.identity(variable) for variable in variables]
    means = context.all_reduce(tf.distribute.ReduceOp.MEAN, own)
    for variable, mean in zip(variables, means, strict=True):
        variable.assign(mean)


def _rows(variables: list[tf.Variable]) -> list[tf.Tensor]:
    context = tf.distribute.get_replica_context()
    return [context.all_gather(tf.identity(variable)[None], axis=0) for variable in variables]
