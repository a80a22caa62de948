"""Stages that several cases share: a first sync of a large catalogue is made once."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from benchmarks.ceiling import ceiling
from benchmarks.figures import per
from benchmarks.stage import Stage, open_stage

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType


@dataclass(slots=True)
class Stages:
    """Open stages by the size of their catalogue, each synced once with nothing to slow it down."""

    folder: Path
    first_syncs: dict[int, dict[str, Any]] = field(default_factory=dict)
    _open: dict[int, Stage] = field(default_factory=dict)
    _settled: set[int] = field(default_factory=set)
    _stack: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()

    def synced(self, items: int) -> Stage:
        """A stage whose sides are linked and aligned; ``first_syncs`` has what its first sync took."""
        if items not in self._open:
            stage = self._stack.enter_context(open_stage(self.folder / f"items-{items}", items))
            self.first_syncs[items] = _first_sync(stage)
            self._open[items] = stage
        return self._open[items]

    def quiet(self, items: int) -> Stage:
        """The same, with nothing under way any more."""
        stage = self.synced(items)
        if items not in self._settled:
            stage.settle()
            self._settled.add(items)
        return stage


def _first_sync(stage: Stage) -> dict[str, Any]:
    alone = ceiling(stage)
    before = stage.till.mark(), stage.shop.mark()
    done = stage.passes()
    requests = {"till": stage.till.mark() - before[0], "shop": stage.shop.mark() - before[1]}
    found: dict[str, Any] = {**done["result"][0], "peak_mb": done["peak_mb"], "ceiling": alone, "requests": requests}
    alone_s = max(requests["till"] / alone["till_per_s"], requests["shop"] / alone["shop_per_s"])
    return {**found, "over_simulators": per(found["wall_s"], alone_s)}
