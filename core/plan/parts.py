"""How many parameters each part of a model has, and how many of them learn."""

from __future__ import annotations

from unistd.core.model import UnifiedModel, count_parameters

Count = tuple[int, int]


def parameters_by_part(model: UnifiedModel) -> dict[str, Count]:
    """Return parameters, and those that learn, of trunk, what stands beside it, each head, and all of them."""
    trunk = [(p.numel(), p.requires_grad) for p in model.trunk_parameters().values()]
    parts = {"trunk": (sum(n for n, _ in trunk), sum(n for n, learns in trunk if learns))}
    backbone = count_parameters(model.backbone)
    parts["adapters and temporal modules"] = (backbone[0] - parts["trunk"][0], backbone[1] - parts["trunk"][1])
    parts |= {f"head {name}": count_parameters(head) for name, head in model.heads.items()}
    return parts | {"all": count_parameters(model)}
