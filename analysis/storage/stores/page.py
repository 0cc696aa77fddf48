"""Runs by their titles on Tiled's page, which by itself lists uids: a script that it loads."""

from importlib.resources import files
from typing import Any

from fastapi import APIRouter, Response

router = APIRouter()
"""What a Tiled server has to include (``routers`` of its configuration)."""

SETTINGS = """
spec_views:
  - spec: CatalogOfBlueskyRuns
    url: /custom/reactune/runs.js
"""
"""What Tiled's page has to be told beside its own settings, as YAML."""


@router.get("/reactune/runs.js", response_model=None)
def runs() -> Any:
    """Give the script; it holds nothing of any run."""
    script = files("reactune.analysis.storage.stores") / "served" / "runs.js"
    return Response(script.read_text("utf-8"), media_type="text/javascript")
