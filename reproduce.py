"""Make the environment, then reproduce the report site or run the tests.

    python3 reproduce.py                    every page, then the site
    python3 reproduce.py --dataset castle   the pages of one dataset
    python3 reproduce.py --page NAME        one page
    python3 reproduce.py test               the whole test suite
    python3 reproduce.py setup              the environment only, with the test tools

Only the standard library is used here, because nothing else is installed yet. Packages come
from wherever pip is configured to take them. The file must stay readable for Python 3.6, so
that an interpreter which is too old can say so.
"""

import argparse
import errno
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

OLDEST, NEWEST = (3, 11), (3, 14)
ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
LOCKED = Path(__file__).resolve()
STAMP = VENV / "reproduce.json"
LOCKS = {"run": ROOT / "requirements" / "run.lock", "test": ROOT / "requirements" / "test.lock"}

# What pip prints when no package index answers; the last one also stands for a wrong mirror.
NETWORK_SIGNS = (
    "NewConnectionError",
    "NameResolutionError",
    "name resolution",
    "getaddrinfo failed",
    "ConnectTimeout",
    "Connection refused",
    "Network is unreachable",
    "ProxyError",
    "(from versions: none)",
)


class SetupError(Exception):
    """The environment cannot be made; the message says what to do."""


def say(text: str) -> None:
    """Print one line at once, so that progress shows through a pipe too."""
    print(text, flush=True)


def clock(seconds: float) -> str:
    """Write a duration for people: '8.4 s', '2 min 05 s'."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{int(seconds) // 60} min {int(seconds) % 60:02d} s"


def dotted(version: tuple) -> str:
    """Write (3, 11) as '3.11'."""
    return ".".join(str(part) for part in version[:2])


# ---------------------------------------------------------------- what this machine offers


def find_python() -> list:
    """Return the command of a suitable interpreter on this machine; empty if none is found."""
    for minor in range(NEWEST[1], OLDEST[1] - 1, -1):
        command = ["py", f"-3.{minor}"] if os.name == "nt" else [f"python3.{minor}"]
        try:  # a name on the PATH may be a shim with nothing behind it
            subprocess.check_output([*command, "-c", ""], stderr=subprocess.STDOUT)
        except (OSError, subprocess.CalledProcessError):
            continue
        return command
    return []


def check_python(version: tuple = sys.version_info) -> None:
    """Stop where the interpreter is outside the range that the lock was made for."""
    if OLDEST <= version[:2] <= NEWEST:
        return
    found = find_python()
    remedy = (
        "Run this instead:\n    {} reproduce.py".format(" ".join(found))
        if found
        else "Install one of them and run this script with it."
    )
    raise SetupError(
        f"didjack needs Python {dotted(OLDEST)} to {dotted(NEWEST)}; "
        f"this is Python {dotted(version)}.\n{remedy}"
    )


def check_venv_module() -> None:
    """Stop where Python comes without venv or the pip that venv puts into an environment."""
    probe = subprocess.run(
        [sys.executable, "-c", "import venv, ensurepip"], capture_output=True, check=False
    )
    if probe.returncode == 0:
        return
    version = dotted(sys.version_info)
    raise SetupError(
        "This Python has no venv or no ensurepip, so no environment can be made.\n"
        f"  Debian, Ubuntu:  sudo apt install python{version}-venv   (or python3-venv)\n"
        "  openSUSE:        sudo zypper install python3-pip\n"
        "  elsewhere:       install Python with its standard library complete, for example\n"
        "                   with conda: conda env create -f environment.yml"
    )


def venv_python(venv: Path = VENV) -> Path:
    """Return the interpreter of an environment, on Windows and elsewhere."""
    return venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def clean_environ() -> dict:
    """Return the environment variables for programs of the venv, without foreign packages."""
    # Packages come without byte code: without leave to write it, every import compiles anew.
    dropped = ("PYTHONHOME", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE")
    environ = {name: value for name, value in os.environ.items() if name not in dropped}
    environ.update(
        PYTHONNOUSERSITE="1",
        PYTHONUTF8="1",
        PIP_USER="0",  # a user's `pip config set global.user true` fails inside a venv
        PIP_DISABLE_PIP_VERSION_CHECK="1",
    )
    return environ


# ---------------------------------------------------------------- the environment


def digest(path: Path) -> str:
    """Hash a file that git may check out with either line ending."""
    return hashlib.sha256(path.read_bytes().replace(b"\r\n", b"\n")).hexdigest()


def wanted(extra: str) -> dict:
    """Describe the environment that this checkout asks for."""
    return {
        "python": sys.version.split()[0],
        "root": str(ROOT),
        "extra": extra,
        "lock": digest(LOCKS[extra]),
        "pyproject": digest(ROOT / "pyproject.toml"),
    }


def read_lock(lock: Path) -> dict:
    """Return the versions that a lock lists for each package, those of other systems too."""
    versions = {}
    for name, version in re.findall(r"^([\w.-]+)==([^\s;]+)", lock.read_text("utf-8"), re.M):
        versions.setdefault(name, []).append(version)
    return versions


def read_stamp() -> "dict | None":
    """Return what an earlier run left in the environment; None if that is not readable."""
    try:
        stamp = json.loads(STAMP.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return stamp if isinstance(stamp, dict) else None


def write_stamp(content: dict) -> None:
    """Record the state of the environment, whole or not at all."""
    draft = STAMP.with_suffix(".tmp")
    draft.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    draft.replace(STAMP)


def ask(code: str) -> "str | None":
    """Run code with the interpreter of the environment; None if that fails."""
    command = [str(venv_python()), "-c", code]
    try:
        return subprocess.check_output(
            command, stderr=subprocess.DEVNULL, env=clean_environ(), timeout=120, encoding="utf-8"
        )
    except (OSError, subprocess.SubprocessError):
        return None


def damage(extra: str) -> "str | None":
    """Say what is wrong with an environment that was once complete; None if nothing is."""
    answer = ask(
        "import importlib.metadata as m, json, numpy, pip, sys;"
        "have = {d.name.lower().replace('_', '-'): d.version for d in m.distributions()};"
        "json.dump(have, sys.stdout)"
    )
    if answer is None:
        return "it is broken"
    have, lock = json.loads(answer), read_lock(LOCKS[extra])
    changed = sorted(name for name in lock if name in have and have[name] not in lock[name])
    if changed:
        return "other versions are installed of " + ", ".join(changed)
    return None if "didjack" in have and "papermill" in have else "it is broken"


def why_remake(stamp: "dict | None", want: dict) -> "str | None":
    """Say why the environment has to be made from nothing; None if it can stay."""
    if not VENV.exists() and not VENV.is_symlink():
        return ""
    if stamp is None:
        if ask("") is not None:
            raise SetupError(
                ".venv was not made by this script, so it is left alone.\n"
                "Move or delete it and run this again, or install the project there yourself:\n"
                "    pip install -r requirements/run.lock && pip install --no-deps -e .\n"
                "    didjack reproduce"
            )
        return "it is broken"
    if stamp.get("state") != "complete":
        return "an earlier installation did not finish"
    if stamp.get("root") != want["root"]:
        return "the project has moved"
    if stamp.get("python") != want["python"]:
        return "it has Python {}".format(stamp.get("python"))
    if stamp.get("lock") != digest(LOCKS[stamp["extra"]]):
        return "the locked versions have changed"
    return damage(stamp["extra"])


def remove_venv() -> None:
    """Delete the environment, also where a file stands in its place."""
    try:
        if VENV.is_dir() and not VENV.is_symlink():
            shutil.rmtree(VENV)
        else:
            VENV.unlink()
    except FileNotFoundError:
        pass
    except OSError as error:
        raise SetupError(
            f"{VENV.name} cannot be deleted: {error}\n"
            "Close the programs that use it (notebooks, editors) and run this again."
        ) from None


def create_venv() -> None:
    """Run `python -m venv` for the folder, which may exist but is otherwise empty."""
    made = subprocess.run(
        [sys.executable, "-m", "venv", str(VENV)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        env=clean_environ(),
    )
    if made.returncode != 0:
        raise SetupError(f"python -m venv failed:\n{made.stdout.strip()}")


def make_venv(want: dict) -> None:
    """Make an empty environment, marked as unfinished from the start."""
    check_venv_module()
    remove_venv()
    VENV.mkdir()
    write_stamp({**want, "state": "building"})
    create_venv()


def pip(arguments: list, total: int = 0) -> None:
    """Run pip of the environment; show how far it is, and its output if it fails."""
    command = [str(venv_python()), "-m", "pip", "install", "--no-input", "--progress-bar", "off"]
    process = subprocess.Popen(
        command + arguments,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
        cwd=str(ROOT),
        env=clean_environ(),
    )
    lines, fetched, spoken = [], 0, time.monotonic()
    assert process.stdout is not None
    with process:  # also after Ctrl-C: pip must be gone before the environment is made again
        for line in process.stdout:
            lines.append(line.rstrip())
            fetched += line.startswith(("Collecting ", "Processing "))
            unpacking = line.startswith("Installing collected packages")
            if total and (unpacking or time.monotonic() - spoken > 5):
                say("  unpacking" if unpacking else f"  {fetched} packages of about {total}")
                spoken = time.monotonic()
    if process.returncode != 0:
        raise SetupError(pip_failure(lines))


def pip_failure(lines: list) -> str:
    """Turn the output of a failed pip into what a person can do about it."""
    text = "\n".join(lines)
    notes = ("Ignoring ", "WARNING: Location ", "WARNING: Retrying ")
    said = [f"    {line}" for line in lines if not line.startswith(notes)]
    if any(sign in text for sign in NETWORK_SIGNS):
        return (
            "pip cannot get the packages from a package index, so nothing was installed.\n"
            "Check the network; behind a proxy or a mirror, check `pip config list`. "
            "pip said:\n" + "\n".join(said[-2:])
        )
    return "pip failed. It said:\n" + "\n".join(said[-15:])


def install_lock(extra: str) -> None:
    """Install the exact versions; nothing is resolved, so nothing can differ."""
    lock = LOCKS[extra]
    say(f"Installing the packages of {lock.relative_to(ROOT).as_posix()}")
    # Half of the time would go into byte code, of which Python makes what it needs by itself.
    pip(["--no-deps", "--no-compile", "-r", str(lock)], total=len(read_lock(lock)))


def install_project() -> None:
    """Install the project itself with the build backend that the lock pins."""
    pip(["--no-deps", "--no-build-isolation", "--quiet", "-e", str(ROOT)])


def try_lock(handle) -> bool:
    """Lock an open file for this process, which the system undoes when the process ends."""
    try:
        if os.name == "nt":
            import msvcrt

            handle.seek(1 << 30)  # far behind the text, which others go on reading
            msvcrt.locking(handle.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EAGAIN, errno.EDEADLK):
            return False
        raise SetupError(f"{LOCKED.name} cannot be locked: {error}") from None
    return True


@contextmanager
def one_at_a_time():
    """Wait until no other run of this script works on the environment of this checkout.

    What is locked is the script itself: no file can be left behind.
    """
    with LOCKED.open("rb") as handle:
        told = False
        while not try_lock(handle):
            if not told:
                say(f"Another {LOCKED.name} is making .venv in {ROOT}; waiting until it is done.")
            told = True
            time.sleep(0.2)
        yield


def ensure_environment(extra: str) -> bool:
    """Bring the environment to what this checkout asks for; say whether work was needed."""
    want, stamp = wanted(extra), read_stamp()
    reason = why_remake(stamp, want)
    if reason is not None:
        say(f"Making .venv with Python {want['python']}" + (f" ({reason})" if reason else ""))
        make_venv(want)
        stamp = None
    installed = stamp["extra"] if stamp else None
    lock_missing = installed is None or (extra == "test" and installed != "test")
    project_missing = stamp is None or stamp.get("pyproject") != want["pyproject"]
    if not lock_missing and not project_missing:
        return False
    if not lock_missing:
        want = {**want, "extra": installed, "lock": stamp["lock"]}
    write_stamp({**want, "state": "building"})
    if lock_missing:
        install_lock(extra)
    if project_missing:
        install_project()
    write_stamp({**want, "state": "complete"})
    return True


# ---------------------------------------------------------------- the command line


def parse(argv: list) -> argparse.Namespace:
    """Read the command line; what follows `test` belongs to pytest."""
    parser = argparse.ArgumentParser(
        prog="reproduce.py",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="\n".join((__doc__ or "").splitlines()[:7]),
    )
    parser.add_argument("action", nargs="?", choices=("run", "test", "setup"), default="run")
    parser.add_argument("--force", action="store_true", help="execute unchanged pages again")
    parser.add_argument("--fast", action="store_true", help="small parameters, for a quick look")
    parser.add_argument(
        "--dataset",
        action="append",
        nargs="+",
        default=[],
        metavar="NAME",
        help="only the pages of this dataset; may be given more than once",
    )
    parser.add_argument(
        "--page",
        action="append",
        nargs="+",
        default=[],
        metavar="NAME",
        help="only this page, such as learn/08-cluster-jackknife; may be given more than once",
    )
    parser.add_argument("--jobs", type=int, metavar="N", help="pages at a time (default: cores)")
    parser.add_argument(
        "--renderer",
        choices=("auto", "quarto", "pandoc"),
        help="what makes the site (default: Quarto where it is installed, else pandoc)",
    )
    if "test" in argv:  # everything behind it is for pytest, its options included
        behind = argv.index("test") + 1
        options = parser.parse_args(argv[:behind])
        options.rest = argv[behind:]
        return options
    options = parser.parse_args(argv)
    options.rest = []
    return options


def follow_up(options: argparse.Namespace) -> list:
    """Return the command that the environment runs once it is there."""
    if options.action == "setup":
        return []
    if options.action == "test":
        return ["-m", "pytest", *options.rest]
    command = ["-m", "didjack", "reproduce"]
    command += [flag for flag in ("--force", "--fast") if getattr(options, flag[2:])]
    for option in ("dataset", "page"):
        for name in (name for names in getattr(options, option) for name in names):
            command += [f"--{option}", name]
    if options.jobs is not None:
        command += ["--jobs", str(options.jobs)]
    if options.renderer is not None:
        command += ["--renderer", options.renderer]
    return command


def hand_over(command: list) -> int:
    """Run the rest inside the environment and return its exit code."""
    with subprocess.Popen(
        [str(venv_python()), *command], cwd=str(ROOT), env=clean_environ()
    ) as process:
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:
                continue  # Ctrl-C reaches the child as well: let it finish in order


def main(argv: list) -> int:
    """Make the environment, hand over, and report the time that all of it took."""
    options = parse(argv)
    started = time.monotonic()
    try:
        check_python()
        with one_at_a_time():
            made = ensure_environment("run" if options.action == "run" else "test")
    except SetupError as error:
        say(f"\nerror: {error}")
        return 1
    except KeyboardInterrupt:
        say("\nInterrupted. Run the same command again: it starts over with a clean .venv.")
        return 130
    if made:
        say(f"Environment ready in {clock(time.monotonic() - started)}")
    command = follow_up(options)
    if not command:
        say("Environment: " + str(VENV))
        return 0
    code = hand_over(command)
    if code == 130:
        say("Interrupted. Finished pages are kept: the same command goes on from there.")
    if options.action == "run":
        say(f"Total time {clock(time.monotonic() - started)}")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
