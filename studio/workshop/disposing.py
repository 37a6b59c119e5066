"""The job "empty": deletes for good what lies in the bin, some of it or all. It opens no picture."""

from __future__ import annotations

import time
from typing import Any

from studio.domain.job import Job
from studio.gallery.keeping import disposal
from studio.workshop.reporting import JobReport
from studio.workshop.tools import Tools


def empty(job: Job, report: JobReport, tools: Tools) -> dict[str, Any]:
    """Delete the payload's pictures for good: "ids", of them what was in the bin "before" a time (Unix seconds).

    What was put into the bin since somebody saw what would go stays. Cancelled or killed, what went is gone, and the rest stays
    in the bin. Returns pictures and bytes that went.
    """
    ids = [int(id) for id in job.payload.get("ids", ())]
    before = float(job.payload.get("before") or job.created_at)
    report.stage("deleting")
    began = time.monotonic()
    went, freed = disposal.delete(tools.database, tools.files, ids, before=before, report=report)
    tools.queue.record_timing("empty", float(max(1, len(ids))), time.monotonic() - began)
    return {"pictures": went, "bytes": freed}
