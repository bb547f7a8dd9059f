"""A factor for every output of a linear map."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import torch
from torch import Tensor, nn
from unistd.core.adapter import Adapter, Site
from unistd.core.errors import UsageError
from unistd.core.router import RouterFactory


def place(sites: Sequence[Site], *, router: RouterFactory, roles: Collection[str] = ()) -> dict[str, Adapter]:
    """Place an adapter beside every site that has one of ``roles``, or beside all.

    Args:
        sites: The linear maps of the trunk and of its temporal modules.
        router: Makes a router from D and E, for adapters with experts.
        roles: Roles that are adapted; all where there are none.

    Raises:
        UsageError: No site has any of the roles.
    """
    del router  # one expert needs none
    chosen = [site for site in sites if not roles or set(roles) & set(site.parts)]
    if not chosen:
        known = dict.fromkeys(role for site in sites for role in site.parts)
        raise UsageError(f"no linear map has a role of '{', '.join(roles)}'", help=f"roles: {', '.join(known)}")
    return {site.name: NewNameAdapter(sum(site.parts.values())) for site in chosen}


class NewNameAdapter(Adapter):
    """Multiplies the outputs of a frozen linear map by 1 + s, where s (O) starts at zero.

    Args:
        outputs: Features O that the map puts out.
    """

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor, linear: nn.Linear) -> Tensor:
        """Return the adapted output (..., O) of ``linear`` for tokens ``x`` (..., D)."""
        output: Tensor = linear(x) * (1 + self.scale)
        return output
