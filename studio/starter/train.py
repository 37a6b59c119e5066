"""The command line that trains Storybook: `python -m studio.starter.train PART`; it holds no model of its own."""

from __future__ import annotations

import argparse
import subprocess
import sys

from studio.starter.parts import SEEING, train_part

GENERATING = ("tokenizer", "text", "vae", "shards", "unet", "vae-decoder", "upscaler")
LATER = ("vocabulary",)  # what shipped weights are taught afterwards; a training from nothing learns it along
LORAS = {"sketch": 20, "lora": 6}  # minutes; packs of their own, taught when the painter is done
CONTROLS = {"control-pose": 22, "control-depth": 75, "control-canny": 15}  # minutes; the others start from the pose one


def train_all() -> None:
    """Every part in order, each in a process of its own; what is finished already costs only its start."""
    for part in (*GENERATING, *SEEING, *CONTROLS, *LORAS, "ship"):
        print(f"== {part}", flush=True)
        subprocess.run([sys.executable, "-m", "studio.starter.train", part], check=True)


def main() -> None:
    """Parse the part's name and hand over to its trainer; torch is imported only then."""
    parser = argparse.ArgumentParser(prog="python -m studio.starter.train", description=__doc__)
    parser.add_argument("part", choices=["all", *GENERATING, *SEEING, *CONTROLS, *LORAS, *LATER, "ship"])
    parser.add_argument("--minutes", type=float, help="training time of all runs of this part together")
    parser.add_argument("--from-shipped", action="store_true", help="start from the weights in assets/storybook")
    parser.add_argument("--count", type=int, default=28, help="shards: how many thousands of scenes")
    parser.add_argument("--share", default="0/1", help="shards: this process makes shard N of every M, as N/M")
    parser.add_argument("--rate", type=float, help="the peak learning rate")
    args = parser.parse_args()
    if args.part == "all":
        train_all()
        return
    if args.part == "ship":
        from studio.starter.loop import EXPORTS, PACK
        from studio.starter.seal import ship

        print("shipped: " + ", ".join(ship(EXPORTS, PACK)))
        return
    from studio.workshop.heavy import prepare

    prepare()
    if args.part in SEEING + LATER:
        train_part(args.part, minutes=args.minutes, from_shipped=args.from_shipped, rate=args.rate)
    if args.part in CONTROLS:
        from studio.starter.control import train_control

        minutes = args.minutes or CONTROLS[args.part]
        train_control(args.part, minutes, from_shipped=args.from_shipped, rate=args.rate or 1e-3)
    if args.part == "sketch":
        from studio.starter.sketch import train_sketch

        train_sketch(args.minutes or LORAS["sketch"], rate=args.rate or 1e-3)
    if args.part == "lora":
        from studio.starter.lora import train_lora

        train_lora(args.minutes or LORAS["lora"], rate=args.rate or 1e-3)
    if args.part == "tokenizer":
        from studio.starter.text import train_tokenizer

        print(f"{len(train_tokenizer())} entries")
    if args.part == "text":
        from studio.starter.text import TextOptions, train_text

        train_text(TextOptions(args.minutes or 15.5, args.from_shipped, args.rate or 2e-3))
    if args.part == "shards":
        from studio.starter.shards import make_shards

        offset, stride = (int(n) for n in args.share.split("/"))
        make_shards(args.count, offset=offset, stride=stride)
    if args.part == "unet":
        from studio.starter.unet import UnetOptions, train_unet

        train_unet(UnetOptions(args.minutes or 124, args.from_shipped, args.rate or 1e-3))
    if args.part == "upscaler":
        from studio.starter.upscaler import train_upscaler

        train_upscaler(args.minutes or 8, from_shipped=args.from_shipped, rate=args.rate or 2e-3)
    if args.part in ("vae", "vae-decoder"):
        from studio.starter.vae import VaeOptions, train_vae

        only = args.part == "vae-decoder"
        minutes, rate = (68, 1.5e-3) if only else (19, 2e-3)
        train_vae(VaeOptions(args.minutes or minutes, only, args.from_shipped, args.rate or rate))


if __name__ == "__main__":
    main()
