"""The adapters a spec can name; one implementation serves all that have experts."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from unistd.core.adapter import Adapter, Site
from unistd.core.errors import UsageError
from unistd.core.rank_plan import RankPlan
from unistd.core.router import RouterFactory
from unistd.plugins.adapter_ra_moe.experts import LowRankExperts
from unistd.plugins.adapter_ra_moe.sites import experts_by_site

PAPER_EXPERTS: Mapping[str, int] = {"q": 6, "k": 6, "v": 6, "proj": 2}
OWNER_EXPERTS = 2
"""Experts of a site whose owner leaves the number open, such as the temporal module's (method §5)."""


def ra_moe(
    sites: Sequence[Site],
    *,
    router: RouterFactory,
    experts: Mapping[str, int] = PAPER_EXPERTS,
    rank: RankPlan = RankPlan(),  # noqa: B008 - immutable
) -> dict[str, Adapter]:
    """Place ``experts`` with ranks that learn beside the sites they name, and the owner's number beside its own sites.

    Raises:
        UsageError: A name fits no linear map of the trunk, or none gets an expert.
    """
    return _placed(sites, experts, rank, router)


def moe_lora(
    sites: Sequence[Site], *, router: RouterFactory, experts: Mapping[str, int] = PAPER_EXPERTS, rank: int = 4
) -> dict[str, Adapter]:
    """Place ``experts`` of one fixed rank as ``ra_moe`` does.

    Raises:
        UsageError: A name fits no linear map of the trunk, or none gets an expert.
    """
    return _placed(sites, experts, rank, router)


def lora(
    sites: Sequence[Site],
    *,
    router: RouterFactory,
    rank: int = 8,
    roles: Collection[str] = tuple(PAPER_EXPERTS),
) -> dict[str, Adapter]:
    """Place one expert of fixed rank beside every site of ``roles`` and beside the owners' own sites; no router.

    Raises:
        UsageError: A name fits no linear map of the trunk, none gets an expert, or an owner asks for several.
    """
    del router
    for site in sites:
        if (site.experts or 1) > 1:
            raise UsageError(
                f"adapter 'lora' has one expert, but '{site.name}' asks for {site.experts}",
                help="take 'experts' out of the module's options, or choose adapter 'ra-moe'",
            )
    return _placed(sites, dict.fromkeys(roles, 1), rank, None)


def none(sites: Sequence[Site], *, router: RouterFactory) -> dict[str, Adapter]:
    """Place nothing, beside a trunk that stays as it is.

    Raises:
        UsageError: An owner asks for experts, or the trunk learns.
    """
    del router
    _refuse_experts("none", sites)
    learning = [site.name for site in sites if site.learns and not site.owned]
    if learning:
        raise UsageError(
            f"adapter 'none' adapts nothing, but the trunk itself learns: '{learning[0]}'",
            help="choose adapter 'full' for a trunk that learns, or a trunk with freeze: true",
        )
    return {}


def full(sites: Sequence[Site], *, router: RouterFactory) -> dict[str, Adapter]:
    """Place nothing, beside a trunk whose own weights all learn (method §7).

    Raises:
        UsageError: An owner asks for experts, or the trunk is frozen or has nothing to train.
    """
    del router
    _refuse_experts("full", sites)
    if all(site.owned for site in sites):
        raise UsageError(
            "adapter 'full' trains the trunk, but the trunk has no linear map to train", help="choose adapter 'none'"
        )
    frozen = [site.name for site in sites if not (site.learns or site.owned)]
    if frozen:
        raise UsageError(
            f"adapter 'full' trains the trunk, but '{frozen[0]}' is frozen",
            help="freeze: false in the backbone, or adapter 'none'",
        )
    return {}


def _placed(
    sites: Sequence[Site], experts: Mapping[str, int], ranks: int | RankPlan, router: RouterFactory | None
) -> dict[str, Adapter]:
    owner = 1 if router is None else OWNER_EXPERTS
    placed: dict[str, Adapter] = {
        site.name: LowRankExperts(site.width, site.parts, counts, ranks=ranks, router=router)
        for site, counts in experts_by_site(sites, experts, owner)
        if any(counts.values())
    }
    if not placed:
        raise UsageError(
            "no linear map gets an expert", help="name some in the adapter's options, or choose adapter 'none'"
        )
    return placed


def _refuse_experts(adapter: str, sites: Sequence[Site]) -> None:
    asked = [site.name for site in sites if site.experts]
    if asked:
        raise UsageError(
            f"adapter '{adapter}' makes no experts, but '{asked[0]}' asks for some",
            help="take 'experts' out of the module's options, or choose adapter 'ra-moe'",
        )
