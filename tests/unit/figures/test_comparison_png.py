from unistd.core.comparison.outcome import Outcome
from unistd.core.comparison.summary import summarise
from unistd.core.figures import comparison


def outcome(variant, seed, errors):
    return Outcome(
        variant=variant,
        seed=seed,
        alone="",
        errors=errors,
        baselines={},
        step=1,
        steps=1,
        samples={},
        parameters=1,
        learning=1,
        seconds=1.0,
        peak_bytes=1,
    )


def test_every_seed_is_a_dot_and_the_control_a_line_through_every_panel(monkeypatch, tmp_path):
    kept = []
    monkeypatch.setattr(comparison, "save", lambda figure, path: kept.append(figure))
    runs = [outcome("heads", s, {"x": 0.8 + s, "y": 0.9}) for s in (0, 1)] + [outcome("a", 0, {"x": 0.5, "y": 1.5})]
    comparison.comparison_png(tmp_path / "c.png", summarise(runs, control="heads"), "test")
    (figure,) = kept
    panels = {axes.get_title(): axes for axes in figure.axes}
    assert list(panels) == ["mean", "x", "y"]
    below, above = (dots.get_offsets()[:, 0].tolist() for dots in panels["x"].collections)
    assert (below, above) == ([0.5], [0.8, 1.8])
    dashed = [line for axes in panels.values() for line in axes.lines if line.get_linestyle() == "--"]
    assert [line.get_xdata()[0] for line in dashed] == [(1.3 + 0.9) / 2, 1.3, 0.9]
    assert [text.get_text() for text in figure.legends[0].get_texts()][-1] == "heads alone"
