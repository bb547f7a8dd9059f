"""``unistd show``: what a spec comes to, and what became of a run's experts."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

import click
from ruamel.yaml import YAML

from unistd.cli.options import as_json, overrides
from unistd.cli.table import table
from unistd.core.errors import UsageError
from unistd.core.evaluation.expert_report import rank_lines, use_tables
from unistd.core.training.log import read_rows
from unistd.registry.registry import Registry
from unistd.registry.run_spec import Spec
from unistd.registry.spec import RunSpec, load_any, load_any_resolved

if TYPE_CHECKING:
    from unistd.registry.pretrain_spec import PretrainSpec


@click.command(epilog="Example: unistd show examples/quickstart.yaml --model")
@click.argument("what", metavar="SPEC|RUN", type=click.Path(path_type=Path))
@overrides
@click.option("--model", is_flag=True, help="Build the model and count its parameters instead.")
@click.option("--ranks", is_flag=True, help="Show the ranks of a run's experts and how its tasks use them instead.")
@as_json
def show(what: Path, overrides: tuple[str, ...], *, model: bool, ranks: bool, as_json: bool) -> None:
    """Print a SPEC, or that of the run in folder RUN, as YAML with every default written out."""
    if ranks and (model or overrides):
        raise UsageError("'--ranks' reads what a run has logged", help="leave out '--model' and '-o'")
    if model and as_json:
        raise UsageError("'--model' prints a table", help="leave out '--json'")
    if ranks:
        _ranks(what, as_json=as_json)
        return
    registry = Registry.discover()
    resolved = _spec(what, registry, overrides)
    if model:
        if not isinstance(resolved, RunSpec):
            raise UsageError("'--model' counts the parts of a joint run", help="'unistd pretrain' shows its own plan")
        click.echo(_parameters(resolved, registry))
    elif as_json:
        click.echo(json.dumps(resolved.dump(), indent=2))
    else:
        click.echo(spec_yaml(resolved), nl=False)


def spec_yaml(spec: Spec) -> str:
    """Return ``spec`` as YAML with every default written out."""
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    held = StringIO()
    yaml.dump(spec.dump(), held)
    return held.getvalue()


def _spec(what: Path, registry: Registry, overrides: tuple[str, ...]) -> RunSpec | PretrainSpec:
    record = what / "spec.json"
    if not record.is_file():
        return load_any(what, registry, overrides)
    if overrides:
        raise UsageError("the spec of a run is what it is", help="leave out '-o', or name the spec's file")
    from unistd.core.training.run_folder import RunFolder  # which imports torch

    return load_any_resolved(RunFolder(what).read_record()["spec"], registry, record)


def _ranks(run: Path, *, as_json: bool) -> None:
    log = run / "log.jsonl"
    rows = read_rows(log, "ranks", "experts", "alarm")
    if not log.is_file():
        raise UsageError(f"'{run}' is no folder of a run: no log.jsonl", help="name the spec's 'output' folder")
    if not (rows["ranks"] or any(any(row["tasks"].values()) for row in rows["experts"])):
        raise UsageError(f"the run in '{run}' has logged no experts", help="adapters 'ra-moe' and 'moe-lora' have some")
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    if rows["ranks"]:
        last = rows["ranks"][-1]
        state = "ranks still learning at" if last["learning"] else "ranks fixed at"
        budget = "no budget" if last["allowed"] is None else f"budget {last['allowed']}"
        click.echo(f"{state} step {last['step']}: {last['sum']:g} components, {budget}")
        click.echo("bars: a rank on its way, from ▁ the smallest of all to █ the largest\n")
        click.echo(table(("layer role", "sum", "each expert's rank and its way there"), rank_lines(rows["ranks"])))
    if rows["experts"]:
        last = rows["experts"][-1]
        click.echo(f"\nuse at step {last['step']}, a bar for each expert: ▄▅ an equal share, █ twice that, ▁ none")
        click.echo("numbers: entropy of the gates, 1 all experts alike, 0 one alone")
        for header, lines in use_tables(last):
            click.echo("\n" + table(header, lines))
    for row in rows["alarm"]:
        click.echo(f"\nalarm at step {row['step']}: {row['what']}")


def _parameters(spec: RunSpec, registry: Registry) -> str:
    from unistd.core.plan.parts import parameters_by_part
    from unistd.registry.compose import compose_model, without_download

    parts = parameters_by_part(compose_model(without_download(spec), registry))
    return table(
        ("part", "parameters", "learn"), [(name, f"{n:,}", f"{learn:,}") for name, (n, learn) in parts.items()]
    )
