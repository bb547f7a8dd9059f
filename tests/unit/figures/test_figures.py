import math
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from unistd.core.figures import animation, results, strip, style
from unistd.core.figures.animation import forecast_gif
from unistd.core.figures.results import results_png
from unistd.core.figures.strip import strip_png
from unistd.core.task import Channel, TaskCard, Window

RNG = np.random.default_rng(0)
GREY = 0.78 * 255


def card(channels=1, unit="K", step=(30, "m"), **kw):
    return TaskCard(
        name="toy",
        discipline="test",
        version="1",
        channels=tuple(Channel(name=f"c{i}", unit=unit) for i in range(channels)),
        step=step,
        window=Window(past=2, future=3),
        **kw,
    )


RGB = {"channels": 3, "unit": "1", "normalization": "range", "value_range": (0.0, 1.0)}


def window(channels=1, past=2, future=3, grid=(6, 8)):
    frames = RNG.random((past + 2 * future, channels, *grid))
    return frames[:past], frames[past : past + future], frames[past + future :]


@pytest.fixture
def drawn(monkeypatch):
    """Keep the figures instead of writing them."""
    kept = []
    for module in (strip, results):
        monkeypatch.setattr(module, "save", lambda figure, path: kept.append(figure))
    return kept


def frames_of(figure):
    return [axes for axes in figure.axes if axes.images]


def texts_inside(figure):
    """Every piece of text lies wholly inside the figure."""
    BytesIO(style.rendered(figure))
    renderer = figure.canvas.get_renderer()
    whole = figure.bbox
    shown = [t for t in figure.findobj(match=lambda a: hasattr(a, "get_text")) if t.get_text() and t.get_visible()]
    ticks = [t for axes in figure.axes for axis in (axes.xaxis, axes.yaxis) for t in axis.get_ticklabels()]
    boxes = {t.get_text(): t.get_window_extent(renderer) for t in shown if t not in ticks}
    return [text for text, box in boxes.items() if box.x0 < 0 or box.y0 < 0 or box.x1 > whole.x1 or box.y1 > whole.y1]


def test_strip_has_four_rows_with_lead_times(drawn, tmp_path):
    strip_png(tmp_path / "a.png", *window(), card())
    axes = frames_of(drawn[0])
    assert len(axes) == 2 + 3 * 3
    assert [a.get_title() for a in axes[:5]] == ["−30 min", "0 min", "+30 min", "+60 min", "+90 min"]
    assert [a.get_ylabel() for a in axes if a.get_ylabel()] == ["input", "truth", "forecast", "error"]
    assert {a.get_ylabel() for a in drawn[0].axes if not a.images} == {"c0 (K)", "K"}


def test_values_share_one_scale_and_errors_are_forecast_minus_truth(drawn, tmp_path):
    past, truth, forecast = window()
    strip_png(tmp_path / "a.png", past, truth, forecast, card())
    shown = [axes.images[0] for axes in frames_of(drawn[0])]
    assert len({image.norm.vmax for image in shown[:8]}) == 1
    np.testing.assert_allclose(shown[8].get_array(), (forecast - truth)[0, 0])
    assert shown[8].norm.vmin == -shown[8].norm.vmax


@pytest.mark.parametrize("grid", [(6, 8), (40, 6), (1, 30)])
@pytest.mark.parametrize("name", ["toy", "a task with quite a long name, and a channel with another"])
def test_no_text_is_clipped(drawn, tmp_path, grid, name):
    strip_png(tmp_path / "a.png", *window(past=1, future=1, grid=grid), card(unit="K"), title=name)
    assert texts_inside(drawn[0]) == []


def test_missing_pixels_are_grey(tmp_path):
    past, truth, forecast = window(grid=(1, 1))
    truth[1:] = np.nan
    strip_png(tmp_path / "a.png", past, truth, forecast, card())
    image = np.asarray(Image.open(tmp_path / "a.png").convert("RGB"))
    grey = (abs(image - GREY) < 1).all(axis=-1)
    assert grey.sum() > 10_000, "two of three truth and error frames"


def test_rgb_is_drawn_as_colours_and_its_missing_pixels_grey():
    frames = np.stack([np.full((1, 2), value) for value in (0.0, 1.0, 2.0)])[None]
    frames[..., 1] = np.nan
    shown = style.picture(frames, card(**RGB), channel=0)
    assert shown[0, 0, 0].tolist() == [0.0, 1.0, 1.0]
    assert shown[0, 0, 1].tolist() == [0.78, 0.78, 0.78]
    assert style.picture(frames, card(3), channel=2).shape == (1, 1, 2), "unbounded data is no colour"


def test_any_channel_is_drawn_and_named(drawn, tmp_path):
    past, truth, forecast = window(channels=5)
    strip_png(tmp_path / "a.png", past, truth, forecast, card(5), channel=4)
    np.testing.assert_array_equal(frames_of(drawn[0])[0].images[0].get_array(), past[0, 4])
    assert [t.get_text() for t in drawn[0].texts] == ["toy, c4"]


def test_without_truth_there_is_no_error_row(drawn, tmp_path):
    past, _, forecast = window()
    strip_png(tmp_path / "a.png", past, None, forecast, card())
    assert [a.get_ylabel() for a in frames_of(drawn[0]) if a.get_ylabel()] == ["input", "forecast"]


def test_long_windows_show_eight_frames_with_first_and_last(drawn, tmp_path):
    strip_png(tmp_path / "a.png", *window(past=20, future=12), card(step=(1, "M")))
    titles = [a.get_title() for a in frames_of(drawn[0]) if a.get_title()]
    assert len(titles) == 16
    assert (titles[0], titles[7], titles[8], titles[15]) == ("−19 mo", "0 mo", "+1 mo", "+12 mo")


def test_rows_are_drawn_upwards_where_y_grows():
    assert style.upwards((np.array([-10.0, 0.0, 10.0]), {})) == "lower"
    assert style.upwards((np.array([10.0, 0.0]), {})) == "upper"
    assert style.upwards(None) == "upper"


@pytest.mark.parametrize("kind", [{}, RGB])
def test_gif_has_a_frame_per_lead_with_a_pause_at_the_end(tmp_path, kind):
    own = card(**kind)
    forecast_gif(tmp_path / "deep" / "a.gif", *window(channels=len(own.channels), future=4), own, milliseconds=200)
    with Image.open(tmp_path / "deep" / "a.gif") as gif:
        assert gif.n_frames == 4
        assert gif.info["loop"] == 0
        durations = []
        for frame in range(4):
            gif.seek(frame)
            durations.append(gif.info["duration"])
        assert durations == [200, 200, 200, 600]
        assert gif.convert("RGB").getpixel((1, 1)) == (255, 255, 255)


@pytest.mark.parametrize("kind", [{}, RGB])
def test_gif_panels_are_named_with_their_times(monkeypatch, tmp_path, kind):
    kept = []
    play = animation.Stage.play

    def playing(stage, panels):
        image = play(stage, panels)
        assert texts_inside(stage.figure) == []
        kept.append([axes.get_title() for axes in frames_of(stage.figure)])
        return image

    monkeypatch.setattr(animation.Stage, "play", playing)
    own = card(**kind)
    forecast_gif(tmp_path / "a.gif", *window(channels=len(own.channels)), own)
    assert kept[2] == [
        "input 0 min",
        "truth +90 min",
        "forecast +90 min",
        "error +90 min",
    ]


def record(model, **baselines):
    scores = {"persistence": {"mse": 2.0}} | {name: {"mse": value} for name, value in baselines.items()}
    return {"test": {"mse": model}, "baselines": scores}


def test_results_are_errors_over_persistence_best_at_the_top(drawn, tmp_path):
    records = {"bad": record(2.4), "good": record(1.0, climatology=1.5), "broken": record(math.nan)}
    results_png(tmp_path / "a.png", records)
    (axes,) = drawn[0].axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["broken", "bad", "good"]
    assert [bar.get_width() for bar in axes.patches] == pytest.approx([0.0, 1.2, 0.5])
    assert [text.get_text() for text in axes.texts] == ["nan", "1.200", "0.500"]
    assert axes.collections[0].get_offsets().tolist() == [[0.75, 2.0]]
    assert texts_inside(drawn[0]) == []


def test_a_baseline_beyond_the_axis_keeps_its_value(drawn, tmp_path):
    results_png(tmp_path / "a.png", {"taxi": record(1.0, day_lag=12.0)})
    assert "day_lag 6.00 ›" in [text.get_text() for text in drawn[0].axes[0].texts]


@pytest.mark.parametrize("values", [np.full((1, 1, 2, 2), np.nan), np.zeros((1, 1, 2, 2))])
def test_frames_without_contrast_can_be_drawn(tmp_path, values):
    strip_png(tmp_path / "a.png", values, values, values, card())
    assert (tmp_path / "a.png").stat().st_size > 0
