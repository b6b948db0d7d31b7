"""Where the visitor stands on the road from data to export, one short line per step."""

from __future__ import annotations

from typing import Any

from dnis.ui import desk, escape, panels, session, texts, workbench


def steps() -> list[tuple[dict[str, Any], str]]:
    """The steps of the road with their states, but for pages that the link leaves out.

    Returns:
        (texts of the step, its state) in the order of the pages.
    """
    found = zip(texts.page("overview")["steps"], states(), strict=True)
    return [(step, state) for step, state in found if panels.shown(panels.address(step["page"]))]


def states() -> list[str]:
    """The state of every step of the road, in the order of the pages; literal text.

    Returns:
        One line per step; empty where there is nothing to say.
    """
    words = texts.page("overview")["states"]
    run = session.run_on_show()
    under_way = next((desk.progress(seen) for seen in desk.active() if seen.kind == "search"), None)
    return [
        workbench.data_name(session.current_data().source),
        under_way or words["search"].format(epochs=len(run.result.history)),
        words["features"].format(count=f"{len(run.result.counts):,}"),
        words["threshold"].format(value=f"{session.threshold():.3g}"),
        words["compared"] if (run.folder / "comparison.json").is_file() else words["not_compared"],
        escape.plain(run.name, 30),
        words["learn"],
    ]
