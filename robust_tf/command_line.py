"""Runs a command: flags are parsed, and bad input becomes one sentence and exit status 2.

if __name__ == "__main__":
    command_line.run(main, plans.Train)
"""

import dataclasses
import signal
import sys
from collections.abc import Callable, Sequence

from absl import app, flags, logging

from robust_tf.config import definitions
from robust_tf.errors import InputError, Preempted

FLAGS = flags.FLAGS


def run(main: Callable[[], None], *planned: type, more: Sequence[str] = ()) -> None:
    """Parses the command line, calls main, and turns bad input into a sentence and status 2.

    Args:
      main: the command.
      *planned: what it plans, whose fields are the flags that --help lists.
      more: names of further ones.
    """
    names = {*more, *(name for plan in planned for name in _fields(plan))}
    for flag in definitions.all_flags():
        if flag.name in names:
            # absl knows the main module by this name.
            FLAGS.register_key_flag_for_module(sys.argv[0], flag)

    def guarded(argv):
        del argv
        if not FLAGS["verbosity"].present:
            logging.set_verbosity(logging.WARNING)
        answer(main)

    app.run(guarded, flags_parser=_parse)


def answer(main: Callable[[], None]) -> None:
    """Calls main, and turns bad input into a sentence and status 2."""
    try:
        main()
    except InputError as error:
        _refuse(str(error))
    except OSError as error:
        # A folder that is a file, a full disk, no permission: the user's, if it has a name.
        if error.filename is None:
            raise
        _refuse(f"{error.filename} cannot be used: {error.strerror}.")
    except FloatingPointError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
    except Preempted as stopped:
        print(stopped, file=sys.stderr)
        sys.exit(128 + signal.SIGTERM)
    except KeyboardInterrupt:
        print("Interrupted; the same command goes on from here.", file=sys.stderr)
        sys.exit(130)


def _fields(plan: type) -> set[str]:
    """The names of a plan's fields, and of those of its parts."""
    found = set()
    for field in dataclasses.fields(plan):
        found |= _fields(field.type) if dataclasses.is_dataclass(field.type) else {field.name}
    return found


def _parse(argv: list[str]) -> list[str]:
    try:
        rest = FLAGS(argv)
    except flags.Error as error:
        _refuse(" ".join(str(error).split()))
    if len(rest) > 1:
        _refuse(f"{rest[1]!r} is left over; every setting is a flag, as in --dataset=mnist.")
    return rest


def _refuse(sentence: str) -> None:
    print(f"robust_tf: {sentence}", file=sys.stderr)
    sys.exit(2)
