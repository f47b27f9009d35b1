"""The command `didjack` as a page: what each command does, its arguments and options."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from didjack_pages.reference.markup import code, escape, fenced, paragraph

_MARKUP = re.compile(r"\[/?[a-z ]*\]")  # rich's, as in [bold]Example[/]


def commands_markdown() -> str:
    """Write every command with its help.

    Returns
    -------
    str
        Markdown, one heading of level 2 for each command.
    """
    from typer.main import get_command

    from didjack.cli import app

    root: Any = get_command(app)
    parts = ["\n".join(_line(name, command) for name, command in root.commands.items())]
    parts += _parameters(root.params)
    for name, command in root.commands.items():
        parts += [f"## {code(f'didjack {name}')} {{#{name}}}", *_command(name, command)]
    return "\n\n".join(parts)


def _line(name: str, command: Any) -> str:
    summary = _paragraphs(command)[0]
    return f"- [{code(f'didjack {name}')}](#{name}): {escape(summary)}"


def _paragraphs(command: Any) -> list[str]:
    text = _MARKUP.sub("", command.help or "").strip()
    return [" ".join(lines.split()) for lines in re.split(r"\n\s*\n", text)]


def _command(name: str, command: Any) -> Iterator[str]:
    arguments = [_metavar(parameter) for parameter in command.params if not _is_option(parameter)]
    yield fenced(" ".join(["didjack", name, *arguments, "[OPTIONS]"]), "")
    for text in _paragraphs(command):
        yield fenced(_wrapped(text), "bash") if text.startswith("didjack ") else paragraph(text)
    yield from _parameters(command.params)


def _wrapped(line: str) -> str:
    """Break a command before its options, so that narrow screens show it."""
    head, *options = line.split(" --")
    return " \\\n    --".join([head, *options]) if len(line) > 60 else line


def _parameters(parameters: list[Any]) -> Iterator[str]:
    panels: dict[str, list[Any]] = {}
    for parameter in parameters:
        if getattr(parameter, "hidden", False):
            continue
        title = "Options" if _is_option(parameter) else "Arguments"
        panels.setdefault(getattr(parameter, "rich_help_panel", None) or title, []).append(
            parameter
        )
    for title, members in panels.items():
        yield f"**{escape(title)}**"
        yield "\n\n".join(_definition(parameter) for parameter in members)


def _is_option(parameter: Any) -> bool:
    return str(parameter.opts[0]).startswith("-")


def _metavar(parameter: Any) -> str:
    return str(parameter.metavar or parameter.name.upper())


def _definition(parameter: Any) -> str:
    names = parameter.opts if _is_option(parameter) else [_metavar(parameter)]
    value = ""
    if _is_option(parameter) and not getattr(parameter, "is_flag", False):
        value = f" {_metavar(parameter)}"
    term = ", ".join(code(f"{name}{value}") for name in names)
    facts = ["required"] if parameter.required else [*_default(parameter), *_range(parameter)]
    text = paragraph(_MARKUP.sub("", getattr(parameter, "help", None) or "").strip())
    return f"{term}\n:   {text}" + (f" ({', '.join(facts)})" if facts else "")


def _default(parameter: Any) -> Iterator[str]:
    default, shown = parameter.default, getattr(parameter, "show_default", True)
    if isinstance(shown, str):
        yield f"default: {escape(shown)}"
    elif default not in (None, "") and not getattr(parameter, "is_flag", False) and shown:
        yield f"default: {code(str(getattr(default, 'value', default)))}"


def _range(parameter: Any) -> Iterator[str]:
    low, high = (getattr(parameter, name, None) for name in ("min", "max"))
    if low is not None:
        yield f"at least {low:g}"
    if high is not None:
        yield f"at most {high:g}"
