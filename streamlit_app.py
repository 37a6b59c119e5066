"""The web process: pages, picture routes and the guard on one port. Start it with `make run`; it loads no model."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import lru_cache

import streamlit as st
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware

from studio.api import Guard, routes
from studio.app import Studio, open_studio
from studio.domain.errors import EaselError
from studio.places import ROOT
from studio.ui import runs, session
from studio.ui.gallery import chart, tiles

runs.hear_first()


@lru_cache(maxsize=1)
def studio() -> Studio:
    """This process's studio, opened by whoever asks first; a failure is not kept, so that a repaired disk is noticed."""
    return open_studio()


@asynccontextmanager
async def _warm(app: st.App) -> AsyncIterator[None]:
    """Start the worker while the page opens, so that the first picture is quick; look after it until we end."""

    def begin() -> None:
        try:
            studio().supervisor.ensure()
            studio().supervisor.guard()
        except EaselError:
            pass  # the page says it in a sentence

    await run_in_threadpool(begin)
    yield


app = st.App(
    ROOT / "studio/ui/frame.py",
    routes=[*routes(studio), *tiles.routes(studio), *chart.routes(studio)],
    middleware=[Middleware(Guard)],
    lifespan=_warm,
    on_script_error=session.oops,
)
