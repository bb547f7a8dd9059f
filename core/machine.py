"""What a measurement was made on."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import torch


def device_name() -> str:
    """Return the name of the GPU, or that of the processor with its vector instructions and number of cores."""
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    processor = named[0] if named else platform.processor()
    return f"{processor}, {torch.backends.cpu.get_cpu_capability()}, {os.cpu_count()} cores"
