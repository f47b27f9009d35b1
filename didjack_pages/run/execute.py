"""One notebook through papermill, in a process of its own, with a kernel of this interpreter."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from didjack.errors import ReportError
from didjack_pages.run.page import Page

CELL_TIMEOUT = 1800  # seconds; a cell that takes longer hangs

# Several pages run at a time: each keeps to one core. A fixed hash seed keeps the order of sets.
_KERNEL_ENVIRON = {
    "MKL_NUM_THREADS": "1",
    "NUMEXPR_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "VECLIB_MAXIMUM_THREADS": "1",
    "PYTHONHASHSEED": "0",
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
}
# Otherwise every SVG carries fresh identifiers, and equal figures differ.
_MATPLOTLIBRC = "svg.hashsalt: didjack\n"


class Runner:
    """Runs notebooks with papermill; ``stop`` ends those that run.

    Parameters
    ----------
    root
        The working directory of the notebooks.
    scratch
        A folder for kernel specification, parameters and raw output.
    """

    def __init__(self, root: Path, scratch: Path) -> None:
        self.root = root
        self.scratch = scratch
        self._environ = _prepare(scratch)
        self._running: set[subprocess.Popen[str]] = set()
        self._lock = threading.Lock()
        self._stopped = False

    def execute(self, page: Page) -> tuple[Path, bool, str]:
        """Execute a page; return the notebook, whether it went well, and papermill's log."""
        executed = self.scratch / "executed" / f"{page.name}.ipynb"
        executed.parent.mkdir(parents=True, exist_ok=True)
        parameters = executed.with_suffix(".json")  # JSON is YAML, which papermill reads
        parameters.write_text(json.dumps(dict(page.parameters)), encoding="utf-8")
        command = [sys.executable, "-m", "papermill", str(page.notebook.resolve())]
        command += [str(executed), "--parameters_file", str(parameters), "--kernel", "python3"]
        command += ["--cwd", str(self.root), "--no-progress-bar", "--log-level", "ERROR"]
        command += ["--execution-timeout", str(CELL_TIMEOUT)]
        with self._start(command) as process:
            log, _ = process.communicate()
            with self._lock:
                self._running.discard(process)
        return executed, process.returncode == 0, log

    def _start(self, command: list[str]) -> subprocess.Popen[str]:
        with self._lock:
            if self._stopped:
                raise ReportError("stopped")
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                errors="replace",
                env=self._environ,
                cwd=self.root,
            )
            self._running.add(process)
            return process

    def stop(self) -> None:
        """End the notebooks that run; their kernels end with them."""
        with self._lock:
            self._stopped = True
            for process in self._running:
                process.terminate()


@contextmanager
def runner(root: Path) -> Iterator[Runner]:
    """Give a Runner whose scratch folder is gone afterwards."""
    with TemporaryDirectory(prefix="didjack-", ignore_cleanup_errors=True) as scratch:
        run = Runner(root, Path(scratch))
        try:
            yield run
        finally:
            run.stop()


def _prepare(scratch: Path) -> dict[str, str]:
    """Write kernel specification and settings; return the environment of papermill.

    The specification is named python3 and found first, so that the kernel is this interpreter
    whatever Jupyter kernels the machine has. The user's own IPython and matplotlib settings
    have no say.
    """
    kernel = scratch / "jupyter" / "kernels" / "python3"
    kernel.mkdir(parents=True)
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    argv += ["--InlineBackend.figure_formats=svg", "--HistoryManager.enabled=False"]
    spec = {"argv": argv, "display_name": "Python 3", "language": "python", "env": _KERNEL_ENVIRON}
    (kernel / "kernel.json").write_text(json.dumps(spec), encoding="utf-8")
    (scratch / "matplotlibrc").write_text(_MATPLOTLIBRC, encoding="utf-8")
    return {
        **os.environ,
        "DIDJACK_PROGRESS": "0",  # how long a cell took is nothing for its page
        "IPYTHONDIR": str(scratch / "ipython"),
        "JUPYTER_CONFIG_DIR": str(scratch / "config"),
        "JUPYTER_NO_CONFIG": "1",
        "JUPYTER_PATH": str(scratch / "jupyter"),
        "JUPYTER_RUNTIME_DIR": str(scratch / "runtime"),
        "MATPLOTLIBRC": str(scratch / "matplotlibrc"),
        "PYTHONUTF8": "1",
    }
