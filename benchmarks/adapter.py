"""What do 20 experts a layer cost? Forward and backward of the adapted trunk ÷ the frozen trunk alone.

Beside it, in the same rounds: one LoRA of PEFT (r = 8 on qkv and proj), the same mixture as a loop over its experts,
and PEFT's X-LoRA where it can run. Needs ``pip install peft``; without it those rows are left out.

Run:  python benchmarks/adapter.py --json benchmarks/results/adapter.json
"""

from __future__ import annotations

import copy
import resource
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import click
import torch
from record import ratio, record, side_by_side
from torch import Tensor, nn

from unistd.core.adapter import AdaptedLinear
from unistd.core.backbone import Backbone
from unistd.core.rank_plan import RankPlan
from unistd.core.ranked import ranked_adapters, whole_ranks
from unistd.plugins.adapter_ra_moe.experts import LowRankExperts
from unistd.plugins.adapter_ra_moe.family import lora, ra_moe
from unistd.plugins.backbone_vit.timm_vit import timm_vit
from unistd.plugins.router_softmax.softmax import SoftmaxRouter


class Size(NamedTuple):
    """A trunk and the batch of tokens it sees."""

    variant: str
    batch: int
    tokens: int
    dtype: torch.dtype


CPU = (Size("vit_base_patch16_224", 4, 64, torch.float32), Size("vit_tiny_patch16_224", 16, 64, torch.float32))
CUDA = (Size("vit_base_patch16_224", 16, 256, torch.bfloat16),)
PLAN = RankPlan(first=4.5, max=8)
TARGETS = {  # trunk, candidate, to: largest ratio wanted; a loop is to cost at least 1.5 times the fused form
    ("vit_base_patch16_224", "ra-moe", "frozen"): 1.12,
    ("vit_base_patch16_224", "ra-moe compacted", "frozen"): 1.10,
    ("vit_base_patch16_224", "ra-moe", "peft lora"): 1.03,
    ("vit_base_patch16_224", "ra-moe", "loop"): 1 / 1.5,
    ("vit_tiny_patch16_224", "ra-moe", "frozen"): 1.40,
    ("vit_tiny_patch16_224", "ra-moe compacted", "frozen"): 1.30,
}
CUDA_TARGETS = {("vit_base_patch16_224", "ra-moe", "frozen"): 1.15}  # compiled


class Looped(LowRankExperts):
    """The same mixture, one expert after another."""

    def forward(self, x: Tensor, linear: nn.Linear) -> Tensor:
        """Return what the fused form returns."""
        parts, e, mask = [], 0, self._mask()
        for role, width in self.parts.items():
            part = x.new_zeros(*x.shape[:-1], width)
            gates = self.routers[role](x) if role in self.routers else None
            for own in range(self.experts.get(role, 0)):
                rows = slice(e * self.room, (e + 1) * self.room)
                seen = nn.functional.linear(x, self.down[rows]) * mask[e, rows]
                said = seen @ self.up[role][own * self.room : (own + 1) * self.room]
                part = part + (said if gates is None else gates[..., own : own + 1] * said)
                e += 1
            parts.append(part)
        return linear(x) + torch.cat(parts, dim=-1)


def placed(trunk: Backbone, factory: Callable[..., Any]) -> Backbone:
    for name, adapter in factory(trunk.sites(), router=SoftmaxRouter).items():
        trunk.set_submodule(name, AdaptedLinear(trunk.get_submodule(name), adapter))
    return trunk


def looped(trunk: Backbone) -> Backbone:
    trunk = placed(trunk, partial(ra_moe, rank=PLAN))
    for _, adapter in ranked_adapters(trunk):
        adapter.__class__ = Looped
    return trunk


def compacted(trunk: Backbone) -> Backbone:
    """Return the trunk after the rank phase: ranks apart, 4.5 on average."""
    trunk = placed(trunk, partial(ra_moe, rank=PLAN))
    torch.manual_seed(0)
    for _, adapter in ranked_adapters(trunk):
        ranks = 8 * torch.rand(adapter.rank.numel())
        adapter.compact(whole_ranks(ranks, round(4.5 * len(ranks)), 0, 8).tolist())
    return trunk


def peft_lora(trunk: Backbone) -> nn.Module:
    from peft import LoraConfig, inject_adapter_in_model

    return inject_adapter_in_model(LoraConfig(r=8, lora_alpha=8, target_modules=["qkv", "proj"]), trunk)


def peft_x_lora(trunk: Backbone) -> nn.Module:
    """Six LoRAs with X-LoRA's gate, which is made for language models: what it lacks here is what the record says."""
    from peft import LoraConfig, XLoraConfig, get_peft_model

    with TemporaryDirectory() as folder:
        saved = {}
        for name in map(str, range(6)):
            one = get_peft_model(copy.deepcopy(trunk), LoraConfig(r=8, target_modules=["qkv", "proj"]))
            one.save_pretrained(f"{folder}/{name}")
            saved[name] = f"{folder}/{name}"
        return get_peft_model(trunk, XLoraConfig(hidden_size=trunk.width, adapters=saved))


CANDIDATES: dict[str, Callable[[Backbone], nn.Module]] = {
    "frozen": lambda trunk: trunk,
    "ra-moe": lambda trunk: placed(trunk, partial(ra_moe, rank=PLAN)),
    "ra-moe compacted": compacted,
    "lora": lambda trunk: placed(trunk, lora),
    "peft lora": peft_lora,
    "peft x-lora": peft_x_lora,
    "loop": looped,
}


def step(trunk: nn.Module, x: Tensor, grid: tuple[int, int]) -> None:
    """Run forward and backward, to the gradients of the input and of all that learns."""
    with torch.autocast(x.device.type, torch.bfloat16, enabled=x.dtype == torch.bfloat16):
        y = trunk(x, grid)
    y.backward(torch.ones_like(y))
    x.grad = None
    trunk.zero_grad(set_to_none=True)


def profiled(trunk: nn.Module, x: Tensor, grid: tuple[int, int]) -> list[dict[str, Any]]:
    """Return where the time of one step goes: the twelve longest operations by input shapes."""
    with torch.profiler.profile(record_shapes=True) as seen:
        step(trunk, x, grid)
    rows = seen.key_averages(group_by_input_shape=True)
    whole = sum(row.self_cpu_time_total for row in rows)
    longest = sorted(rows, key=lambda row: row.self_cpu_time_total, reverse=True)[:12]
    return [
        {
            "operation": row.key,
            "shapes": str([shape for shape in row.input_shapes if shape]),
            "calls": row.count,
            "share": round(row.self_cpu_time_total / whole, 4),
        }
        for row in longest
    ]


def judged(seconds: dict[str, list[float]], trunk: str, targets: dict[Any, float]) -> list[dict[str, Any]]:
    """Set the ratios that have a target beside it."""
    return [
        {
            "trunk": trunk,
            "ratio": f"{name} ÷ {to}",
            "is": own,
            "target": round(target, 3),
            "met": own <= round(target, 3),
        }
        for (of, name, to), target in targets.items()
        if of == trunk and name in seconds and to in seconds
        for own in [round(ratio(seconds, name, to), 3)]
    ]


def measure(size: Size, device: str, repeats: int, compiled: bool) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Time all candidates on one size; return a row for each, and the ratios that have a target."""
    steps, left_out = {}, {}
    for name, build in CANDIDATES.items():
        frozen = timm_vit(variant=size.variant, pretrained=False)
        x = torch.randn(size.batch, size.tokens, frozen.width, device=device, dtype=size.dtype, requires_grad=True)
        side = int(size.tokens**0.5)
        try:
            trunk = build(frozen).to(device)
            run = torch.compile(trunk) if compiled else trunk
            step(run, x, (side, size.tokens // side))
        except Exception as error:  # whatever keeps a peer from running on a vision transformer
            left_out[name] = f"{type(error).__name__}: {error}"
            continue
        steps[name] = partial(step, run, x, (side, size.tokens // side))
    seconds = side_by_side(steps, repeats, torch.cuda.synchronize if device == "cuda" else lambda: None)
    rows = [
        {
            "trunk": size.variant,
            "tokens": f"{size.batch}×{size.tokens}",
            "compiled": compiled,
            "candidate": name,
            "÷ frozen": round(ratio(seconds, name, "frozen"), 3),
            "÷ peft lora": round(ratio(seconds, name, "peft lora"), 3) if "peft lora" in seconds else None,
            "seconds": [round(value, 4) for value in seconds[name]],
        }
        for name in seconds
    ]
    targets = CUDA_TARGETS if device == "cuda" and compiled else TARGETS if device == "cpu" else {}
    for row in rows:
        if row["candidate"] == "ra-moe" and not compiled:
            row["profile"] = profiled(*steps["ra-moe"].args)
    rows += [{"trunk": size.variant, "candidate": name, "left out": why} for name, why in left_out.items()]
    return rows, judged(seconds, size.variant, targets)


@click.command()
@click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True)
@click.option("--repeats", type=click.IntRange(min=5), default=9, show_default=True)
@click.option("--compile", "compiled", is_flag=True, help="Also with torch.compile.")
@click.option("--json", "path", type=click.Path(path_type=Path), help="Where the record is written.")
def main(device: str, repeats: int, compiled: bool, path: Path | None) -> None:
    """Time the candidates side by side and print their ratios."""
    torch.manual_seed(0)
    rows, verdicts = [], []
    for size in CUDA if device == "cuda" else CPU:
        for each in (False, True) if compiled else (False,):
            measured, judgements = measure(size, device, repeats, each)
            rows += measured
            verdicts += judgements
    for row in rows:
        where = f"{row['trunk']:22}{row.get('tokens', ''):8}{'compiled ' if row.get('compiled') else ''}"
        said = f"{row['÷ frozen']:.3f} × frozen" if "÷ frozen" in row else f"left out: {row['left out']}"
        click.echo(f"{where}{row['candidate']:18}{said}")
    for verdict in verdicts:
        said = "met" if verdict["met"] else "missed"
        click.echo(
            f"{verdict['trunk']:22}{verdict['ratio']:27}{verdict['is']:.3f}, target {verdict['target']:.3f}: {said}"
        )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    memory = torch.cuda.max_memory_allocated() // 2**20 if device == "cuda" else peak
    record(
        rows, path, targets=verdicts, peak_memory_mib=memory, experts="q 6, k 6, v 6, proj 2", ranks="first 4.5, max 8"
    )


if __name__ == "__main__":
    main()
