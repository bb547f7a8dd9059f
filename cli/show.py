"""``unistd show``: what a spec comes to."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from ruamel.yaml import YAML

from unistd.cli.options import SpecPath, overrides
from unistd.cli.table import table
from unistd.registry.registry import Registry
from unistd.registry.spec import RunSpec, load_spec


@click.command(epilog="Example: unistd show examples/quickstart.yaml --model")
@click.argument("spec", type=SpecPath)
@overrides
@click.option("--model", is_flag=True, help="Build the model and count its parameters instead.")
def show(spec: Path, overrides: tuple[str, ...], *, model: bool) -> None:
    """Print SPEC as YAML with every default written out."""
    registry = Registry.discover()
    resolved = load_spec(spec, registry, overrides)
    if model:
        click.echo(_parameters(resolved, registry))
        return
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.dump(resolved.dump(), sys.stdout)


def _parameters(spec: RunSpec, registry: Registry) -> str:
    from unistd.core.model import count_parameters
    from unistd.registry.compose import compose_model, without_download

    model = compose_model(without_download(spec), registry)
    trunk = [(p.numel(), p.requires_grad) for p in model.trunk_parameters().values()]
    parts = {"trunk": (sum(n for n, _ in trunk), sum(n for n, learns in trunk if learns))}
    backbone = count_parameters(model.backbone)
    parts["adapters and temporal modules"] = (backbone[0] - parts["trunk"][0], backbone[1] - parts["trunk"][1])
    parts |= {f"head {name}": count_parameters(head) for name, head in model.heads.items()}
    parts["all"] = count_parameters(model)
    return table(
        ("part", "parameters", "learn"), [(name, f"{n:,}", f"{learn:,}") for name, (n, learn) in parts.items()]
    )
