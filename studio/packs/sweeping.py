"""Clears away what a crash left among the packs, and puts back what it took away; it never touches a pack that is whole."""

from __future__ import annotations

import shutil
from pathlib import Path

from studio.durable import sync_folder

# What a folder is called while it is on its way: the files of a model that is brought, of a pack that is moved, the note of
# where a pack lies, and what is deleted
UNFINISHED = (".bringing-", ".moving-", ".note-", ".gone-")
OLD = ".old-"  # what stood in a pack's place, until the new one stands there


def sweep(packs: Path) -> list[str]:
    """Remove every unfinished folder below `packs`, the folder that packs are installed in; a sentence for each.

    To be called only while nobody brings, moves or removes a pack: when the worker begins. A pack that was about to be
    replaced, and was not, comes back.
    """
    if not packs.is_dir():
        return []
    told = []
    for folder in sorted(packs.iterdir()):
        if folder.name.startswith(UNFINISHED):
            shutil.rmtree(folder, ignore_errors=True)
            told.append(f"{folder.name} was left by something that was interrupted; it is deleted.")
        elif folder.name.startswith(OLD):
            target = packs / folder.name.removeprefix(OLD)
            if target.exists():
                shutil.rmtree(folder, ignore_errors=True)
                told.append(f"{folder.name} has been replaced; it is deleted.")
            else:
                folder.rename(target)
                told.append(f"{target.name} was about to be replaced when something was interrupted; it is back.")
    if told:
        sync_folder(packs)
    return told
