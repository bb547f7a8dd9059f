"""One task's whole path as ONNX, checked against the model before anybody relies on it."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from unistd.core.data.normalization import Normalization
from unistd.core.errors import ModelError
from unistd.core.forecaster import Forecaster

OPSET = 18
"""The one torch.export's operators are written in, so that no converter comes after it."""
TOLERANCE = 1e-3
"""Largest difference from the model, in units of the normalisation's scale."""
ONE_FILE = 2**31 - 2**27
"""Bytes of weights that fit into one file: protobuf ends at 2 GiB, and the graph needs some."""


def export_onnx(path: Path, forecaster: Forecaster, task: str, past: Tensor) -> float:
    """Write normalise, predict and denormalise of ``task`` to ``path`` and run it beside the model.

    The file maps ``past`` (B, T, C, H, W) to ``forecast`` (B, T', C', H, W), both float32 in physical units, for any B
    on the grid of ``past``; NaN is missing. Weights of more than 2 GiB lie beside it in ``<name>.data``. The model is
    run by onnxruntime on one window, and on all of ``past`` with a part of the first window missing.

    Args:
        path: The file to write.
        forecaster: On the CPU; is switched to inference.
        task: What is exported.
        past: (B, T, C, H, W) real windows, B > 1.

    Returns:
        The largest difference between the file and the model, in units of the normalisation's scale.

    Raises:
        ModelError: The model cannot be traced, or the file differs by more than ``TOLERANCE`` and was removed.
    """
    model = _WholePath(forecaster, task).eval()
    program = _program(model, past)
    size = sum(tensor.nbytes for tensor in model.state_dict().values())
    program.save(path, external_data=size > ONE_FILE)
    gappy = past.clone()
    gappy[0, :, :, : (past.shape[-2] + 1) // 2, : (past.shape[-1] + 1) // 2] = torch.nan
    scale = cast(Normalization, forecaster.normalizations[task]).scale
    worst = _difference(path, model, [past[:1], gappy], scale)
    if not worst <= TOLERANCE:  # NaN is no agreement
        for file in (path, path.with_name(f"{path.name}.data")):
            file.unlink(missing_ok=True)
        raise ModelError(
            f"the ONNX of task '{task}' differs from the model by '{worst:.2g}' of the normalisation's scale,"
            f" allowed is {TOLERANCE:g}; it was removed",
            help="use the bundle, and report the versions that unistd doctor shows with those of onnx and onnxruntime",
        )
    return worst


class _WholePath(nn.Module):
    """One task of a forecaster as a module of one input."""

    def __init__(self, forecaster: Forecaster, task: str) -> None:
        super().__init__()
        self.forecaster = forecaster
        self.task = task

    def forward(self, past: Tensor) -> Tensor:
        """Forecast physical frames (B, T', C', H, W) from ``past`` (B, T, C, H, W)."""
        return self.forecaster.whole_path(self.task, past)


def _program(model: _WholePath, past: Tensor) -> Any:
    """Trace ``model``, on its own: left to it, torch.onnx tries one tracer after the other and at last fixes B.

    The strict tracer also reads past caches, where the other one leaves tensors without values behind.
    """
    batch = {"past": {0: torch.export.Dim("batch")}}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about torch's own inside
            traced = torch.export.export(model, (past,), dynamic_shapes=batch, strict=True)
            program = torch.onnx.export(
                traced,
                (past,),
                dynamo=True,
                dynamic_shapes=batch,
                input_names=["past"],
                output_names=["forecast"],
                opset_version=OPSET,
                verbose=False,
            )
    except Exception as error:  # the tracer, its back end and the exporter each raise their own
        reason = f"{type(error).__name__}: {(str(error).strip() or 'no reason given').splitlines()[0]}"
        raise ModelError(
            f"task '{model.task}' cannot be written as ONNX: {reason}",
            help="a part of the model does what torch.export cannot follow; --no-onnx writes the bundle alone",
        ) from error
    assert program is not None
    for node in program.model.graph.all_nodes():
        node.metadata_props.clear()  # where in the code each comes from: paths of this machine, and many bytes
    return program


@torch.inference_mode()
def _difference(path: Path, model: _WholePath, batches: list[Tensor], scale: Tensor) -> float:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    found = [torch.from_numpy(session.run(["forecast"], {"past": batch.numpy()})[0]) for batch in batches]
    apart = [(each - model(batch)).abs() / scale[:, None, None] for each, batch in zip(found, batches, strict=True)]
    return float(torch.stack([each.max() for each in apart]).max())
