"""The page of every command, made of their declarations."""

from __future__ import annotations

from collections.abc import Iterator

import click

from unistd.core.markdown import page, prose, table

INTRO = """\
Made from the code by `make docs-pages`; a test compares.

`unistd COMMAND --help` says the same. Every command takes `--verbose`:
show more, and where in the code an error comes from. Exit codes: [Errors](errors.md#exit-codes).
"""


def commands_page(group: click.Group) -> str:
    """Return the page of all commands of ``group``, each with usage, options and an example."""
    found = list(walk(group, click.Context(group, info_name="unistd")))
    rows = [(f"[`{context.command_path}`](#{_anchor(context)})", _summary(command)) for command, context in found]
    parts = ["# Commands", INTRO, table(("command", "what it does"), rows)]
    for command, context in found:
        parts += [f"## {context.command_path}", *_command(command, context)]
    return page(*parts)


def walk(group: click.Group, context: click.Context) -> Iterator[tuple[click.Command, click.Context]]:
    """Give every command below ``group`` with its context; a group before what is in it."""
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        own = click.Context(command, info_name=name, parent=context)
        yield command, own
        if isinstance(command, click.Group):
            yield from walk(command, own)


def _command(command: click.Command, context: click.Context) -> Iterator[str]:
    words = [word for parameter in command.params for word in _usage(parameter)]
    tail = [] if not isinstance(command, click.Group) else ["COMMAND"]
    yield f"```text\n{' '.join([context.command_path, *words, *tail])}\n```"
    yield "\n\n".join(prose(paragraph) for paragraph in (command.help or "").split("\n\n"))
    options = [own for own in command.params if isinstance(own, click.Option) and own.name != "verbose"]
    if options:
        yield table(("option", "what it does"), [(_option(own), _meaning(own)) for own in options])
    if command.epilog:
        yield f"Example: `{command.epilog.removeprefix('Example: ')}`"


def _usage(parameter: click.Parameter) -> Iterator[str]:
    if isinstance(parameter, click.Argument):
        name = _value(parameter)
        yield name if parameter.required else f"[{name}]"
    elif parameter.required:
        yield f"{parameter.opts[0]} {_value(parameter)}"
    elif parameter.name == "verbose":
        yield "[OPTIONS]"


def _option(option: click.Option) -> str:
    value = "" if option.is_flag else f" {_value(option)}"
    return f"`{', '.join(option.opts)}{value}`"


def _value(parameter: click.Parameter) -> str:
    """Return what stands for a parameter's value."""
    if parameter.metavar:
        return parameter.metavar
    if isinstance(parameter.type, click.Choice):
        return "|".join(parameter.type.choices)
    if isinstance(parameter, click.Argument):
        name = (parameter.name or "").upper()
        return f"{name.removesuffix('S')}..." if parameter.nargs < 0 else name
    if isinstance(parameter.type, click.Path):
        return "PATH"
    words = {click.INT.name: "N", click.FLOAT.name: "X", "integer range": "N", "float range": "X"}
    return words.get(parameter.type.name, parameter.opts[0].lstrip("-").upper())


def _meaning(option: click.Option) -> str:
    said = [option.help or ""]
    if option.required:
        said.append("Must be given.")
    elif option.show_default:
        said.append(f"Default: `{option.default}`.")
    if option.multiple and "repeated" not in said[0]:
        said.append("May be repeated.")
    return " ".join(said)


def _summary(command: click.Command) -> str:
    return prose((command.help or "").partition("\n\n")[0])


def _anchor(context: click.Context) -> str:
    return context.command_path.replace(" ", "-")
