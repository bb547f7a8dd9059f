import pytest
import torch

from unistd.core.pretraining.masking import draw_order, hidden_count


@pytest.mark.parametrize(
    ("tokens", "share", "hidden"),
    [(256, 0.75, 192), (35, 0.75, 26), (10, 0.5, 5), (10, 0.37, 4), (2, 0.01, 1), (3, 0.99, 2)],
)
def test_exactly_the_share_is_hidden_never_none_and_never_all(tokens, share, hidden):
    assert hidden_count(tokens, share) == hidden


def test_an_order_is_a_permutation_of_each_frame_and_a_function_of_the_number():
    order = draw_order(5, 4, 30)
    assert torch.equal(order.sort(dim=1).values, torch.arange(30).expand(4, 30))
    assert torch.equal(order, draw_order(5, 4, 30))
    assert not torch.equal(order, draw_order(6, 4, 30))
    assert not torch.equal(order[0], order[1])


def test_every_token_is_hidden_and_seen_at_times():
    seen = torch.zeros(20)
    for number in range(100):
        seen[draw_order(number, 1, 20)[0, :5]] += 1
    assert seen.min() > 10  # 25 expected
    assert seen.max() < 45
