"""reproduce.py and what it installs: messages, reuse and repair of the environment, the locks."""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from didjack.paths import project_root

ROOT = project_root()
if ROOT is None:
    pytest.skip("reproduce.py is not part of an installed package", allow_module_level=True)

SCRIPT = ROOT / "reproduce.py"


@pytest.fixture
def script(tmp_path, monkeypatch):
    """Load reproduce.py from a folder of its own; making a venv and pip are recorded only."""
    shutil.copy(SCRIPT, tmp_path)
    (tmp_path / "requirements").mkdir()
    for name in ("run", "test"):
        (tmp_path / "requirements" / f"{name}.lock").write_text("numpy==2.0\n")
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    spec = importlib.util.spec_from_file_location("reproduce", tmp_path / "reproduce.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    spec.loader.exec_module(module)
    module.calls = []
    monkeypatch.setattr(module, "create_venv", lambda: module.calls.append("venv"))
    monkeypatch.setattr(module, "venv_python", lambda: Path(sys.executable))
    monkeypatch.setattr(module, "damage", lambda extra: None)
    monkeypatch.setattr(
        module, "pip", lambda arguments, total=0: module.calls.append(Path(arguments[-1]).name)
    )
    return module


def _change(path, text):
    path.write_text(path.read_text() + text)


# ------------------------------------------------------------------------------- the script


def test_it_uses_the_standard_library_only():
    tree = ast.parse(SCRIPT.read_text(encoding="utf-8"))
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {alias.name for node in nodes for alias in node.names if isinstance(node, ast.Import)}
    names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom)}
    assert {name.split(".")[0] for name in names} <= sys.stdlib_module_names


def test_old_interpreters_can_read_it():
    source = SCRIPT.read_text(encoding="utf-8")
    ast.parse(source, feature_version=(3, 7))
    assert source.isascii()


@pytest.mark.parametrize("version", [(3, 8, 1), (3, 10, 9), (3, 15, 0)])
def test_an_unsuitable_python_is_told_what_to_do(script, monkeypatch, version):
    monkeypatch.setattr(script, "find_python", list)
    with pytest.raises(script.SetupError) as caught:
        script.check_python(version)
    message = str(caught.value)
    assert f"needs Python 3.11 to 3.14; this is Python {version[0]}.{version[1]}" in message
    monkeypatch.setattr(script, "find_python", lambda: ["py", "-3.12"])
    with pytest.raises(script.SetupError, match=r"py -3\.12 reproduce\.py"):
        script.check_python(version)


@pytest.mark.parametrize("version", [(3, 11, 0), (3, 14, 2)])
def test_a_suitable_python_passes(script, version):
    script.check_python(version)


def test_the_range_of_pythons_is_that_of_pyproject(script):
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    assert wanted == f">=3.{script.OLDEST[1]},<3.{script.NEWEST[1] + 1}"


@pytest.mark.skipif(os.name == "nt", reason="needs a shell script in the place of Python")
def test_a_python_without_venv_is_told_what_to_install(script, monkeypatch, tmp_path, capsys):
    stub = tmp_path / "python"
    stub.write_text("#!/bin/sh\nexit 1\n")
    stub.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(stub))
    assert script.main(["setup"]) == 1
    output = capsys.readouterr().out
    assert "sudo apt install python3." in output
    assert not script.VENV.exists()


# -------------------------------------------------------------------------- the environment


def test_a_first_run_installs_lock_and_project_and_a_second_one_nothing(script):
    assert script.ensure_environment("run") is True
    assert script.calls == ["venv", "run.lock", script.ROOT.name]
    assert script.ensure_environment("run") is False
    assert len(script.calls) == 3


def test_the_test_tools_are_added_to_an_environment_without_them(script):
    script.ensure_environment("run")
    script.calls.clear()
    assert script.ensure_environment("test") is True
    assert script.calls == ["test.lock"]
    assert script.ensure_environment("run") is False
    assert script.ensure_environment("test") is False


def test_a_changed_pyproject_reinstalls_the_project_only(script):
    script.ensure_environment("test")
    script.calls.clear()
    _change(script.ROOT / "pyproject.toml", "version = 2\n")
    assert script.ensure_environment("run") is True
    assert script.calls == [script.ROOT.name]
    assert script.ensure_environment("test") is False


def test_line_endings_are_no_change(script):
    script.ensure_environment("run")
    for path in (script.LOCKS["run"], script.ROOT / "pyproject.toml"):
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert script.ensure_environment("run") is False


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda s: _change(s.LOCKS["run"], "scipy==1.0\n"), "the locked versions have changed"),
        (lambda s: _edit_stamp(s, python="3.11.0"), "it has Python 3.11.0"),
        (lambda s: _edit_stamp(s, root="/elsewhere"), "the project has moved"),
        (lambda s: _edit_stamp(s, state="building"), "an earlier installation did not finish"),
    ],
)
def test_an_environment_that_does_not_fit_is_made_again(script, capsys, change, reason):
    script.ensure_environment("run")
    script.calls.clear()
    change(script)
    (script.VENV / "left-over").write_text("x")
    assert script.ensure_environment("run") is True
    assert script.calls == ["venv", "run.lock", script.ROOT.name]
    assert not (script.VENV / "left-over").exists()
    assert f"({reason})" in capsys.readouterr().out


def _edit_stamp(script, **values):
    script.STAMP.write_text(json.dumps({**json.loads(script.STAMP.read_text()), **values}))


def test_a_broken_environment_is_made_again(script, monkeypatch):
    script.ensure_environment("run")
    script.calls.clear()
    monkeypatch.setattr(script, "damage", lambda extra: "it is broken")
    assert script.ensure_environment("run") is True
    assert script.calls[0] == "venv"


@pytest.mark.parametrize("kind", ["file", "empty folder"])
def test_what_is_no_environment_is_replaced(script, monkeypatch, kind):
    script.VENV.write_text("x") if kind == "file" else script.VENV.mkdir()
    monkeypatch.setattr(script, "ask", lambda code: None)
    assert script.ensure_environment("run") is True


def test_an_interrupted_installation_is_noticed(script, monkeypatch):
    def interrupted(arguments, total=0):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(script, "pip", interrupted)
        assert script.main(["setup"]) == 130
    script.calls.clear()
    assert script.ensure_environment("run") is True
    assert script.calls[0] == "venv"


def test_an_environment_made_by_somebody_else_is_left_alone(script, monkeypatch, capsys):
    script.VENV.mkdir()
    (script.VENV / "precious").write_text("x")
    monkeypatch.setattr(script, "ask", lambda code: "")
    assert script.main(["setup"]) == 1
    assert "left alone" in capsys.readouterr().out
    assert (script.VENV / "precious").exists()


def test_damage_is_found(script, monkeypatch):
    module = _fresh(script)
    monkeypatch.setattr(module, "venv_python", lambda: Path(sys.executable))
    lock = module.LOCKS["run"]
    from importlib.metadata import version

    lock.write_text(f"numpy=={version('numpy')} ; sys_platform == 'x'\nnosuch-package==1\n")
    assert module.damage("run") is None
    lock.write_text("numpy==0.1\n")
    assert module.damage("run") == "other versions are installed of numpy"
    monkeypatch.setattr(module, "venv_python", lambda: module.ROOT / "nosuch")
    assert module.damage("run") == "it is broken"


def _fresh(script):
    spec = importlib.util.spec_from_file_location("reproduce2", script.ROOT / "reproduce.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# -------------------------------------------------------------------------------------- pip


def test_pip_without_network_says_so(script, monkeypatch):
    module = _fresh(script)
    monkeypatch.setattr(module, "venv_python", lambda: Path(sys.executable))
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")  # nothing listens there
    monkeypatch.setenv("PIP_RETRIES", "0")
    with pytest.raises(module.SetupError) as caught:
        module.pip(["--dry-run", "didjack-nosuch-package"])
    assert "cannot get the packages from a package index" in str(caught.value)
    assert "pip config list" in str(caught.value)


def test_another_failure_of_pip_is_shown_as_it_is(script):
    message = script.pip_failure(["Collecting x", "ERROR: no space left on device"])
    assert message.startswith("pip failed")
    assert "no space left on device" in message


def test_the_users_pip_configuration_counts_but_not_python_path(script, monkeypatch):
    monkeypatch.setenv("PIP_INDEX_URL", "https://mirror.example/simple")
    monkeypatch.setenv("PIP_USER", "1")
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    environ = script.clean_environ()
    assert environ["PIP_INDEX_URL"] == "https://mirror.example/simple"
    assert environ["PIP_USER"] == "0"
    assert not {"PYTHONPATH", "PYTHONDONTWRITEBYTECODE"} & set(environ)


# ------------------------------------------------------------------------- the command line


@pytest.mark.parametrize(
    ("words", "command"),
    [
        ([], ["-m", "didjack", "reproduce"]),
        (["--force", "--fast"], ["-m", "didjack", "reproduce", "--force", "--fast"]),
        (
            ["--dataset", "castle", "mpdta", "--jobs", "3", "--dataset", "merit"],
            ["-m", "didjack", "reproduce", "--dataset", "castle", "--dataset", "mpdta",
             "--dataset", "merit", "--jobs", "3"],
        ),
        (["--page", "x", "y/z"], ["-m", "didjack", "reproduce", "--page", "x", "--page", "y/z"]),
        (["--renderer", "pandoc"], ["-m", "didjack", "reproduce", "--renderer", "pandoc"]),
        (["test"], ["-m", "pytest"]),
        (["test", "-k", "cli", "--force"], ["-m", "pytest", "-k", "cli", "--force"]),
        (["setup"], []),
    ],
)  # fmt: skip
def test_what_runs_in_the_environment(script, words, command):
    assert script.follow_up(script.parse(words)) == command


def test_the_options_are_those_of_the_command(script):
    import click
    import typer

    from didjack.cli import app

    command = typer.main.get_command(app).commands["reproduce"]
    with click.Context(command):
        theirs = {option for parameter in command.params for option in parameter.opts}
    words = ["--force", "--fast", "--dataset", "x", "--page", "y"]
    words += ["--jobs", "1", "--renderer", "auto"]
    ours = {word for word in script.follow_up(script.parse(words)) if word.startswith("--")}
    assert ours == theirs - {"--help"}


def test_the_exit_code_is_that_of_the_run(script, monkeypatch, capsys):
    monkeypatch.setattr(script, "follow_up", lambda options: ["-c", "raise SystemExit(7)"])
    assert script.main([]) == 7
    assert "Total time" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (59.94, "59.9 s"), (60, "1 min 00 s"), (125, "2 min 05 s")],
)
def test_durations_read_well(script, seconds, text):
    assert script.clock(seconds) == text


# -------------------------------------------------------------------------------- the locks


def _requirements(name):
    lines = (ROOT / "requirements" / name).read_text(encoding="utf-8").splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def _project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def _wanted(extra):
    """Return what the project requires with an extra; extras that it contains are resolved."""
    project = _project()["project"]
    wanted, open_extras = list(project["dependencies"]), [extra]
    while open_extras:
        for line in project["optional-dependencies"][open_extras.pop()]:
            requirement = Requirement(line)
            if requirement.name == project["name"]:
                open_extras += requirement.extras
            else:
                wanted.append(line)
    return wanted


SYSTEMS = [
    {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix"},
    {"sys_platform": "darwin", "platform_system": "Darwin", "os_name": "posix"},
    {"sys_platform": "win32", "platform_system": "Windows", "os_name": "nt"},
]


@pytest.mark.parametrize("name", ["run.lock", "test.lock"])
def test_locks_have_exact_versions_and_no_addresses(name):
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
    assert not [word for word in ("://", "--index", "--find-links", "--hash", "@") if word in text]
    for requirement in _requirements(name):
        (specifier,) = requirement.specifier
        assert specifier.operator == "=="
        assert "*" not in specifier.version


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13", "3.14"])
@pytest.mark.parametrize("system", SYSTEMS, ids=lambda system: system["sys_platform"])
def test_the_run_lock_is_part_of_the_test_lock(python, system):
    """On every system: the tests may need a package where the run does not, not the reverse."""
    environment = {**system, "python_version": python, "python_full_version": f"{python}.1"}
    run, test = (
        {
            (canonicalize_name(r.name), str(r.specifier))
            for r in _requirements(name)
            if not r.marker or r.marker.evaluate(environment)
        }
        for name in ("run.lock", "test.lock")
    )
    assert run <= test


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13", "3.14"])
@pytest.mark.parametrize("system", SYSTEMS, ids=lambda system: system["sys_platform"])
def test_every_dependency_is_locked_on_every_python_and_system(python, system):
    environment = {**system, "python_version": python, "python_full_version": f"{python}.1"}
    wanted = {
        "run.lock": [*_wanted("report"), *_project()["build-system"]["requires"]],
        "test.lock": _wanted("test"),
    }
    for name, requirements in wanted.items():
        active = [r for r in _requirements(name) if not r.marker or r.marker.evaluate(environment)]
        names = [canonicalize_name(r.name) for r in active]
        assert len(set(names)) == len(names), "two versions of one package"
        locked = dict(zip(names, active, strict=True))
        for requirement in map(Requirement, requirements):
            if requirement.marker and not requirement.marker.evaluate(environment):
                continue
            (specifier,) = locked[canonicalize_name(requirement.name)].specifier
            assert requirement.specifier.contains(specifier.version), requirement


def test_conda_gets_the_same_packages():
    entries = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    through_pip = next(entry["pip"] for entry in entries if isinstance(entry, dict))
    names = {"great-tables": "great_tables", "matplotlib-base": "matplotlib"}  # conda's: ours
    offered = set()
    for entry in [*entries, *through_pip]:
        if isinstance(entry, str):
            name, *version = entry.partition(">=")
            offered.add(names.get(name, name) + "".join(version))
    assert set(_wanted("report")) <= offered
    assert any(entry.startswith("quarto") for entry in offered)


def test_a_second_run_waits_until_the_environment_is_made(script, monkeypatch, capsys):
    script_of_another_run = (
        "import fcntl, sys; f = open(sys.argv[1], 'rb'); fcntl.flock(f, fcntl.LOCK_EX);"
        "print('held', flush=True); sys.stdin.read()"
    )
    if sys.platform == "win32":
        pytest.skip("the other run is written for Unix")
    command = [sys.executable, "-c", script_of_another_run, str(script.LOCKED)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout.readline() == "held\n"
        waits = []

        def wait(seconds):
            waits.append(seconds)
            if len(waits) == 3:
                run.kill()  # what a killed run held is free
                run.wait()

        monkeypatch.setattr(script.time, "sleep", wait)
        with script.one_at_a_time():
            assert len(waits) == 3
    assert capsys.readouterr().out.count("Another reproduce.py is making .venv") == 1


def test_the_environment_is_made_under_the_lock(script, monkeypatch):
    held = []

    def ensure(extra):
        with script.LOCKED.open("rb") as handle:
            held.append(not script.try_lock(handle))
        return False

    monkeypatch.setattr(script, "ensure_environment", ensure)
    monkeypatch.setattr(script, "hand_over", lambda command: 0)
    assert script.main([]) == 0
    assert held == [True]
    with script.LOCKED.open("rb") as handle:
        assert script.try_lock(handle)
