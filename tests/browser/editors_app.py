"""A small house for the editors alone: one page with a component, and a picture for it. Started by conftest.py."""

from __future__ import annotations

import io

import streamlit as st
from PIL import Image, ImageDraw
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from studio.places import ASSETS, ROOT
from studio.ui import runs
from tests.browser import holding

runs.hear_first()


def scene(request: Request) -> Response:
    """A person on a meadow beside a house, as the starter pack paints them; `wide` is larger and not square."""
    wide = request.path_params["name"] == "wide"
    picture = Image.new("RGB", (512, 512), "#cfe3ee")
    pen = ImageDraw.Draw(picture)
    pen.rectangle((0, 340, 512, 512), fill="#8fb57a")
    pen.ellipse((60, 50, 140, 130), fill="#f2c14e")
    pen.rectangle((330, 210, 460, 350), fill="#c8553d")
    pen.polygon(((315, 212), (395, 130), (475, 212)), fill="#7a3b2e")
    pen.ellipse((150, 150, 206, 206), fill="#3f4fa0")
    pen.rounded_rectangle((150, 210, 206, 330), 16, fill="#3f4fa0")
    pen.line(((160, 320), (156, 420)), fill="#3f4fa0", width=16)
    pen.line(((196, 320), (200, 420)), fill="#3f4fa0", width=16)
    if request.path_params["name"] == "other":
        pen.ellipse((60, 50, 140, 130), fill="#d9dde8")
    if wide:
        picture = picture.crop((0, 90, 512, 430)).resize((960, 640))
    stream = io.BytesIO()
    picture.save(stream, "PNG")
    return Response(stream.getvalue(), media_type="image/png")


def let_go(request: Request) -> Response:
    """Let the run go on that waits."""
    holding.let_go.set()
    return Response("gone on")


def held(request: Request) -> Response:
    """Whether a run waits."""
    return Response("held" if holding.held.is_set() else "free")


def font(request: Request) -> FileResponse:
    return FileResponse(ASSETS / "fonts" / request.path_params["name"])


app = st.App(
    ROOT / "tests/browser/editors_page.py",
    routes=[
        Route("/shown/{name:str}", scene),
        Route("/fonts/{name:str}", font),
        Route("/held", held),
        Route("/let-go", let_go),
    ],
)
