"""What people ask about a picture, in many wordings, and what is true of the scene; it draws nothing and trains nothing."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from studio.starter.captions import COLOUR_WORDS, KIND_WORDS, PLACES, RELATION_WORDS, plural
from studio.starter.scenes import BACKGROUNDS, COLOURS, COUNTS, KINDS, OPPOSITE, STYLES, Scene, Thing

SORTS = ("what", "colour", "place", "relation", "count", "yes or no", "style")
NONE = "none"
PERSON = "person"
# A picture of one of these may well be called the other, so nobody is taught to say no to that.
ALIKE = {"day": ("sea", "meadow", "beach", "desert", "snow"), "sea": ("beach",), "beach": ("sea", "desert"),
         "desert": ("beach",), "sunset": ("night",), "night": ("sunset",)}  # fmt: skip
WHOLE = (
    "what is this", "what is it", "what is in the picture", "what is on the picture", "what do you see", "what is here",
    "what does the picture show", "what can you see", "what is shown", "what is painted here", "what is there",
)  # fmt: skip
COLOUR_OF = (
    "what colour {is} the {x}", "which colour {is} the {x}", "what is the colour of the {x}", "colour of the {x}",
    "what colour {does} the {x} have",
)  # fmt: skip
PLACE_OF = ("where is it", "where is this", "where are we", "what place is this", "where does it play", "where")
HOW_MANY = (
    "how many {x} are there", "how many {x}", "how many {x} do you see", "how many {x} can you see", "number of {x}",
    "how many {x} are in the picture", "how many {x} does the picture show",
)  # fmt: skip
IS_THERE = (
    "is there {x}", "is there {x} in the picture", "do you see {x}", "can you see {x}", "is {x} in the picture",
    "does the picture show {x}",
)  # fmt: skip
WHICH_STYLE = (
    "which style", "which style is this", "which style is it", "what style is this", "what is the style",
    "in which style is it painted", "what style is it painted in", "how is it painted", "how is it drawn",
    "what kind of picture is this", "what style does the picture have",
)  # fmt: skip


class Asked(NamedTuple):
    """A question as somebody types it, its sort (one of SORTS) and the right answer."""

    sort: str
    question: str
    answer: str


def ask(scene: Scene, rng: random.Random, sort: str | None = None) -> Asked:
    """One question about a scene, of this sort or of any that can be asked; what is rare in scenes is asked for more often."""
    if sort is None:
        sorts = asked_of(scene)
        sort = rng.choices(sorts, [_weight(scene, one) for one in sorts])[0]
    question, answer = _MAKERS[sort](scene, rng)
    return Asked(sort, typed(question, rng), answer)


def asked_of(scene: Scene) -> list[str]:
    """The sorts of questions that have an answer in this scene."""
    something = bool(scene.things) or scene.person is not None
    can = {"what": something, "colour": something, "relation": len(_members(scene)) == 2}
    return [sort for sort in SORTS if can.get(sort, True)]


def _weight(scene: Scene, sort: str) -> float:
    several = any(thing.count > 1 for thing in scene.things)
    rare = {"relation": 5.0, "count": 3.0 if several else 0.7, "style": 2.0 if scene.style != STYLES[0] else 0.5}
    return {"what": 1.5, "colour": 1.5, "yes or no": 3.0}.get(sort, 1.0) if sort not in rare else rare[sort]


def typed(question: str, rng: random.Random) -> str:
    """A question as people type it: mostly with its mark, sometimes in American, short, or without articles."""
    if rng.random() < 0.15:
        question = question.replace("colour", "color")
    if rng.random() < 0.1:
        question = re.sub(r"^(what|where) is\b", r"\1's", question)
    if rng.random() < 0.1:
        question = " ".join(word for word in question.split(" ") if word not in ("a", "an", "the"))
    return question + ("?" if rng.random() < 0.65 else "")


# --- naming what is there ---------------------------------------------------------------------------------------------


def _kind(kind: str, rng: random.Random) -> str:
    words = KIND_WORDS.get(kind, (kind,))
    return words[0] if rng.random() < 0.75 else rng.choice(words)


def _paint(colour: str, rng: random.Random) -> str:
    words = COLOUR_WORDS.get(colour, (colour,))
    return words[0] if rng.random() < 0.85 else rng.choice(words)


def _a(words: str) -> str:
    return ("an " if words[0] in "aeiou" else "a ") + words


def _members(scene: Scene) -> list[Thing | None]:
    """The things of a scene and, as None, its person."""
    return [*scene.things, *([None] if scene.person else [])]


def _answer(member: Thing | None) -> str:
    """What a thing, or the person, is called in an answer: "star", "three stars"."""
    if member is None:
        return PERSON
    return member.kind if member.count == 1 else f"{COUNTS[member.count - 1]} {plural(member.kind)}"


def relation_of(scene: Scene) -> str:
    """How the first of two members stands to the second; the second may be the person."""
    if scene.relation is not None:
        return scene.relation
    if scene.person is None or not scene.things:
        raise ValueError("A relation needs two.")
    return "left of" if scene.things[0].x < scene.person.keypoints[1][0] else "right of"


def _pair(scene: Scene, rng: random.Random) -> tuple[Thing | None, Thing | None, str]:
    """Both members of a scene in either order, and the relation of the one named first."""
    first, second = _members(scene)
    relation = relation_of(scene)
    return (first, second, relation) if rng.random() < 0.5 else (second, first, OPPOSITE[relation])


def _name(scene: Scene, member: Thing | None, rng: random.Random) -> str:
    """Words that only this one fits: by kind, by kind and colour, or by where it stands when both are the same."""
    if member is None:
        return rng.choice((PERSON, PERSON, PERSON, "figure", "child"))
    kind = _kind(member.kind, rng)
    twins = [other for other in scene.things if other is not member and other.kind == member.kind]
    if any(other.colour == member.colour for other in twins):
        return f"{_spot(scene, member)} {kind}"
    if twins or rng.random() < 0.25:
        kind = f"{_paint(member.colour, rng)} {kind}"
    return kind


def _spot(scene: Scene, member: Thing) -> str:
    """The left, right, upper or lower of two things."""
    relation = scene.relation or "left of"
    if member is not scene.things[0]:
        relation = OPPOSITE[relation]
    return {"left of": "left", "right of": "right", "above": "upper", "below": "lower"}[relation]


# --- one maker for each sort --------------------------------------------------------------------------------------------


def _what(scene: Scene, rng: random.Random) -> tuple[str, str]:
    members = _members(scene)
    if len(members) == 2 and rng.random() < 0.5:
        asked, other, relation = _pair(scene, rng)
        words = rng.choice((*RELATION_WORDS[relation], "next to", "beside"))
        return f"what is {words} the {_name(scene, other, rng)}", _answer(asked)
    if scene.person is None and rng.random() < 0.3:
        thing = rng.choice(scene.things)
        if sum(other.colour == thing.colour for other in scene.things) == 1 and thing.count == 1:
            return f"what is the {_paint(thing.colour, rng)} thing", _answer(thing)
    if scene.person is not None:
        members.sort(key=lambda member: member is not None)  # the person first: nobody can see who was named first
    elif scene.relation in ("right of", "below"):
        members.reverse()
    if len(scene.things) == 2 and scene.things[0].kind == scene.things[1].kind:
        return rng.choice(WHOLE), f"{COUNTS[1]} {plural(scene.things[0].kind)}"
    return rng.choice(WHOLE), " and ".join(_answer(member) for member in members)


def _colour(scene: Scene, rng: random.Random) -> tuple[str, str]:
    asked: list[tuple[str, str, bool]] = []
    for thing in scene.things:
        kind = _kind(thing.kind, rng)
        kind = plural(kind) if thing.count > 1 else kind
        alone = sum(other.kind == thing.kind for other in scene.things) == 1
        if len(scene.things) == 2 and (not alone or rng.random() < 0.3):
            kind = f"{_spot(scene, thing)} {kind if not alone or rng.random() < 0.5 else 'thing'}"
        asked.append((kind, thing.colour, thing.count > 1))
    if scene.person is not None:
        worn = scene.person
        asked += [("shirt", worn.shirt, False), ("trousers", worn.trousers, True), ("hair", worn.hair, False)]
    name, colour, several = rng.choice(asked)
    if len(_members(scene)) == 1 and scene.things and rng.random() < 0.2:
        return ("what colour are they" if several else "what colour is it"), colour
    wording = rng.choice(COLOUR_OF)
    return wording.format(x=name, **{"is": "are" if several else "is", "does": "do" if several else "does"}), colour


def _place(scene: Scene, rng: random.Random) -> tuple[str, str]:
    members, answer = _members(scene), PLACES[scene.background][0]
    if len(members) == 1 and rng.random() < 0.4:
        thing = members[0]
        if thing is not None and thing.count > 1:
            return f"where are the {plural(_kind(thing.kind, rng))}", answer
        return f"where is the {_name(scene, thing, rng)}", answer
    return rng.choice(PLACE_OF), answer


def _relation(scene: Scene, rng: random.Random) -> tuple[str, str]:
    first, second, relation = _pair(scene, rng)
    one, other = _name(scene, first, rng), _name(scene, second, rng)
    if rng.random() < 0.35:
        same = first is not None and second is not None and first.kind == second.kind
        return f"where is the {one}", f"{relation} the {'other ' if same else ''}{_answer(second)}"
    side = relation.removesuffix(" of")
    if side in ("left", "right"):
        a, b = rng.sample(("left", "right"), 2)
        wordings = (
            f"is the {one} {a} or {b} of the {other}", f"is the {one} to the {a} or to the {b} of the {other}",
            f"on which side of the {other} is the {one}", f"is the {one} on the {a} or on the {b}",
        )  # fmt: skip
    else:
        a, b = rng.sample(("above", "below"), 2)
        over, under = rng.sample(("over", "under"), 2)
        wordings = (
            f"is the {one} {a} or {b} the {other}", f"is the {one} {a} the {other} or {b} it",
            f"is the {one} {over} or {under} the {other}", f"is the {one} {a} or {b}",
        )  # fmt: skip
    return rng.choice(wordings), side


def counted(scene: Scene, kind: str) -> int:
    """How many things of a kind a scene shows."""
    return sum(thing.count for thing in scene.things if thing.kind == kind)


def _count(scene: Scene, rng: random.Random) -> tuple[str, str]:
    wording, draw = rng.choice(HOW_MANY), rng.random()
    everything = sum(thing.count for thing in scene.things)
    if scene.person is None and everything and draw < 0.15:
        return wording.format(x=rng.choice(("things", "objects"))), COUNTS[everything - 1]
    if not scene.things or draw > 0.9:
        return wording.format(x=rng.choice(("people", "persons"))), COUNTS[0] if scene.person else NONE
    kinds = [thing.kind for thing in scene.things]
    kind = rng.choice(kinds) if draw < 0.75 else rng.choice([kind for kind in KINDS if kind not in kinds])
    number = counted(scene, kind)
    return wording.format(x=plural(_kind(kind, rng))), COUNTS[number - 1] if number else NONE


def _style(scene: Scene, rng: random.Random) -> tuple[str, str]:
    return rng.choice(WHICH_STYLE), scene.style


# --- yes or no: a claim that is true or false as wanted, or None where the scene has none -------------------------------


def shows(scene: Scene, kind: str, colour: str | None = None) -> bool:
    """Whether a thing of this kind, and of this colour, is there."""
    return any(thing.kind == kind and colour in (None, thing.colour) for thing in scene.things)


def _claim_kind(scene: Scene, rng: random.Random, wanted: bool) -> str | None:
    kinds = [kind for kind in KINDS if shows(scene, kind) == wanted]
    if not kinds:
        return None
    kind = rng.choice(kinds)
    if rng.random() < 0.15:
        return f"are there any {plural(_kind(kind, rng))}"
    return rng.choice(IS_THERE).format(x=_a(_kind(kind, rng)))


def _claim_painted(scene: Scene, rng: random.Random, wanted: bool) -> str | None:
    if not scene.things:
        return None
    thing = rng.choice(scene.things)
    kind, colour = thing.kind, thing.colour
    if not wanted:  # half right, so that neither word alone tells
        kind, colour = (rng.choice(KINDS), colour) if rng.random() < 0.4 else (kind, rng.choice(COLOURS))
    if shows(scene, kind, colour) != wanted:
        return None
    if shows(scene, kind) and sum(one.kind == kind for one in scene.things) == 1 and rng.random() < 0.5:
        several = counted(scene, kind) > 1
        name = plural(_kind(kind, rng)) if several else _kind(kind, rng)
        return f"{'are' if several else 'is'} the {name} {_paint(colour, rng)}"
    return rng.choice(IS_THERE).format(x=_a(f"{_paint(colour, rng)} {_kind(kind, rng)}"))


def _claim_person(scene: Scene, rng: random.Random, wanted: bool) -> str | None:
    if (scene.person is not None) != wanted:
        return None
    return rng.choice(IS_THERE).format(x=rng.choice(("a person", "a person", "somebody", "anybody", "a child")))


def _claim_place(scene: Scene, rng: random.Random, wanted: bool) -> str | None:
    other = [name for name in BACKGROUNDS if name != scene.background and scene.background not in ALIKE.get(name, ())]
    name = scene.background if wanted else rng.choice(other)
    return f"is {rng.choice(('it', 'this'))} {rng.choice(PLACES[name])}"


def _claim_style(scene: Scene, rng: random.Random, wanted: bool) -> str | None:
    name = scene.style if wanted else rng.choice([style for style in STYLES if style != scene.style])
    return f"is {rng.choice(('it', 'this'))} {name if name == 'pixel art' else _a(name)}"


def _claim_relation(scene: Scene, rng: random.Random, wanted: bool) -> str | None:
    if len(_members(scene)) != 2:
        return None
    first, second, relation = _pair(scene, rng)
    words = rng.choice(RELATION_WORDS[relation if wanted else OPPOSITE[relation]])
    return f"is the {_name(scene, first, rng)} {words} the {_name(scene, second, rng)}"


def _claim_count(scene: Scene, rng: random.Random, wanted: bool) -> str | None:
    if not scene.things:
        return None
    kind = rng.choice(scene.things).kind
    right = counted(scene, kind) - 1
    index = right if wanted else rng.choice([i for i in range(len(COUNTS)) if i != right])
    word = _kind(kind, rng)
    return f"{'are' if index else 'is'} there {COUNTS[index]} {plural(word) if index else word}"


Claim = Callable[[Scene, random.Random, bool], str | None]
_CLAIMS: Sequence[Claim] = (
    _claim_kind, _claim_kind, _claim_painted, _claim_painted, _claim_person, _claim_place, _claim_style, _claim_relation,
    _claim_count,
)  # fmt: skip


def _yes_or_no(scene: Scene, rng: random.Random) -> tuple[str, str]:
    wanted = rng.random() < 0.5
    while True:
        question = rng.choice(_CLAIMS)(scene, rng, wanted)
        if question is not None:
            return question, "yes" if wanted else "no"


_MAKERS: dict[str, Callable[[Scene, random.Random], tuple[str, str]]] = dict(
    zip(SORTS, (_what, _colour, _place, _relation, _count, _yes_or_no, _style), strict=True)
)
