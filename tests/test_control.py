"""Kinds of control maps, their parameters, figures and OpenPose's JSON."""

import json

import pytest

from studio.domain.control import CONTROLS, Control, ControlMap, parameters_of
from studio.domain.errors import BadInput
from studio.domain.pose import JOINTS, figures_of, from_openpose, presets, to_openpose
from studio.domain.recipe import Recipe

SHA = "a" * 64


def test_every_kind_says_what_it_is_and_has_defaults_within_its_ranges():
    assert len(CONTROLS) == 10
    for kind in CONTROLS.values():
        assert kind.explanation.endswith(".") and kind.label
        for parameter in kind.parameters:
            assert parameter.low <= parameter.default <= parameter.high, (kind.name, parameter.name)
        assert parameters_of(kind.name, {}) == {one.name: one.default for one in kind.parameters}


@pytest.mark.parametrize(
    ("given", "field"),
    [({"low": 256}, "low"), ({"low": "x"}, "low"), ({"near": 1}, "near"), ({"low": float("nan")}, "low")],
)
def test_a_wrong_parameter_is_named(given, field):
    with pytest.raises(BadInput) as caught:
        parameters_of("canny", given)
    assert caught.value.field == field


def test_a_switch_takes_true_and_a_slider_does_not():
    assert parameters_of("canny", {"invert": True})["invert"] == 1.0
    with pytest.raises(BadInput):
        parameters_of("canny", {"low": True})


@pytest.mark.parametrize(
    "bad",
    [{"kind": "smell"}, {"weight": 3}, {"weight": float("nan")}, {"weight": "1"}, {"start": 0.6, "end": 0.5},
     {"start": -0.1}, {"end": 1.1}, {"balance": "both"}],
)  # fmt: skip
def test_a_control_out_of_range_is_refused(bad):
    with pytest.raises(BadInput):
        Control(**{"kind": "pose", "source": SHA, **bad})


def test_figures_come_back_from_openpose_json():
    figures = (presets()["Walking"], (*presets()["Standing"][:17], None))
    again = from_openpose(to_openpose(figures, 640, 480))
    assert len(again) == 2 and again[1][17] is None
    for figure, other in zip(figures, again, strict=True):
        for one, two in zip(figure, other, strict=True):
            assert (one is None) == (two is None)
            if one and two:
                assert one == pytest.approx(two, abs=1e-4)


def test_body_25_loses_its_middle_hip_and_feet():
    triples = [[float(i), float(i), 1.0] for i in range(25)]
    text = json.dumps({"people": [{"pose_keypoints_2d": [n for triple in triples for n in triple]}]})
    (figure,) = from_openpose(text, width=100, height=100)
    assert figure[8] == (0.09, 0.09) and figure[17] == (0.18, 0.18)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"people": 3}', '{"people": [{}]}', '{"people": [{"pose_keypoints_2d": [1, 2]}]}',
             '{"people": [{"pose_keypoints_2d": ' + json.dumps([5.0] * 54) + "}]}"],
)  # fmt: skip
def test_what_is_no_pose_is_refused_with_a_sentence(text):
    with pytest.raises(BadInput) as caught:
        from_openpose(text)
    assert str(caught.value).endswith(".")


def test_figures_out_of_reach_or_misshapen_are_refused():
    good = [list(point) if point else None for point in presets()["Standing"]]
    assert len(figures_of([good])[0]) == len(JOINTS)
    for bad in (
        "x",
        [good[:5]],
        [[[99, 0], *good[1:]]],
        [[[float("nan"), 0], *good[1:]]],
        [good] * 21,
        [[["a", "b"], *good[1:]]],
    ):
        with pytest.raises(BadInput):
            figures_of(bad)


def test_presets_stay_inside_the_picture():
    for name, figure in presets().items():
        assert all(point and 0.02 < point[0] < 0.98 and 0.02 < point[1] < 0.98 for point in figure), name


def test_a_map_comes_back_from_its_dict():
    one = ControlMap("pose", figures=(presets()["Sitting"],))
    assert ControlMap.from_dict(json.loads(json.dumps(one.to_dict()))) == one
    with pytest.raises(BadInput):
        ControlMap.from_dict({"kind": "pose", "figures": [[1]]})


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"task": "outpaint", "source": SHA}, "extend"),
        ({"task": "outpaint", "source": SHA, "extend": (0, 0, 7, 0)}, "extend"),
        ({"extend": (8, 0, 0, 0)}, "extend"),
        ({"task": "enlarge", "source": SHA}, "factor"),
        ({"task": "enlarge", "source": SHA, "factor": 3}, "factor"),
        ({"factor": 2}, "factor"),
        ({"task": "enlarge", "factor": 2}, "source"),
        ({"task": "vary", "source": SHA, "hires": 2.0}, "hires"),
        ({"method": "magic"}, "method"),
        ({"feather": 65}, "feather"),
        ({"controls": (Control("pose", SHA),) * 7}, "controls"),
    ],
)
def test_what_a_task_needs_and_has_no_use_for(given, field):
    with pytest.raises(BadInput) as caught:
        Recipe(prompt="a star", **given)
    assert caught.value.field == field


def test_an_enlargement_needs_no_words_and_every_task_comes_back_from_json():
    for recipe in (
        Recipe(prompt="", task="enlarge", source=SHA, factor=4, method="lanczos"),
        Recipe(prompt="a sun", task="outpaint", source=SHA, extend=(0, 0, 64, 0)),
        Recipe(
            prompt="a sun", task="inpaint", source=SHA, mask=SHA, controls=(Control("depth", SHA, balance="prompt"),)
        ),
    ):
        assert Recipe.from_json(recipe.to_json()) == recipe
