"""Which sites each adapter of the family serves."""

from __future__ import annotations

import pytest

from unistd.core.adapter import Site
from unistd.core.errors import UsageError
from unistd.core.rank_plan import RankPlan
from unistd.plugins.adapter_ra_moe.family import full, lora, moe_lora, none, ra_moe
from unistd.plugins.router_softmax.softmax import SoftmaxRouter

SITES = [
    *(
        Site(name=f"layers.{i}.{name}", width=6, parts=parts)
        for i in (0, 1)
        for name, parts in (
            ("attn.qkv", {"q": 6, "k": 6, "v": 6}),
            ("attn.proj", {"proj": 6}),
            ("mlp.fc1", {"fc1": 24}),
            ("mlp.fc2", {"fc2": 6}),
        )
    ),
    Site(name="layers.0.temporal.up", width=2, parts={"temporal": 6}, owned=True, learns=True),
]


def placed(adapter, **options):
    made = adapter(SITES, router=SoftmaxRouter, **options)
    return {name.removeprefix("layers."): module.experts for name, module in made.items()}


@pytest.mark.parametrize("adapter", [ra_moe, moe_lora])
def test_the_papers_numbers_of_experts(adapter):
    made = placed(adapter)
    assert made["0.attn.qkv"] == {"q": 6, "k": 6, "v": 6}
    assert made["1.attn.proj"] == {"proj": 2}
    assert made["0.temporal.up"] == {"temporal": 2}
    assert len(made) == 5


def test_ranks_of_ra_moe_learn_and_those_of_moe_lora_do_not():
    free = ra_moe(SITES, router=SoftmaxRouter, rank=RankPlan(first=2.5, max=3, budget=2))["layers.0.attn.proj"]
    fixed = moe_lora(SITES, router=SoftmaxRouter, rank=3)["layers.0.attn.proj"]
    assert (free.rank.tolist(), free.rank.requires_grad) == ([2.5, 2.5], True)
    assert (fixed.rank.tolist(), fixed.rank.requires_grad) == ([3, 3], False)
    assert free.down.shape == fixed.down.shape == (6, 6)


def test_lora_has_one_expert_and_no_router():
    made = lora(SITES, router=SoftmaxRouter, rank=3, roles=("q", "v", "fc2"))
    assert made["layers.0.attn.qkv"].experts == {"q": 1, "v": 1}
    assert "layers.0.attn.proj" not in made
    assert "layers.1.mlp.fc2" in made
    assert not any("routers" in name for module in made.values() for name, _ in module.named_parameters())


def test_maps_can_be_named_by_role_by_name_and_by_layer():
    made = placed(ra_moe, experts={"q": 2, "mlp.fc1": 3, "layers.1.attn.qkv": 4, "layers.1.mlp.fc1": 0})
    assert made == {
        "0.attn.qkv": {"q": 2},
        "0.mlp.fc1": {"fc1": 3},
        "1.attn.qkv": {"q": 4, "k": 4, "v": 4},
        "0.temporal.up": {"temporal": 2},
    }


@pytest.mark.parametrize("name", ["query", "qkv2", "lp.fc1", "layers.2.attn.qkv"])
def test_a_name_that_fits_nothing_is_answered_with_all_there_are(name):
    with pytest.raises(UsageError) as caught:
        ra_moe(SITES, router=SoftmaxRouter, experts={name: 6})
    assert str(caught.value).splitlines() == [
        f"no linear map of the trunk is called '{name}'",
        "  help: roles: q, k, v, proj, fc1, fc2; maps: attn.qkv, attn.proj, mlp.fc1, mlp.fc2; "
        "all of them: layers.0.attn.qkv … layers.1.mlp.fc2",
    ]


def test_none_and_full_place_nothing():
    learning = [Site(name="layers.0.attn.qkv", width=6, parts={"q": 6}, learns=True)]
    assert none(SITES, router=SoftmaxRouter) == {}
    assert full(learning, router=SoftmaxRouter) == {}


def test_full_needs_a_trunk_that_learns_and_none_one_that_does_not():
    learning = [Site(name="layers.0.attn.qkv", width=6, parts={"q": 6}, learns=True)]
    with pytest.raises(UsageError, match=r"'full' trains .* 'layers.0.attn.qkv' is frozen\n.*freeze: false"):
        full(SITES, router=SoftmaxRouter)
    with pytest.raises(UsageError, match=r"the trunk itself learns: 'layers.0.attn.qkv'\n.*adapter 'full'"):
        none(learning, router=SoftmaxRouter)


@pytest.mark.parametrize(
    ("adapter", "says"),
    [
        (lora, "adapter 'lora' has one expert"),
        (none, "adapter 'none' makes no experts"),
        (full, "adapter 'full' makes no experts"),
    ],
)
def test_experts_nobody_would_make_are_refused(adapter, says):
    asking = Site(name="layers.0.temporal.up", width=2, parts={"temporal": 6}, owned=True, experts=2)
    with pytest.raises(UsageError, match=says):
        adapter([*SITES[:2], asking], router=SoftmaxRouter)
