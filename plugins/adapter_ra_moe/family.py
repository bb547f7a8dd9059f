"""The three adapters a spec can name; one implementation serves them all."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from unistd.core.adapter import Adapter, Site
from unistd.core.errors import UsageError
from unistd.core.router import RouterFactory
from unistd.plugins.adapter_ra_moe.config import Rank
from unistd.plugins.adapter_ra_moe.experts import LowRankExperts

PAPER_EXPERTS: Mapping[str, int] = {"q": 6, "k": 6, "v": 6, "proj": 2}
OWNER_EXPERTS = 2
"""Experts of a site whose owner leaves the number open, such as the temporal module's (method §5)."""


def ra_moe(
    sites: Sequence[Site],
    *,
    router: RouterFactory,
    experts: Mapping[str, int] = PAPER_EXPERTS,
    rank: Rank = Rank(),  # noqa: B008 - immutable
) -> dict[str, Adapter]:
    """Place ``experts[role]`` experts beside every site of that role, and the owner's number beside its own sites.

    Raises:
        UsageError: A role is named that no site of the trunk has.
    """
    _known(experts, sites)
    adapters: dict[str, Adapter] = {}
    for site in sites:
        counts = _counts(site, experts, OWNER_EXPERTS)
        if any(counts.values()):
            adapters[site.name] = LowRankExperts(
                site.width, site.parts, counts, rank=rank.first, max_rank=rank.max, router=router
            )
    return adapters


def lora(
    sites: Sequence[Site],
    *,
    router: RouterFactory,
    rank: int = 8,
    roles: Collection[str] = tuple(PAPER_EXPERTS),
) -> dict[str, Adapter]:
    """Place one expert of fixed rank beside every site of ``roles`` and beside the owners' own sites; no router.

    Raises:
        UsageError: A role is named that no site of the trunk has, or an owner asks for several experts.
    """
    del router
    _known(roles, sites)
    for site in sites:
        if (site.experts or 1) > 1:
            raise UsageError(
                f"adapter 'lora' has one expert, but '{site.name}' asks for {site.experts}",
                help="take 'experts' out of the module's options, or choose adapter 'ra-moe'",
            )
    wanted = dict.fromkeys(roles, 1)
    return {
        site.name: LowRankExperts(site.width, site.parts, counts, rank=rank, max_rank=rank, router=None)
        for site in sites
        if any((counts := _counts(site, wanted, 1)).values())
    }


def none(sites: Sequence[Site], *, router: RouterFactory) -> dict[str, Adapter]:
    """Place nothing.

    Raises:
        UsageError: An owner asks for experts.
    """
    del router
    asked = [site.name for site in sites if site.experts]
    if asked:
        raise UsageError(
            f"adapter 'none' makes no experts, but '{asked[0]}' asks for some",
            help="take 'experts' out of the module's options, or choose adapter 'ra-moe'",
        )
    return {}


def _counts(site: Site, wanted: Mapping[str, int], owner: int) -> dict[str, int]:
    if site.owned:
        return dict.fromkeys(site.parts, owner if site.experts is None else site.experts)
    return {role: wanted.get(role, 0) for role in site.parts}


def _known(roles: Collection[str], sites: Sequence[Site]) -> None:
    offered = list(dict.fromkeys(role for site in sites if not site.owned for role in site.parts))
    for role in roles:
        if role not in offered:
            raise UsageError(f"no linear map of the trunk has the role '{role}'", help=f"roles: {', '.join(offered)}")
