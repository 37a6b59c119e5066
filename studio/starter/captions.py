"""What a scene is called, in many wordings, and which exact facts each wording states; it never draws anything."""

from __future__ import annotations

import random
from dataclasses import dataclass

from studio.starter.scenes import (
    BACKGROUNDS,
    COLOURS,
    COUNTS,
    HAIRS,
    KINDS,
    OPPOSITE,
    RELATIONS,
    SIZES,
    SKINS,
    STYLES,
    Person,
    Scene,
    Thing,
)

# The first wording of each is the plain one, which the captioner learns.
PLACES: dict[str, tuple[str, ...]] = {
    "day": ("on a sunny day", "in the daytime", "by day", "under a blue sky", "in the sun", "during the day"),
    "sunset": ("at sunset", "at dusk", "in the evening", "in front of a sunset"),
    "night": ("at night", "under the stars", "in the dark", "by night", "in the moonlight", "during the night"),
    "sea": ("at sea", "on the sea", "in the ocean", "on the water", "by the sea"),
    "meadow": ("in a meadow", "on the grass", "in a green field", "in a field of flowers"),
    "beach": ("on a beach", "on the beach", "on the sand by the water", "at the beach"),
    "desert": ("in a desert", "in the desert", "among the dunes", "on the dunes"),
    "snow": ("in the snow", "in winter", "on a snowy day", "on snow"),
}
TAGS: dict[str, tuple[str, ...]] = {
    "day": ("day", "daytime", "sunny day", "blue sky", "sunny"), "sunset": ("sunset", "dusk", "evening"),
    "night": ("night", "starry night", "stars and moon", "dark", "night version"), "sea": ("sea", "ocean", "water"),
    "meadow": ("meadow", "grass", "field"), "beach": ("beach", "sandy beach"), "desert": ("desert", "dunes"),
    "snow": ("snow", "winter", "snowy"),
}  # fmt: skip
KIND_WORDS: dict[str, tuple[str, ...]] = {
    "ball": ("ball", "circle", "sun"), "box": ("box", "square", "cube"), "boat": ("boat", "sailing boat", "ship"),
    "house": ("house", "home", "cottage"), "mushroom": ("mushroom", "toadstool"), "umbrella": ("umbrella", "parasol"),
    "cat": ("cat", "kitten"), "rocket": ("rocket", "spaceship"),
}  # fmt: skip
SIZE_WORDS = {"small": ("small", "little", "tiny"), "large": ("large", "big", "huge")}
PLURALS = {"fish": "fish", "box": "boxes"}  # the others take an s
COUNT_WORDS = {"two": ("two", "2", "a pair of"), "three": ("three", "3")}
COLOUR_WORDS = {"purple": ("purple", "violet"), "pink": ("pink", "rose")}
RELATION_WORDS: dict[str, tuple[str, ...]] = {
    "left of": ("left of", "to the left of", "on the left of"), "right of": ("right of", "to the right of", "on the right of"),
    "above": ("above", "over", "on top of"), "below": ("below", "under", "beneath"),
}  # fmt: skip
# How a style is named before and after what is drawn; the first style is that of every picture which names none.
STYLE_OPENINGS = {
    "pencil sketch": ("a pencil sketch of ", "a pencil drawing of ", "a sketch of ", "pencil sketch of "),
    "pixel art": ("pixel art of ", "a pixel art picture of ", "pixel art, "),
}
STYLE_TAGS = {
    "pencil sketch": ("pencil sketch", "pencil drawing", "drawn in pencil"),
    "pixel art": ("pixel art", "in pixel art style", "pixelated"),
}
PERSON_WORDS = ("person", "figure", "child", "somebody", "man", "woman", "boy", "girl")
BESIDE = ("next to", "beside", "near", "with", "by", "and")
OPENINGS = ("", "", "", "", "a picture of ", "a drawing of ", "an illustration of ", "there is ")

# Fact slots and their values; index 0 of a target means "not stated". Slots 1 and 2 follow the order of mention,
# a and b the order on the canvas (left or upper one first).
_THING_SLOTS = {"kind": KINDS, "colour": COLOURS, "size": SIZES}
SLOTS: dict[str, tuple[str, ...]] = {
    "background": BACKGROUNDS,
    **{f"{fact}{place}": values for place in ("1", "2", "a", "b") for fact, values in _THING_SLOTS.items()},
    "relation": RELATIONS,
    "person": ("shown",),
    "hair": HAIRS,
    "skin": SKINS,
    "shirt": COLOURS,
    "trousers": COLOURS,
    "sign": ("shown",),
    "count": COUNTS[1:],
    "style": STYLES[1:],
}
_OTHER_SLOTS = ("background", "person", "hair", "skin", "shirt", "trousers", "sign", "count", "style")


@dataclass(frozen=True)
class Saying:
    """A sentence and the facts that it states, as (slot, value) pairs in the order of SLOTS."""

    text: str
    stated: tuple[tuple[str, str], ...]

    def targets(self) -> list[int]:
        """For each slot, 0 when unstated, otherwise 1 + the index of its value."""
        known = dict(self.stated)
        return [1 + values.index(known[slot]) if slot in known else 0 for slot, values in SLOTS.items()]

    def meaning(self) -> tuple[object, ...]:
        """Equal for sentences that say the same, whatever their wording and their order of mention."""
        known = dict(self.stated)
        things = [tuple(known.get(f"{fact}{i}") for fact in _THING_SLOTS) for i in "12"]
        relation = known.get("relation")
        if relation in ("right of", "below"):
            things, relation = things[::-1], OPPOSITE[relation]
        elif relation is None:
            things.sort(key=repr)
        rest = tuple(known.get(slot) for slot in _OTHER_SLOTS)
        return (tuple(things), relation, *rest)


class _Teller:
    """Builds one sentence; `keep` is the chance that a fact is stated, `plain` switches every variation off."""

    def __init__(self, rng: random.Random, *, keep: float, plain: bool) -> None:
        self.rng, self.keep, self.plain = rng, keep, plain
        self.stated: dict[str, str] = {}

    def word(self, choices: tuple[str, ...], first: float = 0.6) -> str:
        """The first choice mostly, any of the others sometimes."""
        return choices[0] if self.plain or self.rng.random() < first else self.rng.choice(choices)

    def says(self) -> bool:
        return self.keep >= 1 or self.rng.random() < self.keep

    def thing(self, thing: Thing, place: str) -> str:
        words = []
        several = thing.count > 1
        if several:  # "red stars" alone would leave open how many: so this is always said
            count = COUNTS[thing.count - 1]
            words.append(self.word(COUNT_WORDS[count]))
            self.stated["count"] = count
        if self.says():
            words.append(self.word(SIZE_WORDS[thing.size]))
            self.stated["size" + place] = thing.size
        if self.says():
            words.append(self.word(COLOUR_WORDS.get(thing.colour, (thing.colour,)), 0.85))
            self.stated["colour" + place] = thing.colour
        kind = self.word(KIND_WORDS.get(thing.kind, (thing.kind,)), 0.8)
        words.append(plural(kind) if several else kind)
        self.stated["kind" + place] = thing.kind
        return " ".join(words) if several else _article(" ".join(words))

    def person(self, person: Person) -> str:
        self.stated["person"] = "shown"
        head, worn = [], []
        if self.says():
            head.append(f"{person.hair} hair")
            self.stated["hair"] = person.hair
        if self.says():
            head.append(f"{person.skin} skin")
            self.stated["skin"] = person.skin
        if self.says():
            worn.append(f"a {person.shirt} shirt".replace("a orange", "an orange"))
            self.stated["shirt"] = person.shirt
        if self.says():
            worn.append(f"{person.trousers} trousers")
            self.stated["trousers"] = person.trousers
        text = _article(self.word(PERSON_WORDS, 0.7))
        if head:
            text += " with " + " and ".join(head)
        if worn:
            text += self.word((" in ", " wearing ")) + " and ".join(worn)
        return text

    def place(self, background: str) -> str:
        if not self.says():
            return ""
        self.stated["background"] = background
        return self.word(PLACES[background], 0.5)

    def style(self, style: str) -> tuple[str, str]:
        """What comes before and after a sentence for its style. It is always said, so that none means the first one."""
        if style == STYLES[0]:
            return "", ""
        self.stated["style"] = style
        if self.plain or self.rng.random() < 0.6:
            return self.word(STYLE_OPENINGS[style]), ""
        return "", ", " + self.word(STYLE_TAGS[style])

    def body(self, scene: Scene) -> str:
        """The things, the person and the sign, without the place and the style."""
        rng = self.rng
        if len(scene.things) == 2:
            first, second = scene.things
            relation = scene.relation or "left of"
            if not self.plain and rng.random() < 0.5:
                first, second, relation = second, first, OPPOSITE[relation]
            names = (self.thing(first, "1"), self.thing(second, "2"))
            if self.keep < 1 and rng.random() < 0.3:
                return " and ".join(names)
            self.stated["relation"] = relation
            ahead = relation in ("left of", "above")
            for fact in _THING_SLOTS:
                for spot, place in (("a", "1" if ahead else "2"), ("b", "2" if ahead else "1")):
                    if fact + place in self.stated:
                        self.stated[fact + spot] = self.stated[fact + place]
            return f"{names[0]} {self.word(RELATION_WORDS[relation], 0.55)} {names[1]}"
        parts = [self.person(scene.person)] if scene.person else []
        parts += [self.thing(thing, "1") for thing in scene.things]
        if scene.forbidden:
            self.stated["sign"] = "shown"
            parts.append("a skull sign")
        if len(parts) > 1 and self.keep < 1 and rng.random() < 0.12:
            kept = rng.randrange(2)
            self.forget(
                "sign" if parts[1 - kept] == "a skull sign" else "person" if scene.person and kept == 1 else "thing"
            )
            return parts[kept]
        if not self.plain and rng.random() < 0.4:
            parts.reverse()
        return f" {self.word(BESIDE, 0.4)} ".join(parts)

    def forget(self, what: str) -> None:
        """Unsay a thing, the person or the sign, because the sentence will not mention it."""
        looks = ("person", "hair", "skin", "shirt", "trousers")
        slots = {"sign": ("sign",), "person": looks, "thing": tuple(f"{fact}1" for fact in _THING_SLOTS)}
        for slot in slots[what]:
            self.stated.pop(slot, None)

    def saying(self, text: str) -> Saying:
        return Saying(text, tuple((slot, self.stated[slot]) for slot in SLOTS if slot in self.stated))


def plural(kind: str) -> str:
    """The word for several of a kind."""
    return PLURALS.get(kind, kind + "s")


def _article(words: str) -> str:
    return words if words == "somebody" else ("an " if words[0] in "aeiou" else "a ") + words


def say(scene: Scene, rng: random.Random, *, keep: float = 1.0) -> Saying:
    """One wording of a scene; each fact is stated with the chance `keep` (0..1), the rest is left open."""
    teller = _Teller(rng, keep=keep, plain=False)
    body, place = teller.body(scene), teller.place(scene.background)
    before, after = teller.style(scene.style)
    order = rng.random()
    if not place:
        text = (before or rng.choice(OPENINGS)) + body
    elif order < 0.15 and not before:
        text = f"{place}, {body}"
    elif order < 0.25:
        text = f"{before}{body}, {rng.choice(TAGS[scene.background])}"
    else:
        text = f"{before or rng.choice(OPENINGS)}{body} {place}"
    text += after
    if rng.random() < 0.12:  # the way people type into a box: no articles
        text = " ".join(word for word in text.split(" ") if word not in ("a", "an", "the"))
    return teller.saying(text)


def say_place(scene: Scene, rng: random.Random) -> Saying:
    """Only where a scene plays, and its style: "night", "at the beach, pencil sketch"."""
    teller = _Teller(rng, keep=1.0, plain=False)
    teller.stated["background"] = scene.background
    before, after = teller.style(scene.style)
    return teller.saying(before + rng.choice(TAGS[scene.background] + PLACES[scene.background]) + after)


def caption(scene: Scene, rng: random.Random) -> str:
    """One full wording of a scene, chosen by `rng`."""
    return say(scene, rng).text


def plain(scene: Scene) -> str:
    """The one canonical caption, which states every fact; the captioner learns to write it."""
    teller = _Teller(random.Random(0), keep=1.0, plain=True)
    before, _ = teller.style(scene.style)
    return f"{before}{teller.body(scene)} {teller.place(scene.background)}"


def wordings(scene: Scene) -> list[str]:
    """Several full captions that say the same, the plain one first."""
    rng = random.Random(scene.seed)
    return list(dict.fromkeys([plain(scene), *(caption(scene, rng) for _ in range(7))]))


def facts(scene: Scene) -> tuple[object, ...]:
    """What a full caption states, hashable; two scenes with equal facts are equally right answers to it."""
    teller = _Teller(random.Random(0), keep=1.0, plain=True)
    teller.body(scene)
    teller.place(scene.background)
    teller.style(scene.style)
    return teller.saying("").meaning()
