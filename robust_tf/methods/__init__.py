"""Methods of training by name: each is one paper, in one file."""

from robust_tf.methods.base import Method
from robust_tf.methods.bat import BilateralAdversarialTraining
from robust_tf.methods.fpd import FPDTraining
from robust_tf.methods.pgd_at import PGDAdversarialTraining
from robust_tf.methods.rlfat import RLFATP, RLFATT
from robust_tf.methods.smoothing import FeatureSmoothing
from robust_tf.methods.standard import Standard
from robust_tf.methods.trades import TRADES

METHODS: dict[str, type[Method]] = {
    "standard": Standard,
    "pgd_at": PGDAdversarialTraining,
    "trades": TRADES,
    "rlfat_p": RLFATP,
    "rlfat_t": RLFATT,
    "bat": BilateralAdversarialTraining,
    "fpd": FPDTraining,
    "smoothing": FeatureSmoothing,
}
