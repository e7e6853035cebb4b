"""Calibrates Active Defense for a network, on the images that it was trained on."""

from robust_tf import defenses, draws, networks, plans, progress
from robust_tf.config import flagfile
from robust_tf.data.examples import holdout
from robust_tf.data.pipeline import evaluation_dataset
from robust_tf.experiment import data

BATCH = 100
# How many images' steps are counted: their median is what beta is chosen by.
SAMPLE = 100


def calibrate(plan: plans.Calibrate) -> None:
    """Finds delta and beta, and says where they are."""
    network = networks.load(plan.model, dtype="float32")
    features = networks.up_to(network, plan.defense_layer)
    whole, of = data.load(plan.data, "train"), plan.data
    trained_on, _ = holdout(whole, of.holdout, plan.seed, of.per_class)
    images, _, index = data.spread(trained_on, SAMPLE)
    batches = (x for x, *_ in evaluation_dataset(trained_on, BATCH))
    seeds = draws.image_seeds(plan.seed, 0, index)
    line, sigma = progress.Line(), plan.defense_sigma

    def say(so_far: str) -> None:
        if line.due():
            line.show(so_far)

    found = defenses.calibrate(features, batches, images, seeds, sigma, say)
    flagfile.write(
        plan.output,
        defense_layer=plan.defense_layer,
        defense_delta=found.delta,
        defense_beta=found.beta,
        defense_sigma=plan.defense_sigma,
    )
    print(
        f"Feature loss of {len(trained_on):,} training images: {found.training_loss:.4g}; "
        f"delta {found.delta:.4g}\n"
        f"beta {found.beta:.4g}: the median of {len(images)} images takes "
        f"{found.median_steps:.0f} steps\nWritten to {plan.output}"
    )
