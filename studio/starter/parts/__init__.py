"""The trainers of the seeing parts, one to a file; nothing here runs in the studio."""

from __future__ import annotations

SEEING = ("judge", "eyes", "clip", "checker", "blip", "pose", "depth", "clipseg", "answers")


def train_part(part: str, *, minutes: float, from_shipped: bool, rate: float | None) -> None:
    """Train one seeing part; the order is judge (any time), eyes, clip, and then the others, answers after blip."""
    if part == "judge":
        from studio.starter.parts.judge import train_judge

        train_judge(minutes, rate=rate or 3e-3)
    if part == "eyes":
        from studio.starter.parts.clip import train_eyes

        train_eyes(minutes, rate=rate or 1e-3)
    if part == "clip":
        from studio.starter.parts.clip import train_clip

        train_clip(minutes, from_shipped=from_shipped, rate=rate or 1e-3)
    if part == "checker":
        from studio.starter.parts.checker import train_checker

        train_checker()
    if part == "blip":
        from studio.starter.parts.blip import train_blip

        train_blip(minutes, from_shipped=from_shipped, rate=rate or 1e-3)
    if part == "pose":
        from studio.starter.parts.pose import train_pose

        train_pose(minutes, from_shipped=from_shipped, rate=rate or 1e-3)
    if part == "depth":
        from studio.starter.parts.depth import train_depth

        train_depth(minutes, from_shipped=from_shipped, rate=rate or 1e-3)
    if part == "clipseg":
        from studio.starter.parts.segment import train_clipseg

        train_clipseg(minutes, from_shipped=from_shipped, rate=rate or 1e-3)
    if part == "answers":
        from studio.starter.parts.answers import train_answers

        train_answers(minutes, from_shipped=from_shipped, rate=rate or 1e-3)
    if part == "vocabulary":
        from studio.starter.parts.vocabulary import train_vocabulary

        train_vocabulary(minutes, rate=rate or 1e-3)
