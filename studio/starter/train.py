"""The command line that trains Storybook: `python -m studio.starter.train PART`; it holds no model of its own."""

from __future__ import annotations

import argparse
import subprocess
import sys

from studio.starter.parts import SEEING, train_part

GENERATING = ("tokenizer", "text", "vae", "shards", "unet", "vae-decoder", "upscaler")
LATER = ("vocabulary",)  # what shipped weights are taught afterwards; a training from nothing learns it along
CONTROLS = ("control-pose", "control-depth", "control-canny")  # the others start from the pose one
LORAS = ("sketch", "lora")  # packs of their own, taught when the painter is done
PARTS = (*GENERATING, *SEEING, *CONTROLS, *LORAS, *LATER)
# Minutes of one core that multiplies bfloat16; what is not here takes the time that it takes.
MINUTES: dict[str, float] = {
    "text": 8, "vae": 10, "unet": 70, "vae-decoder": 15, "upscaler": 5,
    "judge": 14, "eyes": 7, "clip": 10, "blip": 10, "pose": 9, "depth": 17, "clipseg": 9, "answers": 15,
    "control-pose": 16, "control-depth": 13, "control-canny": 7, "sketch": 7, "lora": 5, "vocabulary": 10,
}  # fmt: skip
THOUSANDS = 36  # of scenes in the painter's shards


def train_all(scale: float) -> None:
    """Every part in order, each in a process of its own; what is finished already costs only its start."""
    for part in (*GENERATING, *SEEING, *CONTROLS, *LORAS, "ship"):
        print(f"== {part}", flush=True)
        more = ["--minutes", f"{MINUTES[part] * scale:g}"] if part in MINUTES else []
        if part == "shards":
            more = ["--count", str(max(1, round(THOUSANDS * scale)))]
        subprocess.run([sys.executable, "-m", "studio.starter.train", part, *more], check=True)


def main() -> None:
    """Parse the part's name and hand over to its trainer; torch is imported only then."""
    parser = argparse.ArgumentParser(prog="python -m studio.starter.train", description=__doc__)
    parser.add_argument("part", choices=["all", *PARTS, "ship"])
    parser.add_argument("--minutes", type=float, help="training time of all runs of this part together")
    parser.add_argument("--scale", type=float, default=1.0, help="all: give every part this share of its minutes")
    parser.add_argument("--from-shipped", action="store_true", help="start from the weights in assets/storybook")
    parser.add_argument("--count", type=int, default=THOUSANDS, help="shards: how many thousands of scenes")
    parser.add_argument("--share", default="0/1", help="shards: this process makes shard N of every M, as N/M")
    parser.add_argument("--rate", type=float, help="the peak learning rate")
    args = parser.parse_args()
    if args.part == "all":
        train_all(args.scale)
    elif args.part == "ship":
        from studio.starter.loop import EXPORTS, PACK
        from studio.starter.seal import ship

        print("shipped: " + ", ".join(ship(EXPORTS, PACK)))
    else:
        from studio.workshop.heavy import prepare

        prepare()
        train(args, args.minutes or MINUTES.get(args.part, 0))


def train(args: argparse.Namespace, minutes: float) -> None:
    """Train one part."""
    part, shipped = args.part, args.from_shipped
    if part in SEEING + LATER:
        train_part(part, minutes=minutes, from_shipped=shipped, rate=args.rate)
    if part in CONTROLS:
        from studio.starter.control import train_control

        train_control(part, minutes, from_shipped=shipped, rate=args.rate or 1e-3)
    if part == "sketch":
        from studio.starter.sketch import train_sketch

        train_sketch(minutes, rate=args.rate or 1e-3)
    if part == "lora":
        from studio.starter.lora import train_lora

        train_lora(minutes, rate=args.rate or 1e-3)
    if part == "tokenizer":
        from studio.starter.text import train_tokenizer

        print(f"{len(train_tokenizer())} entries")
    if part == "text":
        from studio.starter.text import TextOptions, train_text

        train_text(TextOptions(minutes, shipped, args.rate or 2e-3))
    if part == "shards":
        from studio.starter.shards import make_shards

        offset, stride = (int(n) for n in args.share.split("/"))
        make_shards(args.count, offset=offset, stride=stride)
    if part == "unet":
        from studio.starter.unet import UnetOptions, train_unet

        train_unet(UnetOptions(minutes, shipped, args.rate or 1e-3))
    if part == "upscaler":
        from studio.starter.upscaler import train_upscaler

        train_upscaler(minutes, from_shipped=shipped, rate=args.rate or 2e-3)
    if part in ("vae", "vae-decoder"):
        from studio.starter.vae import VaeOptions, train_vae

        only = part == "vae-decoder"
        train_vae(VaeOptions(minutes, only, shipped, args.rate or (1e-3 if only else 2e-3)))


if __name__ == "__main__":
    main()
