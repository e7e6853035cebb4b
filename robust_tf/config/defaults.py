"""What a flag is where nobody gives it, by data set and by method.

The networks, epochs and rates are those that train in minutes, or hours, on a small machine; the
recipes of the papers are in flags/.
"""

_DIGITS = dict(eps=0.2, network="wrn-10-1", epochs=30, batch_size=64, lr=0.1, holdout=0.1)
_MNIST = dict(eps=0.3, network="cnn-small", epochs=10, batch_size=128, holdout=0.02)
_MNIST |= dict(attack_warmup_epochs=2.0, optimizer="adam", weight_decay=0.0)
_SMALL = dict(eps=8 / 255, network="wrn-16-2", epochs=30, batch_size=128, lr=0.1, holdout=0.02)
_LARGE = dict(eps=8 / 255, network="resnet-50", epochs=30, batch_size=32, holdout=0.05)
_IMAGENET = {**_LARGE, "crop": "center", "holdout": 0.01}
BY_DATASET = {
    "digits": _DIGITS,
    "mnist": _MNIST,
    "fashion_mnist": {**_MNIST, "eps": 0.1},
    "cifar10": _SMALL,
    "cifar100": _SMALL,
    "svhn": {**_SMALL, "lr": 0.05},
    "stl10": {**_SMALL, "batch_size": 32, "lr": 0.05, "holdout": 0.1},
    "caltech101": _LARGE,
    "caltech256": _LARGE,
    "imagenet": _IMAGENET,
    "nips2017": _LARGE,
    "folder": _LARGE,
    "lmdb": _LARGE,
    "fake": {**_DIGITS, "eps": 8 / 255, "epochs": 2, "holdout": 0.1},
}

# What a method's paper says of its attack.
_TRADES = dict(attack_loss="kl", attack_start="gaussian")
BY_METHOD = {
    "trades": _TRADES,
    "rlfat_p": dict(rlfat_eta=0.5),
    "rlfat_t": dict(**_TRADES, rlfat_eta=1.0),
    "bat": dict(attack_steps=1, attack_target="most_confusing"),
    "fpd": dict(fpd="full", optimizer="adam", weight_decay=0.0),
}

# Of sets that do not say otherwise; the rates here and above are sgd's.
OTHERWISE = dict(
    attack_loss="ce",
    attack_start="uniform",
    attack_steps=10,
    attack_target="none",
    attack_warmup_epochs=0.0,
    crop="none",
    export_dir="none",
    fpd="none",
    head="linear",
    lr=0.05,
    optimizer="sgd",
    weight_decay=5e-4,
)
ADAM_LR = 0.001
