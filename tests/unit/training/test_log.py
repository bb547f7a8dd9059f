from __future__ import annotations

import json

from unistd.core.training.log import JsonLines


def steps(path):
    return [json.loads(line)["step"] for line in path.read_text().splitlines()]


def test_resuming_drops_rows_that_will_be_done_again_and_a_cut_line(tmp_path):
    path = tmp_path / "log.jsonl"
    log = JsonLines(path)
    for step in (1, 2, 3, 4):
        log.write("train", step, loss=0.5)
    log.close()
    with path.open("a") as file:
        file.write('{"event": "train", "st')
    again = JsonLines(path, resume_at=2)
    again.write("train", 3, loss=0.4)
    again.close()
    assert steps(path) == [1, 2, 3]


def test_a_new_run_appends_to_nothing(tmp_path):
    log = JsonLines(tmp_path / "log.jsonl", resume_at=0)
    log.write("train", 1)
    log.close()
    assert steps(tmp_path / "log.jsonl") == [1]
