"""Every flag, defined once, by what it is about: python -m robust_tf.train --helpfull lists
them, and --help those of its command.

Where the default is None, the text says what decides; the values are in defaults.py.
"""

from absl import flags

from robust_tf.config.definitions import (
    attack,
    competition,
    data,
    defense,
    evaluation,
    methods,
    network,
    serving,
    training,
)

_GROUPS = (data, network, attack, methods, training, defense, evaluation, competition, serving)


def all_flags() -> list[flags.Flag]:
    """All of them, group by group."""
    by_module = flags.FLAGS.flags_by_module_dict()
    return [flag for group in _GROUPS for flag in by_module[group.__name__]]
