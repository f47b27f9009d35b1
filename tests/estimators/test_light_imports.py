"""The rooms of estimation load what is slow to import when it is needed, not before."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import didjack

# The rooms by themselves: a package without contents stands in for didjack/__init__.py.
PROGRAM = """
import importlib, sys, types
package = types.ModuleType("didjack")
package.__path__ = [{path!r}]
sys.modules["didjack"] = package
importlib.import_module({module!r})
print(*[name for name in ("scipy", "formulaic", "pyarrow.parquet") if name in sys.modules])
"""


@pytest.mark.parametrize(
    "module",
    [
        "didjack.core.analytic",
        "didjack.core.linalg",
        "didjack.core.moments",
        "didjack.estimators",
        "didjack.sample.cells",
        "didjack.sample.panel",
        "didjack.sample.read",
    ],
)
def test_rooms_load_neither_scipy_nor_formulaic(module):
    program = PROGRAM.format(path=str(Path(str(didjack.__file__)).parent), module=module)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []
