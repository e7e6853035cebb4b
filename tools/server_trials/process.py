"""python -m robust_tf.serve in a process of its own, for the tools that try the server.

with ServedProcess("exports/digits", "--max_batch=16") as server:
    requests.get(server.rest)  # http://127.0.0.1:PORT/v1/models/digits
"""

import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]


class ServedProcess:
    """A server on free ports, once it answers; killed at the end if it still runs.

    Args:
      model_dir: what it serves.
      *flags: of robust_tf.serve.

    Attributes:
      rest: the model's URL.
      grpc: its address.
    """

    def __init__(self, model_dir: str | pathlib.Path, *flags: str):
        line = [sys.executable, "-m", "robust_tf.serve", f"--model_dir={model_dir}"]
        line += ["--rest_port=0", "--grpc_port=0", *flags]
        self._log = tempfile.TemporaryFile("w+")
        self._process = subprocess.Popen(
            line,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        self.rest = self._said("REST: ")
        self.grpc = self._said("gRPC: ")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.communicate()

    @property
    def pid(self) -> int:
        """The process' number."""
        return self._process.pid

    def alive(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    def log(self) -> str:
        """What it has written to standard error."""
        self._log.seek(0)
        return self._log.read()

    def terminate(self) -> None:
        """Asks it to end."""
        self._process.send_signal(signal.SIGTERM)

    def status(self) -> int:
        """Its exit status, once it has ended."""
        return self._process.wait(120)

    def _said(self, beginning: str) -> str:
        for line in self._process.stdout:
            if line.startswith(beginning):
                return line.removeprefix(beginning).strip()
        raise SystemExit(f"The server did not start: {self.log()}")


def memory(pid: int) -> tuple[float, float]:
    """A process' memory in MiB, now and at its highest; 0 where it has ended."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    found = [re.search(rf"{key}:\s+(\d+) kB", status) for key in ("VmRSS", "VmHWM")]
    now, most = (int(size[1]) / 1024 if size else 0.0 for size in found)
    return now, most
