"""Methods of training by name: each is one paper, in one file."""

from robust_tf.methods.base import Method
from robust_tf.methods.pgd_at import PGDAdversarialTraining
from robust_tf.methods.standard import Standard

METHODS: dict[str, type[Method]] = {
    "standard": Standard,
    "pgd_at": PGDAdversarialTraining,
}
