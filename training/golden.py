"""Compares the networks with recorded runs of the published code:  python3 -m training.golden

Each figure is the relative error (L2); it must stay under ten times what float32 itself differs from float64 in that tensor (noise.json). Every
trainer does this to its own network before it begins."""
import json
import os
import sys

import torch

from training import s1_dac, tensors
from training.echo_dit import TINY, EchoDiT

LIMIT = 10
ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../tests/golden/tiny")


class Comparison:
    def __init__(self, root, quiet=False):
        self.noise, self.worst, self.quiet = json.load(open(root + "/noise.json")), 0.0, quiet

    def check(self, name, ours, recorded):
        floor = self.noise[name]["rel_l2_f32_vs_f64"]
        error = ((ours - recorded).norm() / recorded.norm()).item()
        self.worst = max(self.worst, error / floor)
        if not self.quiet:
            print(f"{name:44s} {error:.1e}, {error / floor:4.1f} x the floor")


@torch.no_grad()
def dit(root, result):
    m = EchoDiT(TINY)
    m.load_state_dict(tensors.load(root + "/dit.safetensors"), strict=True)
    c, f = tensors.load(root + "/conditioning.safetensors"), tensors.load(root + "/dit_forward.safetensors")
    ids = c["text2.ids"].long()
    text = m.text(ids, torch.ones_like(ids, dtype=torch.bool))
    result.check("conditioning/text2.state", text, c["text2.state"])
    speaker, mask = m.speaker(c["speaker_part24.latent"]), c["speaker_part24.mask"].bool()
    result.check("conditioning/speaker_part24.state", speaker, c["speaker_part24.state"])
    text_valid, speaker_valid = torch.ones(3, ids.shape[1], dtype=torch.bool), mask[:, ::4].repeat(3, 1)
    text_valid[1] = speaker_valid[2] = False
    lanes = dict(text=text.repeat(3, 1, 1), text_valid=text_valid, speaker=speaker.repeat(3, 1, 1), speaker_valid=speaker_valid)
    v = m(f["fwd.x"].repeat(3, 1, 1), torch.full((3,), 0.7), **lanes)
    result.check("dit_forward/fwd.v", v, f["fwd.v"])
    ids = c["text0.ids"].long()
    text, speaker, mask = c["text0.state"], c["speaker_ae40.state"], c["speaker_ae40.mask"].bool()[:, ::4].repeat(3, 1)
    seen = torch.ones(3, ids.shape[1], dtype=torch.bool)
    seen[1] = mask[2] = False
    prefix = m.prefix(f["fwd_latent.prefix"])
    v = m(f["fwd_latent.x"].repeat(3, 1, 1), torch.full((3,), 0.35), text.repeat(3, 1, 1), seen, speaker=speaker.repeat(3, 1, 1), speaker_valid=mask,
          prefix=prefix.repeat(3, 1, 1), start=torch.full((3,), 18))
    result.check("dit_forward/fwd_latent.v", v, f["fwd_latent.v"])


@torch.no_grad()
def codec(root, result):
    g, p = tensors.load(root + "/autoencoder.safetensors"), tensors.load(root + "/pca_state.safetensors")
    m = s1_dac.Decoder(128, 96, 2, 2, 224, ((1, 1, 1),) * 4)
    state = tensors.load(root + "/dac.safetensors")
    m.load_state_dict(s1_dac.from_published(state, m))
    stages = {}
    audio = m(g["dec.t5.latent"] / p["latent_scale"] @ p["pca_components"] + p["pca_mean"], stages)
    for name, value in stages.items():
        result.check("autoencoder/dec.t5." + name, value, g["dec.t5." + name])
    result.check("autoencoder/dec.t5.audio", audio[:, None], g["dec.t5.audio"])
    m = s1_dac.Encoder(128, 8, 2, 2, 224, (2, 2, 384), ((1, 1, 1),) * 4)
    m.load_state_dict(s1_dac.from_published(state, m))
    stages, audio = {}, g["enc.ragged.audio"][:, 0]
    m(torch.nn.functional.pad(audio, (0, -audio.shape[1] % 2048)), stages)
    for name, value in stages.items():
        result.check("autoencoder/enc.ragged." + name, value, g["enc.ragged." + name])


def verify(*parts, root=ROOT, quiet=True):
    """Ends the program unless the parts (dit, codec) compute what the published code does."""
    result = Comparison(root, quiet)
    for part in parts:
        part(root, result)
    if result.worst > LIMIT:
        sys.exit(f"the networks differ from the published code: {result.worst:.1f} times the floor, at most {LIMIT} expected")


if __name__ == "__main__":
    verify(dit, codec, quiet=False)
