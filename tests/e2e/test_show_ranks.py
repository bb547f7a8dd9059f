"""What ``unistd show RUN --ranks`` and the picture say of a run's experts."""

from __future__ import annotations

import json
import shutil

import pytest

from unistd.cli.main import main


def test_ranks_and_use_are_shown_in_eighty_columns(finished, capsys):
    assert main(["show", str(finished), "--ranks"]) == 0
    said = capsys.readouterr().out
    assert "ranks fixed at step 6: 15 components, budget 15" in said
    lines = {line.rpartition("  ")[0].split("  ")[0].strip(): line for line in said.splitlines()}
    assert {"0 q", "0 k", "0 v", "0 proj", "0 temporal"} <= set(lines)
    rows = [json.loads(line) for line in (finished / "log.jsonl").read_text().splitlines()]
    last = [row for row in rows if row["event"] == "ranks"][-1]["ranks"]["layers.0.attn.qkv.q"]
    first_table = said.partition("use at step 12")[0]
    (line,) = [line for line in first_table.splitlines() if line.startswith("0 q")]
    assert line.split()[2] == f"{sum(last):g}"
    assert [word[0] for word in line.split()[3:]] == [f"{rank:g}" for rank in last]
    assert "layer role  city" in said
    assert max(map(len, said.splitlines())) <= 80


def test_json_has_every_row(finished, capsys):
    assert main(["show", str(finished), "--ranks", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [len(rows[event]) for event in ("ranks", "experts", "alarm")] == [5, 3, 0]


def test_the_spec_of_a_run_is_shown_like_a_spec(finished, capsys):
    assert main(["show", str(finished.parent / "tiny.yaml")]) == 0
    shown = capsys.readouterr().out
    assert main(["show", str(finished)]) == 0
    assert capsys.readouterr().out == shown


def test_the_picture_of_the_experts_is_drawn(finished):
    assert (finished / "experts.png").stat().st_size > 0


def test_alarms_of_the_log_are_shown(finished, tmp_path, capsys):
    shutil.copytree(finished, tmp_path / "copy")
    with (tmp_path / "copy" / "log.jsonl").open("a") as log:
        log.write(json.dumps({"event": "alarm", "step": 12, "what": "all is lost"}) + "\n")
        log.write('{"event": "alarm", "st')  # cut off by a kill
    assert main(["show", str(tmp_path / "copy"), "--ranks"]) == 0
    assert "alarm at step 12: all is lost" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["RUN", "--ranks", "--model"], "leave out '--model' and '-o'"),
        (["RUN", "-o", "seed=2"], "the spec of a run is what it is"),
        (["FOLDER", "--ranks"], "is no folder of a run: no log.jsonl"),
        (["RUN", "--model", "--json"], "'--model' prints a table"),
    ],
)
def test_what_cannot_be_shown_is_answered(arguments, says, finished, tmp_path, capsys):
    names = {"RUN": str(finished), "FOLDER": str(tmp_path)}
    assert main(["show", *(names.get(word, word) for word in arguments)]) == 2
    assert says in capsys.readouterr().err


def test_a_run_without_experts_is_answered(finished, tmp_path, capsys):
    rows = [json.loads(line) for line in (finished / "log.jsonl").read_text().splitlines()]
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows if row["event"] == "train"))
    assert main(["show", str(tmp_path), "--ranks"]) == 2
    assert "has logged no experts" in capsys.readouterr().err
