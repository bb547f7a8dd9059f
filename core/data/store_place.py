"""Where a store lies when nobody says where."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path


def default_store(name: str, fingerprint: Mapping[str, object]) -> Path:
    """Return the folder for the store of task ``name`` with the options and protocol version in ``fingerprint``.

    It is in ``$UNISTD_STORES``, or else in ``~/.cache/unistd/stores``; other options give another folder.
    """
    folder = Path(os.environ.get("UNISTD_STORES") or Path.home() / ".cache/unistd/stores")
    digest = hashlib.sha256(json.dumps(fingerprint, sort_keys=True, default=str).encode()).hexdigest()
    return folder / f"{name}-{digest[:12]}.zarr"
