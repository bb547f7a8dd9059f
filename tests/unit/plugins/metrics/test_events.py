import math

import pytest
import torch

from unistd.core.errors import DataError, UsageError
from unistd.plugins.metrics import categorical
from unistd.plugins.metrics.categorical import CriticalSuccessIndex, FrequencyBias

NAN = math.nan
SMALL = {"thresholds": (4.0,), "epsilon": 1e-12}


def scored(build, prediction, target, **options):
    metric = build(leads=target.shape[1], unit="dBZ", **options)
    metric.update(prediction, target)
    return metric.compute()


def frames(*leads):
    """One window, one channel, one row: (1, T', 1, 1, W)."""
    return torch.tensor(leads).reshape(1, len(leads), 1, 1, -1)


def table(hits, misses, alarms, negatives):
    """Frames with these counts at threshold 4, whose events are exactly 4."""
    said = [4.0] * hits + [3.9] * misses + [4.0] * alarms + [0.0] * negatives
    seen = [4.0] * hits + [4.0] * misses + [3.9] * alarms + [0.0] * negatives
    return frames(said), frames(seen)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # H = 6, M = 2, F = 4, C = 8; 20 pixels
        ("CriticalSuccessIndex", 6 / (6 + 2 + 4)),
        ("ProbabilityOfDetection", 6 / (6 + 2)),
        ("SuccessRatio", 6 / (6 + 4)),
        ("FalseAlarmRatio", 4 / (6 + 4)),
        ("MissRatio", 2 / (6 + 2)),
        ("FrequencyBias", (6 + 4) / (6 + 2)),
        # right by chance: (8·10 + 12·10) / 20 = 10 of 20; right: 14. (14 - 10) / (20 - 10)
        ("HeidkeSkillScore", 4 / 10),
        # hits by chance: 8·10 / 20 = 4. (6 - 4) / (12 - 4)
        ("EquitableThreatScore", 2 / 8),
    ],
)
def test_scores_of_a_table_by_hand(name, expected):
    score = scored(getattr(categorical, name), *table(6, 2, 4, 8), **SMALL)
    assert score.value == pytest.approx(expected, rel=1e-9)
    assert score.per_lead.reshape(-1).tolist() == pytest.approx([expected], rel=1e-9)


def test_epsilon_is_in_the_denominator_and_an_event_nobody_saw_scores_0():
    assert scored(CriticalSuccessIndex, *table(1, 0, 0, 3), thresholds=(4.0,)).value == pytest.approx(1 / 1.0001)
    assert scored(CriticalSuccessIndex, *table(0, 0, 0, 3), thresholds=(4.0,)).value == 0
    assert scored(FrequencyBias, *table(0, 0, 2, 3), thresholds=(4.0,), epsilon=0.5).value == pytest.approx(2 / 0.5)


# Lead 1: at 1, 3 hits; at 4, 1 hit and 1 miss.  Lead 2: at 1, 1 hit and 2 false alarms; at 4, 1 false alarm.
SAID = frames([5.0, 1.0, 2.0, NAN], [1.0, 1.0, 4.0, 9.0])
SEEN = frames([5.0, 4.0, 1.0, 0.0], [1.0, 0.0, 0.0, NAN])
SAID[0, 0, 0, 0, 3] = 0.0


def test_thresholds_and_leads_by_hand():
    """Pooled over leads: at 1 4 / 6, at 4 1 / 3.  By lead: 1 and 1/2, mean 3/4; 1/3 and 0, mean 1/6."""
    options = {"thresholds": (1.0, 4.0), "epsilon": 1e-12}
    pooled = scored(CriticalSuccessIndex, SAID, SEEN, **options)
    assert {name: float(part) for name, part in pooled.parts.items()} == pytest.approx({"1": 4 / 6, "4": 1 / 3})
    assert pooled.value == pytest.approx((4 / 6 + 1 / 3) / 2)
    assert pooled.per_lead.tolist() == pytest.approx([3 / 4, 1 / 6])
    by_lead = scored(CriticalSuccessIndex, SAID, SEEN, **options, average="leads")
    assert {name: float(part) for name, part in by_lead.parts.items()} == pytest.approx({"1": 2 / 3, "4": 1 / 4})
    assert by_lead.value == pytest.approx((3 / 4 + 1 / 6) / 2)
    assert by_lead.per_lead.tolist() == pytest.approx([3 / 4, 1 / 6])


def test_a_lead_without_a_target_takes_no_part_in_the_mean_of_leads():
    seen = SEEN.clone()
    seen[:, 1] = NAN
    score = scored(CriticalSuccessIndex, SAID, seen, thresholds=(1.0, 4.0), epsilon=1e-12, average="leads")
    assert score.value == pytest.approx(3 / 4)
    assert score.per_lead[1].isnan()
    with pytest.raises(DataError, match="'csi' has no value: not one target was valid"):
        scored(CriticalSuccessIndex, SAID, seen * NAN, thresholds=(1.0,))


def test_pooled_blocks_count_by_their_largest_valid_value():
    """5×9 pixels in 4×4 blocks: two blocks, the fifth row and the ninth column take no part.

    Left block: forecast and truth have their event in different pixels, a hit. Right: the forecast's only event lies
    where the target is missing, and the truth has none, so a correct negative; by pixels it would be one as well.
    """
    said, seen = torch.zeros(1, 1, 1, 5, 9), torch.zeros(1, 1, 1, 5, 9)
    said[..., 0, 0], seen[..., 3, 3] = 7.0, 7.0
    said[..., 1, 5], seen[..., 1, 5] = 7.0, NAN
    said[..., 4, 8] = 7.0
    assert scored(CriticalSuccessIndex, said, seen, **SMALL, pool=4).value == pytest.approx(1)
    assert scored(CriticalSuccessIndex, said, seen, **SMALL).value == 0
    seen[..., 4:8] = NAN  # a block without a valid pixel
    metric = CriticalSuccessIndex(leads=1, unit="1", **SMALL, pool=4)
    metric.update(said, seen)
    assert metric.counts.sum() == 1
    with pytest.raises(UsageError, match="frames of '5×9' pixels are smaller than the blocks of csi-pool16"):
        scored(CriticalSuccessIndex, said, seen, **SMALL, pool=16)


@pytest.mark.parametrize("threshold", [-1.0, 0.0, 255.5])
def test_a_threshold_that_separates_no_values_is_refused(threshold):
    with pytest.raises(UsageError, match=f"'csi' has the threshold '{threshold:g}', which no value lies on") as error:
        CriticalSuccessIndex(leads=1, unit="1", value_range=(0.0, 255.0), thresholds=(threshold,))
    assert "values go from 0 to 255" in error.value.help
    assert CriticalSuccessIndex(leads=1, unit="1", value_range=(0.0, 255.0), thresholds=(255.0,))


def test_the_identity_names_what_makes_another_number():
    identity = CriticalSuccessIndex(leads=1, unit="1", thresholds=(16.0, 74.0), pool=16, average="leads").identity
    assert (identity.name, identity.thresholds) == ("csi-pool16-leads", (16.0, 74.0))
    assert "0.0001 in denominators" in identity.reduction
    assert FrequencyBias(leads=1, unit="1", thresholds=(1.0,)).identity.better == "one"
