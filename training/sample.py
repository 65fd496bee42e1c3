"""Speaks texts with weights in training, many at once:  python3 -m training.sample DATA TEXTS MODEL_DIR [options]

MODEL_DIR has the codec. Prints the word error rate of what is heard. The figures that count come from the program (training.evaluate);
this tells in a minute how training gets on."""
import argparse
import os
import tempfile

import numpy as np
import scipy.io.wavfile
import torch

from training import hearing, s1_dac, tensors
from training.codec import widened
from training.corpus import Corpus
from training.echo_dit import LATENT, SMALL, EchoDiT
from training.front_end import tokens
from training.train_dit import GUIDED_FROM, LAST, PATCH, load_exported

FLAT = 20  # frames


def load_dit(path):
    """The averaged weights of a checkpoint, or an exported model's."""
    dit = EchoDiT(SMALL)
    if os.path.isdir(path):
        load_exported(dit, path)
    else:
        dit.load_state_dict(torch.load(path, map_location="cpu")["ema"]["dit"])
    return dit.eval()


@torch.no_grad()
def generate(dit, texts, frames, steps, text_scale, speaker_scale, reference=None, seed=0, truncation=1.0, rescale=None):
    """The published sampler: latents (B, frames, 80). `rescale`: (k, sigma) of the score's rescaling."""
    ids = [tokens(t) for t in texts]
    b, n = len(ids), max(map(len, ids))
    valid = torch.tensor([[i < len(row) for i in range(n)] for row in ids])
    ids = torch.tensor([row + [0] * (n - len(row)) for row in ids])
    text, speaker = dit.text(ids, valid), None
    if reference is not None:
        speaker = dit.speaker(reference).expand(b, -1, -1)
    x = torch.randn(b, frames, LATENT, generator=torch.Generator().manual_seed(seed)) * truncation
    ts = torch.linspace(1, 0, steps + 1) * LAST

    def velocity(t, text_on=True, speaker_on=True):
        heard = None if speaker is None else torch.full(speaker.shape[:2], speaker_on)
        return dit(x, t.expand(b).bfloat16().float(), text, valid & text_on, speaker=speaker, speaker_valid=heard)

    for t, after in zip(ts[:-1], ts[1:]):
        v = full = velocity(t)
        if t >= GUIDED_FROM and text_scale:
            v = v + text_scale * (full - velocity(t, text_on=False))
        if t >= GUIDED_FROM and speaker_scale and speaker is not None:
            v = v + speaker_scale * (full - velocity(t, speaker_on=False))
        if rescale and t < 1:
            k, sigma = rescale
            snr = (1 - t) ** 2 / t ** 2
            ratio = (snr * sigma ** 2 + 1) / (snr * sigma ** 2 / k + 1)
            v = (ratio * ((1 - t) * v + x) - x) / (1 - t)
        x = x + v * (after - t)
    return x


def flattening_point(x):
    """The published rule for the end of speech."""
    padded = torch.cat((x, torch.zeros(FLAT, LATENT)))
    for i in range(len(x)):
        window = padded[i:i + FLAT]
        if window.std() < 0.05 and window.mean().abs() < 0.1:
            return i
    return len(x)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("data")
    p.add_argument("texts")
    p.add_argument("model", help="a model directory, of which the codec is used")
    p.add_argument("--dit", help="a checkpoint of train_dit; without it the model's")
    p.add_argument("--count", type=int, default=24)
    p.add_argument("--steps", type=int, default=12)
    p.add_argument("--text", type=float, default=3.0, help="guidance by the text")
    p.add_argument("--speaker", type=float, default=8.0, help="guidance by the speaker")
    p.add_argument("--voice", type=int, help="of the corpus, as a reference")
    p.add_argument("--truncation", type=float, default=1.0)
    p.add_argument("--show", type=int, default=4)
    a = p.parse_args()
    torch.set_num_threads(1)
    texts = [t.strip() for t in open(a.texts)][:a.count]
    dit, decoder = load_dit(a.dit or a.model), s1_dac.Decoder()
    decoder.load_state_dict(s1_dac.from_published(tensors.load(a.model + "/dac.safetensors"), decoder))
    reference = None
    if a.voice is not None:
        corpus = Corpus(f"{a.data}/corpus.npz")
        rows = np.nonzero(corpus.spoken[a.voice])[0][:24]
        reference = torch.from_numpy(corpus.reference(a.voice, 30 * PATCH, np.random.default_rng(0), rows))[None]
    frames = int(1.5 * max(map(len, texts))) + 24
    with torch.autocast("cpu", dtype=torch.bfloat16):
        latents = generate(dit, texts, frames, a.steps, a.text, a.speaker, reference, truncation=a.truncation)
    ends = [flattening_point(x) for x in latents]
    with tempfile.TemporaryDirectory() as tmp, torch.no_grad():
        paths = [f"{tmp}/{i}.wav" for i in range(len(texts))]
        for x, end, path in zip(latents, ends, paths):
            audio = decoder(widened(x[None, :max(end, 8)]))[0]
            scipy.io.wavfile.write(path, 44100, (audio.clip(-1, 1) * 32767).numpy().astype(np.int16))
        score = hearing.Score(texts, hearing.hear(paths))
    for (text, heard), wrong in list(zip(score.pairs, score.wrong))[:a.show]:
        print(f"  {wrong} wrong: {text} | {heard}")
    print(f"{score}; ends found in {sum(e < frames for e in ends)} of {len(ends)}, mean {np.mean(ends):.0f} frames; "
          f"pitch {np.median([float(x[:e, 48].mean()) for x, e in zip(latents, ends)]) / 0.6 * 21.53 + 129.2:.0f} Hz")


if __name__ == "__main__":
    main()
