"""TensorFlow Serving's REST."""

import base64
import json
import urllib.parse
from collections.abc import Sequence
from typing import Any

import requests

from robust_tf.serving.client import http
from robust_tf.serving.client.failures import RequestFailed
from robust_tf.serving.client.options import QueryOptions
from robust_tf.serving.client.signatures import Signature

_MOST_BYTES = 2**28


class Rest:
    """A server that is asked in JSON.

    Args:
      options: its address, the model and its version or label.
    """

    def __init__(self, options: QueryOptions):
        model = urllib.parse.quote(options.model, safe="")
        self._url = f"{options.address}/v1/models/{model}"
        if options.version is not None:
            self._url += f"/versions/{options.version}"
        if options.label is not None:
            self._url += f"/labels/{urllib.parse.quote(options.label, safe='')}"
        self._session = requests.Session()

    def signatures(self, seconds: float) -> dict[str, Any]:
        """The signatures of the model by name."""
        found = self._ask("GET", "/metadata", seconds)
        try:
            return dict(found["metadata"]["signature_def"]["signature_def"])
        except (KeyError, TypeError, ValueError):
            raise RequestFailed(f"{self._url}/metadata lists no signatures.") from None

    def predict(
        self, signature: Signature, contents: Sequence[bytes], seconds: float
    ) -> dict[str, Any]:
        """The outputs of a signature by name, each with a row for each file.

        By columns, since by rows every output would need as many rows as there are images.
        """
        rows = [{"b64": base64.b64encode(content).decode()} for content in contents]
        body = {"signature_name": signature.name, "inputs": {signature.input: rows}}
        outputs = self._ask("POST", ":predict", seconds, json=body).get("outputs")
        # An output that is alone comes without its name.
        return {signature.outputs[0]: outputs} if len(signature.outputs) == 1 else outputs

    def close(self) -> None:
        """Ends the connections."""
        self._session.close()

    def _ask(self, method: str, verb: str, seconds: float, **request) -> dict[str, Any]:
        url = self._url + verb
        # Following a redirect, requests would make a GET of a POST.
        body = http.exchange(
            self._session,
            method,
            url,
            seconds=seconds,
            most=_MOST_BYTES,
            allow_redirects=False,
            **request,
        )
        try:
            answer = json.loads(body)
        except (ValueError, RecursionError):
            answer = None
        if not isinstance(answer, dict):
            raise RequestFailed(f"{url} did not answer with a JSON object.")
        return answer
