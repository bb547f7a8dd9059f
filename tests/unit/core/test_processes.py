import pytest

from unistd.core import processes
from unistd.core.processes import in_order, shared_out


@pytest.mark.parametrize(("count", "pieces"), [(1, 5), (2, 5), (4, 6), (3, 2), (2, 0)])
def test_pieces_are_shared_out_once_and_come_back_in_order(monkeypatch, count, pieces):
    made = []
    for rank in range(count):
        monkeypatch.setattr(processes, "this_process", lambda rank=rank: (rank, count))
        made.append([f"piece {number}" for number in shared_out(pieces)])
    monkeypatch.setattr(processes, "gathered", lambda own: made)
    assert in_order(made[0]) == [f"piece {number}" for number in range(pieces)]
