"""Commands as data, so that ``--help`` imports none of them and no plug-in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module

import click

from unistd.core.errors import UsageError
from unistd.registry.errors import PluginError


@dataclass(frozen=True, slots=True)
class LazyCommand:
    """A command's name and one line of help, and the ``module:object`` that is imported when it is called."""

    name: str
    summary: str
    target: str

    def load(self) -> click.Command:
        """Import the command; it takes ``--verbose`` like every other.

        Raises:
            PluginError: Something it is built on, such as torch, cannot be imported.
        """
        module, _, attribute = self.target.partition(":")
        try:
            command: click.Command = getattr(import_module(module), attribute)
        except Exception as error:
            text = f"command '{self.name}' cannot be imported: {type(error).__name__}: {error}"
            raise PluginError(text, help=f"unistd doctor; details: unistd --verbose {self.name}") from error
        if not any(option.name == "verbose" for option in command.params):
            command.params.append(verbose_option())
        return command


@dataclass
class State:
    """What the options of all commands say."""

    verbose: bool = False


class LazyGroup(click.Group):
    """A group of commands that are imported when they are called."""

    def __init__(self, *args: object, lazy: Sequence[LazyCommand], **options: object) -> None:
        super().__init__(*args, **options)  # type: ignore[arg-type]
        self.lazy = {command.name: command for command in lazy}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of their declaration."""
        del ctx
        return list(self.lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command of this name."""
        del ctx
        return self.lazy[cmd_name].load() if cmd_name in self.lazy else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; an unknown one is answered by the nearest.

        Raises:
            UsageError: There is no such command.
        """
        if args[0] in self.lazy:
            return super().resolve_command(ctx, args)
        near = get_close_matches(args[0], self.lazy, n=1)
        listing = f"commands: {', '.join(self.lazy)}"
        help_ = f"did you mean '{ctx.command_path} {near[0]}'? {listing}" if near else listing
        raise UsageError(f"unknown command '{args[0]}'", help=help_)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands from their declarations."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(command.name, command.summary) for command in self.lazy.values()])


def verbose_option() -> click.Option:
    """Make the ``--verbose`` that every command has."""

    def remember(ctx: click.Context, param: click.Parameter, value: bool) -> None:
        del param
        if value:
            ctx.ensure_object(State).verbose = True

    text = "Show more, and where in the code an error comes from."
    return click.Option(["--verbose"], is_flag=True, expose_value=False, callback=remember, help=text)
