"""Sheets of pictures: what is where on them, and what attention maps are."""

import numpy as np
import pytest
from PIL import Image

from simtouch._checks import SimtouchError

torch = pytest.importorskip("torch")

from simtouch.models import EncoderConfig, VisionTransformer  # noqa: E402
from simtouch.models.ssl.mae import MaeConfig, MaskedAutoencoder  # noqa: E402
from simtouch.models.ssl.objective import Objective, Place  # noqa: E402
from simtouch.training.pictures import attention_maps, picture_sheet, save_pictures  # noqa: E402

SIZE = (64, 48)
SHAPE = {"embed_dim": 24, "depth": 2, "num_heads": 3, "image_size": SIZE}


class Plain(Objective):
    """An objective that has nothing to reconstruct."""

    encoder_prefix = "own."

    def __init__(self, **shape):
        super().__init__()
        self.own = VisionTransformer(EncoderConfig(**SHAPE, **shape))

    @property
    def encoder(self):
        return self.own

    def draw(self, place):
        return {}

    def forward(self, images, draws, clock):
        return {"loss": self.own(images).mean()}


def images(count=3, video=False):
    """Window i has a bright square at (8 i, 8 i); no change elsewhere."""
    out = torch.full((count, 3, 4, *SIZE) if video else (count, 6, *SIZE), 127 / 255)
    for i in range(count):
        out[i, ..., 8 * i : 8 * i + 8, 8 * i : 8 * i + 8] = 0.8
    return out


def mae():
    torch.manual_seed(0)
    return MaskedAutoencoder(EncoderConfig(**SHAPE), MaeConfig(decoder_dim=24, decoder_depth=1, decoder_heads=3))


def cells(sheet, rows, columns, scale=2):
    """The pictures on a sheet, (rows, columns, H, W, 3)."""
    high, wide = SIZE[0] * scale + 4, SIZE[1] * scale + 4
    assert sheet.shape == (14 + rows * high + 4, columns * wide + 4, 3)
    found = sheet[18:, 4:].reshape(rows, high, columns, wide, 3).swapaxes(1, 2)
    return found[:, :, :-4:scale, :-4:scale]


@pytest.mark.parametrize("registers", [0, 1, 2])
def test_attention_is_a_share_of_what_the_queries_give(registers):
    encoder = VisionTransformer(EncoderConfig(**SHAPE, num_registers=registers))
    maps = attention_maps(encoder, images())
    assert maps.shape == (3, 4, 3)
    total = maps.sum((1, 2))
    assert (total <= 1 + 1e-6).all()
    if registers == 0:
        torch.testing.assert_close(total, torch.ones(3))


def test_attention_goes_to_the_patch_whose_key_fits():
    """A last block whose query is constant and whose key is the first channel looks where this channel is large."""
    encoder = VisionTransformer(EncoderConfig(**SHAPE | {"depth": 1, "num_heads": 1}, num_registers=0))
    block = encoder.blocks[0]
    with torch.no_grad():
        encoder.patch_embed.proj.weight.zero_()
        encoder.patch_embed.proj.weight[0] = 1.0  # brightness of the patch
        encoder.pos_embed.frequency_bands.zero_()
        block.attn.qkv.weight.zero_()
        block.attn.qkv.bias.zero_()
        block.attn.qkv.bias[0] = 30.0
        block.attn.qkv.weight[24, 0] = 1.0
    x = torch.zeros(1, 6, *SIZE)
    x[..., 32:48, 16:32] = 1.0
    maps = attention_maps(encoder, x)
    assert maps[0].flatten().argmax() == 2 * 3 + 1
    assert maps[0, 2, 1] > 5 * maps[0, 0, 0]


def test_video_has_a_map_a_time_step():
    encoder = VisionTransformer(EncoderConfig(**SHAPE, channels=3, num_frames=4))
    assert attention_maps(encoder, images(video=True)).shape == (3, 2, 4, 3)


def test_a_sheet_shows_frames_what_was_seen_and_what_was_guessed():
    objective, x = mae(), images()
    draws = objective.draw(Place(seed=0, step=0, batch_size=3))
    sheet = picture_sheet(objective, x, draws)
    assert sheet.dtype == np.uint8
    found = cells(sheet, 3, 7)
    whole, hidden = objective.reconstruct(x, draws)
    hidden = hidden.numpy()
    for i in range(3):
        newest, seen, guessed = found[i, 0], found[i, 2], found[i, 3]
        assert (newest[8 * i : 8 * i + 8, 8 * i : 8 * i + 8] > 250).all()
        assert (np.abs(newest[48:].astype(int) - 127) <= 1).all()
        assert (seen[hidden[i]] == 40).all()
        assert (seen[~hidden[i]] == newest[~hidden[i]]).all()
        assert (guessed[~hidden[i]] == newest[~hidden[i]]).all()
        wanted = (127.5 + 510 * (whole[i, :3].permute(1, 2, 0) - 127 / 255)).clamp(0, 255).to(torch.uint8).numpy()
        assert (guessed == wanted).all()


def test_attention_that_is_the_same_everywhere_is_one_colour():
    objective = Plain()
    with torch.no_grad():
        objective.own.blocks[-1].attn.qkv.weight.zero_()
    attention = cells(picture_sheet(objective, images(), {}), 3, 3)[:, 2]
    assert (attention == attention[0, 0, 0]).all()


def test_of_many_windows_those_with_contact_are_shown():
    x = torch.full((8, 6, *SIZE), 127 / 255)
    x[5], x[7] = images(2)
    found = cells(picture_sheet(Plain(), x, {}, windows=2), 2, 3)
    assert (found[0, 0, :8, :8] > 250).all()
    assert (found[1, 0, 8:16, 8:16] > 250).all()


def test_a_video_sheet_has_its_four_frames_and_two_maps(tmp_path):
    objective = Plain(channels=3, num_frames=4)
    path = save_pictures(objective, images(video=True), {}, tmp_path / "new" / "sheet.png", windows=2)
    sheet = np.asarray(Image.open(path))
    assert cells(sheet, 2, 6).shape == (2, 6, *SIZE, 3)
    assert [p.name for p in path.parent.iterdir()] == ["sheet.png"]


def test_the_objective_stays_as_it_was():
    objective = mae()
    before = {k: v.clone() for k, v in objective.state_dict().items()}
    objective.train()
    picture_sheet(objective, images(), objective.draw(Place(seed=0, step=0, batch_size=3)))
    assert objective.training
    assert all(torch.equal(v, before[k]) for k, v in objective.state_dict().items())
    assert all(p.grad is None for p in objective.parameters())


def test_no_windows_give_no_sheet():
    with pytest.raises(SimtouchError, match="at least one window"):
        picture_sheet(mae(), images()[:0], {})
    with pytest.raises(SimtouchError, match="at least one window"):
        picture_sheet(mae(), images(), {}, windows=0)
