"""Who may watch a run: ``tensorboard``, ``csv``, ``status`` and ``resources``, each asked for in ``observers:``."""

from __future__ import annotations

from unistd.plugins.observers.config import CsvConfig, ResourcesConfig, StatusConfig, TensorBoardConfig
from unistd.registry.component import Component
from unistd.registry.hooks import hookimpl

PLUGIN_API = 1


@hookimpl
def unistd_components() -> list[Component]:
    """Declare the observers."""
    return [
        Component(
            kind="observer",
            name="tensorboard",
            config=TensorBoardConfig,
            target="unistd.plugins.observers.tensorboard:TensorBoard",
            summary="Curves for TensorBoard, in the folder tensorboard of the run",
            requires=("tensorboard>=2.18",),
        ),
        Component(
            kind="observer",
            name="csv",
            config=CsvConfig,
            target="unistd.plugins.observers.csv_table:Csv",
            summary="Curves as a table of step, task, quantity and value, in curves.csv of the run",
        ),
        Component(
            kind="observer",
            name="status",
            config=StatusConfig,
            target="unistd.plugins.observers.status:Status",
            summary="A small file that always says how far the run is and how it ended, for scripts that wait for it",
        ),
        Component(
            kind="observer",
            name="resources",
            config=ResourcesConfig,
            target="unistd.plugins.observers.resources:Resources",
            summary="Which task raised the peak of memory to what, in resources.json of the run",
        ),
    ]
