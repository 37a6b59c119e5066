"""Which of the loaded painters is on the device, which wait in RAM, which go; with each its ControlNets. It loads nothing."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any

from studio.packs.controls import CONTROL

MOST_CONTROLS = 6  # of all packs; as many as one recipe may use
Held = MutableMapping[tuple[str, str], Any]  # (role, pack) -> model, in the order of use


def painters(held: Held) -> dict[str, int]:
    """Pack -> bytes of its painter and its ControlNets, least recently used first."""
    from studio.workshop.paint import device as devices

    sizes = {pack: int(model.weights) for (role, pack), model in held.items() if role == "painter"}
    for (role, pack), model in held.items():
        if role.startswith(CONTROL) and pack in sizes:
            sizes[pack] += devices.bytes_of(model)
    return sizes


def make_room(held: Held, *, coming: int = 0) -> bool:
    """Let painters go until the rest, and one of so many bytes that is coming, fits its share of RAM; whether any went.

    The painter that was used last stays, except where another one is coming.
    """
    from studio.workshop.paint import device as devices

    sizes = painters(held)
    budget = devices.budget(sum(sizes.values()), free=devices.free_ram())
    gone = set(devices.leaving({**sizes, "": coming} if coming else sizes, budget))
    nets = [key for key in held if key[0].startswith(CONTROL)]
    keys = [key for key in held if key[0] == "painter" and key[1] in gone]
    keys += [key for index, key in enumerate(nets) if key[1] in gone or index < len(nets) - MOST_CONTROLS]
    for key in keys:
        del held[key]
    return bool(keys)


def give_back() -> None:
    """What went is given back to the system; call it without the lock that `held` is changed under."""
    from studio.workshop.paint import device as devices

    devices.give_back(devices.device())


def rest_others(held: Mapping[tuple[str, str], Any], pack: str) -> None:
    """Move every painter but one from the device into RAM, with its ControlNets. One that paints stays where it is."""
    from studio.workshop.paint import device as devices

    where = devices.device()
    if not devices.apart(where):
        return
    busy = {id for (role, id), model in held.items() if role == "painter" and id != pack and not model.rest()}
    for (role, id), model in held.items():
        if role.startswith(CONTROL) and id != pack and id not in busy:
            model.to("cpu")
    devices.give_back(where)


def bring(net: Any) -> Any:
    """A ControlNet, on the device again."""
    from studio.workshop.paint import device as devices

    where = devices.device()
    return net.to(where) if devices.apart(where) else net
