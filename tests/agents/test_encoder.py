"""Codes of pictures and sentences: what they must tell apart, what they must not mix."""

import numpy as np
import pytest
import torch

from loci.agents.encoder import Decoder, Encoder
from loci.agents.language import Tokenizer
from loci.agents.vision import Vision
from loci.sim.tasks import ballet, dances, room_ballet, short_stay
from loci.sim.worlds.names import nonsense_names


def seen(batch: int = 2, steps: int = 3, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {
        "rgb": rng.integers(0, 256, (batch, steps, 16, 16, 3), np.uint8),
        "words": np.array([["", "this is a dax", ""], ["this is a zog", "", ""]])[:batch, :steps],
        "instruction": np.array([["", "", "pick up the dax"], ["", "", ""]])[:batch, :steps],
        "position": rng.normal(size=(batch, steps, 3)).astype(np.float32),
        "heading": rng.normal(size=(batch, steps, 1)).astype(np.float32),
    }


@pytest.fixture
def encoder() -> Encoder:
    torch.manual_seed(0)
    return Encoder(16, 16, 5, vision_dim=8, language_dim=16, embed_dim=12, channels=4, word_dim=16)


def test_sentences_are_stored_once_and_found_again(encoder: Encoder) -> None:
    obs, tokenizer = encoder.observe(seen(), np.full((2, 3), -1)), Tokenizer()
    said = [tokenizer.decode(row) for row in obs.sentences]
    assert sorted(said) == ["", "pick up the dax", "this is a dax", "this is a zog"]
    assert np.array_equal(np.array(said)[obs.heard.numpy()], seen()["words"])
    assert np.array_equal(np.array(said)[obs.told.numpy()], seen()["instruction"])


def test_the_percept_has_the_shapes_it_promises(encoder: Encoder) -> None:
    percept = encoder(encoder.observe(seen(), np.full((2, 3), -1)))
    shapes = {"embed": 12, "vision": 8, "language": 16, "goal": 16, "position": 3, "heading": 1, "control": 5}
    for name, width in shapes.items():
        assert getattr(percept, name).shape == (2, 3, width), name


def test_moments_do_not_touch_one_another(encoder: Encoder) -> None:
    whole = encoder(encoder.observe(seen(), np.full((2, 3), -1)))
    alone = {name: value[1:, 2:] for name, value in seen().items()}
    part = encoder(encoder.observe(alone, np.full((1, 1), -1)))
    for name in ("embed", "vision", "language", "goal"):
        torch.testing.assert_close(getattr(part, name)[0, 0], getattr(whole, name)[1, 2])


def test_the_same_sentence_has_the_same_code_wherever_it_is_heard(encoder: Encoder) -> None:
    told = seen() | {"words": np.array([["", "pick up the dax", ""], ["", "", ""]])}
    percept = encoder(encoder.observe(told, np.full((2, 3), -1)))
    assert torch.equal(percept.language[0, 1], percept.goal[0, 2])


def test_the_previous_action_is_known_and_the_first_step_has_none(encoder: Encoder) -> None:
    before = np.array([[-1, 0, 4], [-1, 2, 2]])
    percept = encoder(encoder.observe(seen(), before))
    assert percept.control[:, 0].sum() == 0
    assert torch.equal(percept.control[:, 1:].argmax(-1), torch.tensor(before[:, 1:]))


def test_half_of_the_time_the_policy_does_not_see_its_previous_action(encoder: Encoder) -> None:
    def embeds(action: int) -> torch.Tensor:
        torch.manual_seed(3)
        with torch.no_grad():
            codes = [encoder(encoder.observe(seen(), np.full((2, 3), action))).embed for _ in range(200)]
        return torch.stack(codes)

    blind = (embeds(0) == embeds(4)).all(-1).float().mean()
    assert 0.4 < blind < 0.6
    encoder.eval()
    assert not (embeds(0) == embeds(4)).all(-1).any(), "an agent that acts always sees it"
    encoder.train().action_dropout = 1.0
    assert torch.equal(embeds(0), embeds(4))


def test_even_untrained_codes_find_the_name_in_another_sentence() -> None:
    """Of 3 names the one asked for is nearest in more than 80 % of 500 draws; chance is 33 %, measured 94 to 98 %."""
    tokenizer, rng = Tokenizer(), np.random.default_rng(0)
    torch.manual_seed(0)
    language = Encoder(16, 16, 5).language
    names = nonsense_names(100, rng)
    codes = [
        torch.nn.functional.normalize(
            language(torch.from_numpy(tokenizer.encode([f"{start} {n}" for n in names]))), dim=-1
        )
        for start in ("pick up the", "this is a")
    ]
    likeness = (codes[0] @ codes[1].T).detach().numpy()
    draws = [rng.choice(100, 3, replace=False) for _ in range(500)]
    assert np.mean([likeness[d[0], d].argmax() == 0 for d in draws]) > 0.8


def test_silence_is_no_nan(encoder: Encoder) -> None:
    assert torch.isfinite(encoder.language(torch.zeros(1, 24, dtype=torch.int64))).all()


def test_sides_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="sides that are multiples of 8, got 20 x 16"):
        Vision(20, 16, 4, 8)


def test_the_sentence_loss_is_the_entropy_of_an_undecided_decoder(encoder: Encoder) -> None:
    decoder = Decoder(encoder)
    torch.nn.init.zeros_(decoder.sentence.weight)
    torch.nn.init.zeros_(decoder.sentence.bias)
    tokens = torch.from_numpy(encoder.tokenizer.encode(["", "this is a dax"]))
    loss = decoder.sentence_loss(torch.randn(2, 16), tokens, torch.tensor([0.0, 1.0]))
    assert loss.item() == pytest.approx(np.log(len(encoder.tokenizer.vocabulary)), rel=1e-5)


def test_the_image_loss_is_zero_for_the_pooled_picture_itself(encoder: Encoder) -> None:
    decoder = Decoder(encoder)
    rgb = torch.from_numpy(seen()["rgb"][0])
    pooled = torch.nn.functional.avg_pool2d(rgb.permute(0, 3, 1, 2).float() / 255, 4).flatten(1)

    class Right(torch.nn.Module):
        def forward(self, code: torch.Tensor) -> torch.Tensor:
            return pooled

    decoder.image = Right()  # type: ignore[assignment]
    assert decoder.image_loss(torch.zeros(3, 8), rgb).item() == pytest.approx(0.0, abs=1e-9)


def test_an_action_that_is_always_left_out_is_not_seen_in_acting_either() -> None:
    torch.manual_seed(0)
    never, always = (Encoder(16, 16, 5, channels=4, action_dropout=share) for share in (1.0, 0.0))
    window = never.observe(seen(), np.full((2, 3), 2))
    other = never.observe(seen(), np.full((2, 3), 4))
    for training in (True, False):
        never.train(training), always.train(training)
        assert torch.equal(never(window).embed, never(other).embed)
        assert not torch.equal(always(window).embed, always(other).embed)
    assert not torch.equal(never(window).control, never(other).control)


def test_centred_numbers_have_mean_0_and_deviation_1_over_the_window() -> None:
    encoders = []
    for centre in (True, False):
        torch.manual_seed(0)
        encoders.append(Encoder(16, 16, 5, channels=4, action_dropout=0.0, centre=centre))
    centred, plain = encoders
    window = centred.observe(seen(), np.full((2, 3), 2))
    raw = plain(window).embed.flatten(0, 1)
    expected = (raw - raw.mean(dim=0)) / (raw.var(dim=0, correction=0) + 1e-5).sqrt()
    torch.testing.assert_close(centred(window).embed.flatten(0, 1), expected, atol=1e-4, rtol=1e-3)
    assert expected.std() > 0.5
    alone = centred.eval()(window).embed
    first = centred.observe({name: values[:1] for name, values in seen().items()}, np.full((1, 3), 2))
    torch.testing.assert_close(alone[:1], centred(first).embed)


def test_phrases_tell_sentences_apart_that_share_most_of_their_letters() -> None:
    torch.manual_seed(0)
    spelled, whole = (Encoder(16, 16, 5, phrases=phrases) for phrases in (0, 4096))
    tokens = torch.from_numpy(spelled.tokenizer.encode(["circle cw", "circle ccw"]))
    alike = [torch.cosine_similarity(*encoder.language(tokens), dim=0).item() for encoder in (spelled, whole)]
    assert alike[0] > 0.9
    assert alike[1] < 0.8
    torch.testing.assert_close(whole.language(tokens[:1]), whole.language(tokens)[:1])


def test_no_two_sentences_of_a_task_share_a_phrase() -> None:
    """At the 4,096 phrases of conf/encoder/cells.yaml."""
    whole = Encoder(16, 16, 5, phrases=4096)
    names = np.array([ballet.WATCH, *dances.DANCES])
    for sentences in (names, short_stay.SENTENCES, room_ballet.SENTENCES):
        told = sorted(set(sentences.tolist()))
        codes = whole.language(torch.from_numpy(whole.tokenizer.encode(told)))
        assert len(codes.unique(dim=0)) == len(told)
