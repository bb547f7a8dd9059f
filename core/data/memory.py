"""How much memory may still be used."""

from __future__ import annotations

import os
from pathlib import Path


def available_memory(group: Path = Path("/sys/fs/cgroup"), info: Path = Path("/proc/meminfo")) -> int:
    """Return the bytes that can be taken without swapping, within the limit of the container, if there is one."""
    free = _machine(info)
    try:  # control groups v2: the container's own limit
        limit, used = ((group / name).read_text().strip() for name in ("memory.max", "memory.current"))
        return free if limit == "max" else max(0, min(free, int(limit) - int(used)))
    except OSError:
        return free


def _machine(info: Path) -> int:
    try:
        fields = dict(line.split(":") for line in info.read_text().splitlines())
        return int(fields["MemAvailable"].split()[0]) * 1024
    except OSError:  # not Linux: a quarter of what is built in
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 4
