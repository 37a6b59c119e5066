"""What the text encoders are told: weights of 1 change nothing, others do what they say, long prompts go in stretches."""

import copy

import numpy as np
import pytest
import tiny

from studio.domain.errors import BadInput

PROMPT, NEGATIVE = "a large red star at night", "a blue ball"


@pytest.fixture(scope="module", params=["sd1", "sd2", "sdxl"])
def pipe(heavy, request):
    return tiny.pipe(request.param)


@pytest.fixture(scope="module")
def say(heavy):
    import torch

    from studio.workshop.paint.prompts import say

    return torch.inference_mode()(say)


def with_prompt(said):
    return said.states[1].numpy()


def test_plain_words_are_what_diffusers_says(pipe, say):
    import torch

    said = say(pipe, NEGATIVE, PROMPT)
    with torch.inference_mode():
        theirs = pipe.encode_prompt(
            PROMPT, device="cpu", num_images_per_prompt=1, do_classifier_free_guidance=True, negative_prompt=NEGATIVE
        )
    # theirs encodes the two prompts in two calls, and a batch of two sums in another order
    assert np.allclose(said.states, torch.cat([theirs[1], theirs[0]]), atol=1e-5)
    if said.pooled is not None:
        assert np.allclose(said.pooled, torch.cat([theirs[3], theirs[2]]), atol=1e-5)


@pytest.mark.parametrize(
    "same", ["a (large:1.0) red star at night", "([a large red star at night])", "a large red star at night  "]
)
def test_weights_of_one_are_exactly_the_plain_states(pipe, say, same):
    plain, weighed = say(pipe, NEGATIVE, PROMPT), say(pipe, NEGATIVE, same)
    assert np.array_equal(plain.states, weighed.states)
    assert plain.pooled is None or np.array_equal(plain.pooled, weighed.pooled)


def test_a_weight_moves_the_states_of_its_words_away_from_the_empty_prompt(pipe, say):
    plain, empty = with_prompt(say(pipe, NEGATIVE, "red star")), with_prompt(say(pipe, NEGATIVE, ""))
    weighed = with_prompt(say(pipe, NEGATIVE, "(red:1.5) star"))
    words = len(pipe.tokenizer("red", add_special_tokens=False).input_ids)
    within = slice(1, 1 + words)
    assert np.allclose(weighed[within], empty[within] + 1.5 * (plain[within] - empty[within]), atol=1e-5)
    assert np.array_equal(weighed[1 + words :], plain[1 + words :]) and np.array_equal(weighed[0], plain[0])
    silent = with_prompt(say(pipe, NEGATIVE, "(red:0) star"))
    assert np.allclose(silent[within], empty[within], atol=1e-5)


def test_a_long_prompt_goes_in_stretches_and_the_shorter_one_is_filled_up(pipe, say):
    long = "a red star and a blue house " * 20
    said = say(pipe, NEGATIVE, long)
    assert said.states.shape[1] == 77 * 2 and said.length == 154
    first = pipe.tokenizer(long, truncation=True, max_length=77).input_ids[1:-1]
    alone = say(pipe, NEGATIVE, pipe.tokenizer.decode(first))
    assert np.allclose(with_prompt(said)[:77], with_prompt(alone), atol=1e-5)
    assert np.allclose(said.states[0, :77], alone.states[0], atol=1e-5)
    assert say(pipe, NEGATIVE, long, long=False).length == 77
    assert np.array_equal(say(pipe, long, PROMPT).states.shape, said.states.shape)


def test_break_begins_another_stretch(pipe, say):
    both = with_prompt(say(pipe, NEGATIVE, "a red star BREAK a blue house"))
    assert len(both) == 154
    for half, words in zip((both[:77], both[77:]), ("a red star", "a blue house"), strict=True):
        assert np.allclose(half, with_prompt(say(pipe, NEGATIVE, words)), atol=1e-5)


def test_a_full_stretch_ends_at_a_comma_near_its_end(heavy):
    from studio.workshop.paint.prompts import stretches

    tokenizer = tiny.tokenizer()
    words = "red " * 70 + ", blue house star tree boat fish flower"
    first, second = stretches(words, tokenizer)
    assert tokenizer.decode(first.ids).strip().endswith(",") and tokenizer.decode(second.ids).startswith("blue house")
    assert [len(one.ids) for one in stretches("red " * 160, tokenizer)] == [75, 75, 10]
    assert len(stretches("", tokenizer)) == len(stretches("BREAK BREAK", tokenizer)) == 1
    (cut,) = stretches("red , " * 60, tokenizer, long=False)
    assert len(cut.ids) == 75


@pytest.mark.parametrize("skip", [2, 3])
def test_clip_skip_reads_an_earlier_layer(pipe, say, skip):
    import torch

    said = say(pipe, NEGATIVE, PROMPT, clip_skip=skip if skip < 3 else 2)
    assert not np.allclose(said.states, say(pipe, NEGATIVE, PROMPT).states)
    ids = pipe.tokenizer([NEGATIVE, PROMPT], padding="max_length", max_length=77, return_tensors="pt").input_ids
    with torch.inference_mode():
        layers = pipe.text_encoder(ids, output_hidden_states=True).hidden_states
        if said.pooled is None:  # SDXL goes without the last norm, and one layer deeper
            expected = pipe.text_encoder.final_layer_norm(layers[-2])
            last = pipe.text_encoder(ids)[0]
            assert np.allclose(pipe.text_encoder.final_layer_norm(layers[-1]), last, atol=1e-6)
        else:
            expected = layers[-3]
    assert np.allclose(said.states[..., : expected.shape[-1]], expected, atol=1e-5)


def test_a_clip_skip_deeper_than_the_encoder_is_said(pipe, say):
    with pytest.raises(BadInput, match="layers; choose a smaller clip skip") as caught:
        say(pipe, NEGATIVE, PROMPT, clip_skip=9)
    assert caught.value.field == "clip_skip"


def test_an_embedding_stands_where_it_is_spoken_of(heavy, say):
    import torch

    pipe = copy.deepcopy(tiny.pipe("sd1"))
    vectors = tiny.embedding("sd1")["emb_params"]
    plain = say(pipe, "", "a red star")
    spoken = say(pipe, "", "a My-Style star, mystyle", embeddings={"my-style": (vectors,)})
    assert np.array_equal(say(pipe, "", "a red star", embeddings={"my-style": (vectors,)}).states, plain.states)
    # the same with two new entries in the tokenizer and the table, as diffusers does it
    pipe.tokenizer.add_tokens(["<one>", "<two>"])
    pipe.text_encoder.resize_token_embeddings(len(pipe.tokenizer), mean_resizing=False)
    ids = pipe.tokenizer.convert_tokens_to_ids(["<one>", "<two>"])
    with torch.no_grad():
        pipe.text_encoder.get_input_embeddings().weight[ids] = vectors
    expected = say(pipe, "", "a <one><two> star, mystyle")
    assert np.allclose(spoken.states, expected.states, atol=1e-5)
    assert not np.allclose(spoken.states, plain.states)


def test_an_embedding_for_two_encoders_speaks_to_both(heavy, say):
    pipe = tiny.pipe("sdxl")
    given = tiny.embedding("sdxl")
    both, second = (given["clip_l"], given["clip_g"]), (None, given["clip_g"])
    said = [say(pipe, "", "a star of glow", embeddings={"glow": one}).states[1] for one in (both, second)]
    width = given["clip_l"].shape[-1]
    assert not np.array_equal(said[0][:, :width], said[1][:, :width])
    assert np.array_equal(say(pipe, "", "a star", embeddings={"glow": both}).states, say(pipe, "", "a star").states)
