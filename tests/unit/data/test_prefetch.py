import threading

import pytest

from unistd.core.data.prefetch import Prefetcher


def reading_threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith("unistd-read")]


def test_items_come_in_order_whichever_is_read_first():
    read_after = {step: threading.Event() for step in range(20)}

    def read(step):  # an even step is done only after the odd one that follows it
        if step % 2 == 0:
            assert read_after[step + 1].wait(10)
        read_after[step].set()
        return step * step

    with Prefetcher(read, range(20), 2) as items:
        assert list(items) == [step * step for step in range(20)]


def test_no_more_is_read_than_two_items_a_thread_ahead():
    started = []
    with Prefetcher(started.append, range(100), 2) as items:
        for _ in range(5):
            next(items)
    assert len(started) <= 5 + 4


def test_reading_happens_off_the_calling_thread():
    with Prefetcher(lambda step: threading.current_thread(), range(3), 1) as items:
        assert threading.main_thread() not in list(items)


def test_an_error_comes_where_its_item_would_have_come():
    def read(step):
        if step == 2:
            raise ValueError("step 2 is broken")
        return step

    items = Prefetcher(read, range(9), 3)
    assert [next(items), next(items)] == [0, 1]
    with pytest.raises(ValueError, match="step 2 is broken"):
        next(items)
    assert not reading_threads()


def use_and_interrupt(items):
    with items:
        next(items)
        raise KeyboardInterrupt


def test_leaving_early_ends_the_threads():
    items = Prefetcher(lambda step: step, range(1000), 4)
    with pytest.raises(KeyboardInterrupt):
        use_and_interrupt(items)
    assert not reading_threads()
    assert list(items) == []


def test_waiting_is_counted_only_while_an_item_is_not_ready():
    gate = threading.Event()
    with Prefetcher(lambda step: gate.wait(10), range(1), 1) as items:
        assert items.waited == 0
        gate.set()
        next(items)
        waited = items.waited
        assert waited > 0
        assert list(items) == []
        assert items.waited == waited
