import numpy as np
import pytest
import torch

from unistd.core.errors import DataError, ModelError
from unistd.core.evaluation.evaluate import evaluate
from unistd.plugins.metrics.pixelwise import MeanAbsoluteError, MeanSquaredError

SPLIT = ["test"] * 9


def last_frame(past, starts):
    return past[:, -1:].expand(-1, 2, -1, -1, -1)


def metrics(leads=2):
    return {"mse": MeanSquaredError(leads=leads, unit="K"), "mae": MeanAbsoluteError(leads=leads, unit="K")}


@pytest.mark.parametrize("batch", [1, 4, 100])
def test_scores_every_window_whatever_the_batch(make_windows, batch):
    """Frames 0 1 4 9 …: repeating frame n+1 misses n+2 by 2n+3 and n+3 by 4n+8, for n = 0 … 5."""
    windows = make_windows(np.arange(9.0) ** 2, SPLIT)
    scores = evaluate(windows, last_frame, metrics(), batch=batch)
    first, second = 2 * np.arange(6) + 3, 4 * np.arange(6) + 8
    assert scores["mae"].per_lead.tolist() == pytest.approx([first.mean(), second.mean()])
    assert scores["mse"].value == pytest.approx(np.mean([first**2, second**2]))


def test_windows_come_in_order_with_their_starts_and_in_bounded_reads(make_windows):
    windows = make_windows(np.arange(9.0), SPLIT)
    seen = []

    def forecast(past, starts):
        assert past.shape == (len(starts), 2, 1, 1, 1)
        assert past[:, 0].flatten().tolist() == starts.tolist()
        seen.extend(starts.tolist())
        return last_frame(past, starts)

    evaluate(windows, forecast, metrics(), batch=2)
    assert seen == windows.starts.tolist() == list(range(6))
    assert max(windows.store.reads) == 5, "two neighbouring windows of 4 frames need 5"


def test_a_second_evaluation_starts_afresh(make_windows):
    windows, same = make_windows(np.arange(9.0), SPLIT), metrics()
    first = evaluate(windows, last_frame, same, batch=4)["mse"]
    assert evaluate(windows, last_frame, same, batch=4)["mse"].value == first.value


def test_one_lead_stays_a_vector(make_windows):
    windows = make_windows(np.arange(9.0), SPLIT, future=1)
    scores = evaluate(windows, lambda past, starts: past[:, -1:], metrics(leads=1), batch=4)
    assert scores["mse"].per_lead.shape == (1,)
    assert scores["mse"].value.shape == ()


def test_a_forecast_of_the_wrong_shape_is_an_error(make_windows):
    windows = make_windows(np.arange(9.0), SPLIT)
    with pytest.raises(ModelError, match=r"task 'toy' has shape '\(4, 1, 1, 1, 1\)'") as error:
        evaluate(windows, lambda past, starts: past[:, -1:], metrics(), batch=4)
    assert "(4, 2, 1, 1, 1)" in error.value.help


def test_windows_that_are_not_scored_once_are_an_error(make_windows):
    windows = make_windows(np.arange(9.0), SPLIT)
    type(windows).__len__ = lambda self: len(self.starts) + 1
    with pytest.raises(DataError, match="'6' of 7 windows of task 'toy' were scored"):
        evaluate(windows, last_frame, metrics(), batch=4)


def test_nothing_is_tracked_for_gradients(make_windows):
    weight = torch.ones(1, requires_grad=True)
    windows = make_windows(np.arange(9.0), SPLIT)
    scores = evaluate(windows, lambda past, starts: last_frame(past, starts) * weight, metrics(), batch=4)
    assert not scores["mse"].value.requires_grad
