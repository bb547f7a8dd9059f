"""The ``unistd`` command: what there is to call, and how errors leave."""

from __future__ import annotations

import os
from collections.abc import Sequence

import click

from unistd import __version__
from unistd.cli.lazy import LazyCommand, LazyGroup, State, verbose_option
from unistd.core.errors import UnistdError

COMMANDS = (
    LazyCommand("train", "Train one model on all tasks of a spec.", "unistd.cli.train:train"),
    LazyCommand("plan", "Show what training a spec will take.", "unistd.cli.plan:plan"),
    LazyCommand("extend", "Add tasks to a trained run.", "unistd.cli.extend:extend"),
    LazyCommand("pretrain", "Pre-train a trunk on still frames.", "unistd.cli.pretrain:pretrain"),
    LazyCommand("evaluate", "Score a trained run in physical units.", "unistd.cli.evaluate:evaluate"),
    LazyCommand("compare", "Train several specs on equal budgets, side by side.", "unistd.cli.compare:compare"),
    LazyCommand("report", "Write a run as one HTML page.", "unistd.cli.report:report"),
    LazyCommand("predict", "Forecast one task with a trained run.", "unistd.cli.predict:predict"),
    LazyCommand("export", "Write one task of a trained run for use elsewhere.", "unistd.cli.export:export"),
    LazyCommand("data", "Make stores of raw files, and see what is in them.", "unistd.cli.data:data"),
    LazyCommand("validate", "Find every error in specs.", "unistd.cli.validate:validate"),
    LazyCommand("show", "Print a spec with all its defaults.", "unistd.cli.show:show"),
    LazyCommand("schema", "Print the JSON Schema of a spec, for editors.", "unistd.cli.schema:schema"),
    LazyCommand("tasks", "List the installed tasks.", "unistd.cli.tasks:tasks"),
    LazyCommand("plugins", "List the installed plug-ins.", "unistd.cli.plugins:plugins"),
    LazyCommand("doctor", "Check versions, device, plug-ins and free space.", "unistd.cli.doctor:doctor"),
)

INTERRUPTED = 130


@click.group(cls=LazyGroup, lazy=COMMANDS, epilog="Example: unistd train examples/quickstart.yaml")
@click.version_option(__version__, prog_name="unistd", message="%(prog)s %(version)s")
def unistd() -> None:
    """Forecast many spatio-temporal tasks with one jointly adapted vision transformer."""


unistd.params.append(verbose_option())


def main(args: Sequence[str] | None = None) -> int:
    """Run a command; return 0 fine, 1 failed, 2 spec or usage, 3 plug-in or environment, 130 interrupted."""
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "true")  # its own, for which it reads all metadata once more
    state = State()
    try:
        code = unistd.main(args, prog_name="unistd", standalone_mode=False, obj=state)
    except click.Abort:
        click.echo("interrupted", err=True)
        return INTERRUPTED
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return error.exit_code
    except click.ClickException as error:
        click.echo(_usage(error), err=True)
        return error.exit_code
    except UnistdError as error:
        click.echo(_with_frames(error) if state.verbose else str(error), err=True)
        return error.exit_code
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        click.echo(_with_frames(error) if state.verbose else f"{place}{error.strerror or error}", err=True)
        return 1
    except Exception as error:
        click.echo(
            f"{_with_frames(error)}\nthis is a bug in unistd or in a plug-in; please report these lines", err=True
        )
        return 1
    return code if isinstance(code, int) else 0


def _usage(error: click.ClickException) -> str:
    message = " ".join(error.format_message().split()).rstrip(".")  # click lists choices line by line
    context = error.ctx if isinstance(error, click.UsageError) else None
    help_ = f"\n  help: {context.command_path} --help" if context else ""
    return message[:1].lower() + message[1:] + help_


def _with_frames(error: BaseException) -> str:
    from unistd.cli.frames import cut_traceback

    return f"{cut_traceback(error)}\n{error}" if isinstance(error, UnistdError) else cut_traceback(error)
