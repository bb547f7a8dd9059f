"""From what a spec calls a linear map to the sites it means."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence

from unistd.core.adapter import Site
from unistd.core.errors import UsageError


def experts_by_site(
    sites: Sequence[Site], asked: Mapping[str, int], owner: int
) -> Iterator[tuple[Site, dict[str, int]]]:
    """Give every site with the number of experts of each of its parts.

    Args:
        sites: The trunk's linear maps, and those of modules of ours.
        asked: Numbers by role (``q``) or by the end of a map's name (``mlp.fc1``); a longer name beats a shorter one,
            and any name a role.
        owner: Experts of a site whose owner leaves the number open.

    Raises:
        UsageError: A name fits no linear map of the trunk.
    """
    _check(asked, [site for site in sites if not site.owned])
    for site in sites:
        if site.owned:
            yield site, dict.fromkeys(site.parts, owner if site.experts is None else site.experts)
            continue
        named = max((name for name in asked if _ends(site, name)), key=len, default=None)
        yield site, {role: asked[named] if named else asked.get(role, 0) for role in site.parts}


def _ends(site: Site, name: str) -> bool:
    return f".{site.name}".endswith(f".{name}")


def _check(names: Collection[str], sites: Sequence[Site]) -> None:
    roles = dict.fromkeys(role for site in sites for role in site.parts)
    maps = dict.fromkeys(re.sub(r"^.*\.\d+\.", "", site.name) for site in sites)
    for name in names:
        if name not in roles and not any(_ends(site, name) for site in sites):
            raise UsageError(
                f"no linear map of the trunk is called '{name}'",
                help=f"roles: {', '.join(roles)}; maps: {', '.join(maps)}; "
                f"all of them: {sites[0].name} … {sites[-1].name}"
                if sites
                else "the trunk has no linear map that takes an adapter; choose adapter 'none'",
            )
