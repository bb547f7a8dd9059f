from typing import get_args

import pytest

from unistd.core.data.ledger import check_card
from unistd.registry.registry import Registry
from unistd.registry.slot import Choice

REGISTRY = Registry.discover()


def tasks_with_protocols():
    for name in REGISTRY.names("task"):
        config = REGISTRY.find("task", name).config
        if "protocol" in config.model_fields:
            yield pytest.param(name, config, id=name)


@pytest.mark.parametrize(("name", "config"), tasks_with_protocols())
def test_every_protocol_offered_is_described_and_has_a_card(name, config):
    field = config.model_fields["protocol"]
    task = REGISTRY.factory("task", Choice(name))
    assert [protocol.name for protocol in task().protocols] == list(get_args(field.annotation))
    assert field.default == "unistd" == task().card.protocol == task().protocols[0].name
    for protocol in task().protocols:
        card = task(protocol=protocol.name).card
        check_card(card)
        assert card.protocol == protocol.name
        assert card.name == name.rpartition("/")[2]
        assert card.source
        assert card.licence
        assert card.size
        assert protocol.summary
