"""Flags of the defence at inference."""

from robust_tf.config import kinds

kinds.choice(
    "defense", "none", ("none", "active"), "paper 4's Active Defense, or the network alone"
)
kinds.name("defense_layer", None, "layer whose feature loss is descended (calibrate's; group0)")
kinds.number(
    "defense_delta",
    None,
    "delta, the feature loss at which an image is done (calibrate's; the paper's for cifar10 and "
    "cifar100)",
)
kinds.number("defense_beta", None, "beta, the step size (calibrate's; 80)", low=1e-9)
kinds.number("defense_sigma", None, "sigma of the uniform noise (calibrate's; 0.075)")
kinds.count("defense_cap", 1000, "most steps of an image; 0 is noise alone")
kinds.switch("defense_clip", False, "each step ends in [0, 1]")
kinds.counts(
    "defense_loops",
    "outer loops, whose softmaxes are averaged (1); of several, as in 1,10, each further one is an "
    "export's signature of its own, defended_10",
)
kinds.switch(
    "defense_seeded",
    False,
    "exports a signature that takes the noise's seeds as well: for tests, for whoever chooses the "
    "seeds chooses the noise",
)
kinds.count(
    "defense_attacked_cap",
    None,
    "most steps of the loop that gradients go through; what decides takes all (--defense_cap)",
)
kinds.number(
    "defense_attacked_beta",
    None,
    "step size of the loop that gradients go through, larger where it has fewer steps "
    "(--defense_beta)",
    low=1e-9,
)
kinds.count(
    "decisions",
    None,
    "decisions of a random defence on each image, each with noise that no attack has seen; their "
    "share counts (5)",
    low=1,
)
kinds.counts("submissions", "numbers of times that an image is submitted, as in 1,10,100")
kinds.name(
    "keep_transfers",
    None,
    "folder for the images of transfers, which an evaluation of another defence then judges too",
)
