"""The rooms of estimation load what is slow to import when it is needed, not before."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import didjack

MODULES = [
    "didjack.core.linalg",
    "didjack.core.moments",
    "didjack.core.analytic",
    "didjack.sample.panel",
    "didjack.sample.cells",
    "didjack.sample.read",
    "didjack.estimators",
]

# The rooms by themselves: a package without contents stands in for didjack/__init__.py.
PROGRAM = """
import importlib, sys, types
package = types.ModuleType("didjack")
package.__path__ = [{path!r}]
sys.modules["didjack"] = package
for module in {modules}:
    importlib.import_module(module)
    slow = [name for name in ("scipy", "formulaic") if name in sys.modules]
    assert not slow, f"{{module}} imports {{slow}}"
"""


def test_rooms_load_neither_scipy_nor_formulaic():
    program = PROGRAM.format(path=str(Path(str(didjack.__file__)).parent), modules=MODULES)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
