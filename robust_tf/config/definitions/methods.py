"""Flags of the methods: what each minimizes."""

from robust_tf.config import kinds

kinds.number("label_smoothing", 0.0, "a in the labels (1 - a) y + a / classes of the loss", high=1)
kinds.number("trades_lambda", 6.0, "lambda of trades and rlfat_t")
kinds.number("rlfat_eta", None, "eta, the weight of feature transfer (0.5 in rlfat_p, 1 in _t)")
kinds.count("rlfat_blocks", 2, "k, the blocks on each axis of a random block shuffle", low=1)
kinds.switch("rlfat_per_batch", False, "one shuffle for all images of a batch")
kinds.number("bat_beta", 9.0, "beta, how far the true class stays above the largest other", low=1)
kinds.number(
    "bat_gamma",
    0.01,
    "gamma in equation 14, which leaves the most confusing class a share",
    low=1e-9,
)
kinds.choice(
    "bat_labels",
    "adversarial",
    ("adversarial", "smooth", "one_hot"),
    "labels of bat: smooth is what equal gradients give, one_hot an infinite beta",
)
kinds.choice("fpd_input", "noise", ("noise", "attack"), "what fpd trains to restore")
kinds.number("fpd_noise", None, "largest noise of a pixel that fpd trains with (eps)")
kinds.number("fpd_alpha1", 1.0, "alpha1, the weight of cross-entropy in fpd")
kinds.number("fpd_alpha2", 1.0, "alpha2, the weight of restoration in fpd")
kinds.number("fpd_threshold", 0.05, "T, the mean squared error above which fpd only restores")
kinds.count("fpd_phases", 2, "whether fpd trains on its restored images too", low=1, high=2)
kinds.name("smoothing_layer", "group0", "layer whose features smoothing evens out")
kinds.number("smoothing_delta", 0.02, "delta, the feature loss below which smoothing stops")
