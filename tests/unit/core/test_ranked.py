"""How learned ranks become whole (method §3)."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings, strategies as st

from unistd.core.ranked import whole_ranks


@st.composite
def rounding(draw):
    low = draw(st.integers(0, 3))
    high = low + draw(st.integers(1, 8))
    ranks = draw(st.lists(st.floats(low, high, width=32), min_size=1, max_size=40))
    total = draw(st.integers(low * len(ranks), high * len(ranks)))
    return torch.tensor(ranks), total, low, high


@settings(deadline=None)
@given(rounding())
def test_whole_ranks_add_up_within_their_bounds_and_keep_their_order(case):
    ranks, total, low, high = case
    rounded = whole_ranks(ranks, total, low, high)
    assert rounded.dtype == torch.long
    assert rounded.sum() == total
    assert low <= rounded.min() <= rounded.max() <= high
    order = ranks.argsort()
    assert (rounded[order].diff() >= -1).all()  # never turned over by more than the one that rounding makes


@settings(deadline=None)
@given(rounding())
def test_ranks_that_add_up_move_by_less_than_one(case):
    ranks, _, low, high = case
    ranks = ranks.double()
    total = round(ranks.sum().item())
    rounded = whole_ranks(ranks, total, low, high)
    assert ((rounded - ranks).abs() <= 1 + abs(total - ranks.sum().item())).all()


@settings(deadline=None)
@given(st.lists(st.integers(0, 8), min_size=1, max_size=40))
def test_whole_ranks_that_add_up_stay_as_they_are(ranks):
    assert whole_ranks(torch.tensor(ranks, dtype=torch.float32), sum(ranks), 0, 8).tolist() == ranks


def test_the_largest_remainders_go_up_and_the_first_of_equal_ones():
    assert whole_ranks(torch.tensor([1.2, 2.7, 3.6, 0.5]), 8, 0, 8).tolist() == [1, 3, 4, 0]
    assert whole_ranks(torch.tensor([4.5, 4.5, 4.5, 4.5]), 18, 0, 8).tolist() == [5, 5, 4, 4]


def test_ranks_are_moved_together_to_another_sum_and_stop_at_their_bounds():
    assert whole_ranks(torch.tensor([1.0, 4.0, 7.0]), 9, 0, 8).tolist() == [0, 3, 6]
    assert whole_ranks(torch.tensor([1.0, 4.0, 7.0]), 18, 0, 8).tolist() == [4, 6, 8]
    assert whole_ranks(torch.tensor([1.0, 7.0]), 15, 0, 8).tolist() == [7, 8]


def test_a_sum_that_cannot_be_is_refused():
    with pytest.raises(ValueError, match="3 ranks from 1 to 8 cannot add up to 2"):
        whole_ranks(torch.ones(3), 2, 1, 8)
