"""The job "find": a query's words and pictures into vectors, and every ranking it asks for into one. It changes no artwork."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from studio.domain.errors import BadInput
from studio.domain.job import Job
from studio.domain.query import Query
from studio.gallery.finding import near
from studio.gallery.search import blend, search
from studio.workshop import embedding
from studio.workshop.describe import say, small
from studio.workshop.ports import Encoder
from studio.workshop.reporting import JobReport
from studio.workshop.tools import Tools

Parts = list[tuple[object, float]]


def find(job: Job, report: JobReport, tools: Tools) -> dict[str, Any]:
    """Answer a query by whatever it says that pictures are compared by; pictures that no search has seen are embedded first.

    Returns hits, (id, cosine) pairs; `why`; `total`, how many the filters let through; and `said`, a sentence, while a new
    search model has not read all pictures.
    """
    payload = job.payload
    query = replace(
        Query.narrowed(
            payload.get("filters", {}), limit=int(payload.get("limit", 60)), offset=int(payload.get("offset", 0))
        ),
        words=tuple((str(text), float(weight)) for text, weight in payload.get("words", ())),
        like=tuple((str(name), float(weight)) for name, weight in payload.get("like", ())),
    )
    who = embedding.answering(report, tools)
    seen, said, examples = _parts(query, who.encoder, report, tools)
    report.check()
    allowed = tools.gallery.allowed(query)
    some = bool(query.colours or set(query.like_by) & {"look", "recipe"})
    others = near.rankings(
        tools.gallery, query, allowed=set(allowed.tolist()) if some else allowed, examples=examples, typed=False
    )
    words = set(query.words_by) & {"words"}
    hits = search(
        query, blend(seen) if seen else None, vectors=tools.vectors(who.encoder.name), gallery=tools.gallery, allowed=allowed,
        wished=[text for text, weight in query.words if words and weight > 0],
        without=[text for text, weight in query.words if words and weight < 0],
        said=(tools.vectors(who.encoder.name, "caption"), blend(said)) if said else None,
        others=others,
    )  # fmt: skip
    return {
        "hits": [[id, why.meaning] for id, why in hits],
        "why": {str(id): why.to_dict() for id, why in hits},
        "total": len(allowed),
        "said": who.sentence,
    }


def _parts(
    query: Query, encoder: Encoder, report: JobReport, tools: Tools
) -> tuple[Parts, Parts, list[tuple[Any, float]]]:
    """What pictures are compared with, what captions are, and the looks of uploads; each where the query asks for it.

    Raises BadInput for an upload of which the query compares nothing, and for an artwork that cannot be searched by.
    """
    seen: Parts = []
    said: Parts = []
    looks: list[tuple[Any, float]] = []
    if query.words:
        made = list(zip(encoder.words([text for text, _ in query.words]), (w for _, w in query.words), strict=True))
        seen += made if "picture" in query.words_by else []
        said += made if "caption" in query.words_by else []
    by = query.like_by
    for name, weight in query.like:
        kind, _, value = name.partition(":")
        if kind == "id":
            if "picture" in by:
                seen.append((_vector(tools, encoder, int(value), "picture"), weight))
            if "caption" in by:
                said.append((_vector(tools, encoder, int(value), "caption"), weight))
            continue
        if not {"picture", "caption", "look"} & set(by):
            raise BadInput(
                "like", "A dropped picture has no recipe and no words here; compare it by picture or by look."
            )
        gate = tools.gate(tools.settings().pack, waiting=report.check)
        picture = small(gate.file(tools.files.spooled(value))[0].picture)
        if "look" in by:
            from studio.gallery.likeness import appearance  # here: numpy, which a start need not wait for

            read = appearance.read(appearance.of(picture).data)
            looks += [(read[1], weight)] if read else []
        if {"picture", "caption"} & set(by):
            vector = encoder.pictures([picture])[0]
            seen += [(vector, weight)] if "picture" in by else []
            said += [(vector, weight)] if "caption" in by else []  # words and pictures lie in one space
    return seen, said, looks


def _vector(tools: Tools, encoder: Encoder, id: int, kind: str) -> Any:
    vector = tools.vectors(encoder.name, kind).get(id)
    if vector is None and kind == "caption":
        say(list(tools.gallery.many([id]).values()), encoder=encoder, tools=tools)
        vector = tools.vectors(encoder.name, kind).get(id)
    if vector is None:
        raise BadInput("like", f"Artwork {id} cannot be searched by: it is deleted or was never embedded.")
    return vector
