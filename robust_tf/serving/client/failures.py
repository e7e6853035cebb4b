"""Why a request has no answer: what may pass, what is the request's own fault, and the rest."""

# Enough for a sentence; a server may send a stack trace or a page of HTML.
_MOST_CHARACTERS = 400


class RequestFailed(RuntimeError):
    """There is no answer, and asking again would not help; the message is one sentence."""


class Passing(RequestFailed):
    """It may pass: nobody listens yet, or the server has too much to do.

    Args:
      sentence: what happened.
      wait: the seconds that the server wants to be left alone for.
    """

    def __init__(self, sentence: str, wait: float = 0.0):
        super().__init__(sentence)
        self.wait = wait


class Refused(RequestFailed):
    """What was sent is refused: without the image at fault, the others may be answered."""


class NotFound(RequestFailed):
    """The server has no such model or version, or a site no such page."""


def one_line(text: str) -> str:
    """What a server says, on one line and not too long."""
    line = " ".join(text.split())
    return line if len(line) <= _MOST_CHARACTERS else line[:_MOST_CHARACTERS] + "..."
