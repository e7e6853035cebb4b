"""Trains what a plan describes, on every worker, and writes the run directory."""

import functools
import pathlib

import keras
import tensorflow as tf

from robust_tf import backup, building, callbacks, distribute, pictures, plans
from robust_tf.config import flagfile
from robust_tf.data.examples import holdout
from robust_tf.data.failures import raise_from_stream
from robust_tf.data.pipeline import (
    evaluation_dataset,
    training_dataset,
    validation_batches,
    validation_dataset,
)
from robust_tf.errors import InputError
from robust_tf.experiment import preview, processor
from robust_tf.experiment.data import SOURCE, checksum, keep_class_names, load
from robust_tf.experiment.exporting import publish
from robust_tf.preemption import Backups, Termination


def train(plan: plans.Train) -> None:
    """Trains, or goes on training, and says where everything is."""
    _refuse_imported(plan.run_dir)
    strategy = distribute.strategy()
    keras.utils.set_random_seed(plan.seed)
    if plan.deterministic:
        tf.config.experimental.enable_op_determinism()
    chief = distribute.is_chief(strategy)
    flagfile.refuse_changes(plan.run_dir)
    whole, data = load(plan.data, "train"), plan.data
    train_set, val_set = holdout(whole, data.holdout, plan.seed, data.per_class)
    steps = preview.steps_per_epoch(plan, len(train_set))
    with strategy.scope():
        method = building.method(plan, train_set.image_shape, len(train_set.class_names), steps)
    progress = _begun(plan, method, strategy, train_set, steps)
    if chief:
        flagfile.save(plan.run_dir)
        keep_class_names(plan.run_dir, train_set.class_names)
    if progress.epochs < plan.epochs:
        if chief:
            _preview(plan, method, strategy, train_set)
        _fit(plan, method, strategy, train_set, val_set, steps, progress)
    if chief:
        _finish(plan)


def _refuse_imported(run_dir: pathlib.Path) -> None:
    if (run_dir / SOURCE).exists():
        raise InputError(
            f"--run_dir={run_dir} holds an imported network, which training would replace; "
            "expected another folder."
        )


def _begun(plan, method, strategy, train_set, steps) -> backup.Progress:
    """How far the run is, which must be the same run, and the same data, for all workers."""
    progress, data = backup.restore(plan.run_dir, method), checksum(train_set)
    updates = progress.epochs * steps + progress.steps
    if not distribute.same_everywhere(strategy, updates):
        raise InputError(
            f"--run_dir={plan.run_dir} is not the same for all workers: this one finds "
            f"{updates} updates there; expected a folder that all of them share."
        )
    if not distribute.same_everywhere(strategy, data):
        raise InputError(
            f"--data_dir={plan.data.data_dir} does not hold the same images for all workers: "
            f"this one trains on {len(train_set):,}; expected equal copies, or one that they share."
        )
    if progress.data not in (0, data):
        raise InputError(
            f"{plan.run_dir} was begun with other images than the {len(train_set):,} that "
            f"--data_dir={plan.data.data_dir} has for it now; expected those, or another --run_dir."
        )
    return progress._replace(data=data)


def _preview(plan, method, strategy, train_set) -> None:
    shape, classes = train_set.image_shape, len(train_set.class_names)
    cluster = preview.Cluster.of(strategy)
    data = preview.Data(len(train_set), shape, classes)
    print(preview.text(plan, method.network, data, cluster), flush=True)
    if sentence := processor.warning(plan):
        print(f"WARNING: {sentence}", flush=True)


def _fit(plan, method, strategy, train_set, val_set, steps, begun) -> None:
    """Runs Keras' fit on every worker's own share of the data."""
    done = begun.epochs * steps + begun.steps
    try:
        with Termination() as termination:
            method.fit(
                _training_batches(plan, strategy, train_set, done),
                epochs=plan.epochs,
                initial_epoch=begun.epochs,
                steps_per_epoch=steps,
                validation_data=_validation_batches(plan, strategy, val_set),
                validation_steps=validation_batches(val_set, plan.batch_size),
                callbacks=_callbacks(plan, strategy, val_set, begun, termination),
                shuffle=False,
                verbose=0,
            )
    except tf.errors.OpError as error:
        raise_from_stream(error)
        raise


def _training_batches(plan, strategy, train_set, done: int):
    def share(context):
        return training_dataset(
            train_set,
            batch_size=plan.batch_size,
            seed=plan.seed,
            start=done,
            shard=(context.input_pipeline_id, context.num_input_pipelines),
            replicas=distribute.local_replicas(strategy),
            augment=plan.data.augment,
            processes=plan.data.data_processes,
        )

    return strategy.distribute_datasets_from_function(share)


def _validation_batches(plan, strategy, val_set):
    def share(context):
        shard = (context.input_pipeline_id, context.num_input_pipelines)
        replicas = distribute.local_replicas(strategy)
        # fit goes on with one iterator from epoch to epoch.
        return validation_dataset(val_set, plan.batch_size, shard, replicas).repeat()

    return strategy.distribute_datasets_from_function(share)


def _callbacks(plan, strategy, val_set, begun, termination) -> list[keras.callbacks.Callback]:
    """What every worker does, and what the chief alone does: write."""
    averaging = callbacks.AveragedEvaluation()
    everyone = [callbacks.NaNStop(plan.run_dir), callbacks.SharedStatistics(), averaging]
    backups = functools.partial(
        Backups,
        termination,
        distribute.any_worker(strategy),
        begun,
        every=plan.backup_every,
        stop_averaging=averaging.swap.close,
    )
    if not distribute.is_chief(strategy):
        return [*everyone, backups(write=None)]
    callbacks.trim_history(plan.run_dir / "history.csv", begun.epochs)
    monitor = "val_accuracy" if plan.val_attack == "clean" else "val_adv_accuracy"
    checkpoints = callbacks.Checkpoints(plan.run_dir, monitor, begun)
    return [
        callbacks.ProgressLine(plan.batch_size, begun),
        *everyone,
        *_records(plan.run_dir, val_set),
        checkpoints,
        # The last one: an epoch is saved before its end may be the run's.
        backups(write=checkpoints.back_up),
    ]


def _records(run_dir, val_set) -> list[keras.callbacks.Callback]:
    """What shows the course of the training."""
    drawn = next(iter(evaluation_dataset(val_set, 8)))
    return [
        keras.callbacks.CSVLogger(str(run_dir / "history.csv"), append=True),
        keras.callbacks.TensorBoard(str(run_dir / "tb"), write_graph=False),
        pictures.ImageGrid(run_dir / "tb" / "images", drawn, val_set.class_names),
    ]


def _finish(plan: plans.Train) -> None:
    """Exports where that was asked for and is not done, and says where everything is."""
    print(f"Run written to {plan.run_dir} (checkpoints/best.keras, history.csv, tb/)")
    done = plan.run_dir / "exported.txt"
    if plan.export_dir is None or (done.exists() and plan.export_dir in _exports(done)):
        return
    version = publish(plan.run_dir, plan.export_dir, plan.keep_exports, crop=plan.data.crop)
    with done.open("a") as file:
        file.write(f"{version}\n")


def _exports(path: pathlib.Path) -> list[pathlib.Path]:
    """The folders that versions of this run have been exported to."""
    return [pathlib.Path(line).parent for line in path.read_text().splitlines()]
