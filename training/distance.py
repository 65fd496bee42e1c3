"""How far what is sampled is from what the teacher says, setting by setting:  python3 -m training.distance DATA [--dit CHECKPOINT or MODEL_DIR]

Texts that were held out are spoken by the sampler in PyTorch and compared, latent by latent, with the teacher's speech in the same rhythm: it costs
seconds, tells settings apart that a recogniser needs hundreds of sentences for, and is no measure of what is heard. 0: the same; 1: as far as silence."""
import argparse

import numpy as np
import torch

from training.corpus import Corpus
from training.latents import PITCH, USED
from training.sample import generate, load_dit
from training.train_dit import PATCH

SETTINGS = [  # name, steps, guidance by text and speaker, truncation, rescaling
    ("no guidance", 20, 0, 0, 1.0, None), ("guidance 1, 0", 20, 1, 0, 1.0, None), ("guidance 3, 0", 20, 3, 0, 1.0, None), ("guidance 3, 3", 20, 3, 3, 1.0, None),
    ("guidance 8, 8", 20, 8, 8, 1.0, None), ("5 steps", 5, 3, 8, 1.0, None), ("10 steps", 10, 3, 8, 1.0, None), ("20 steps", 20, 3, 8, 1.0, None),
    ("40 steps: the defaults", 40, 3, 8, 1.0, None), ("truncation 0.8", 20, 3, 8, 0.8, None), ("Independent-High-Speaker-CFG-Flat", 40, 3, 8, 0.8, (1.2, 3.0)),
    ("Independent-High-CFG", 40, 8, 8, 1.0, (1.0, 3.0)), ("Independent-High-CFG-Flat", 40, 8, 8, 0.8, (1.2, 3.0)), ("Independent-Low-CFG", 40, 3, 3, 1.0, (1.0, 3.0)),
    ("Independent-Low-CFG-Flat", 40, 3, 3, 0.8, (1.2, 3.0)), ("a window of 320 frames", 20, 3, 8, 1.0, None)]


class HeldOut:
    """Texts and the teacher's speech; all of a voice's texts are spoken at once."""

    def __init__(self, corpus, count):
        usable = np.nonzero(corpus.spoken.all(0) & (corpus.lengths < 110))[0]
        self.corpus, self.rows = corpus, usable[:count]
        self.texts = [corpus.string(r)[len("[S1] "):] if corpus.string(r).startswith("[S1] ") else corpus.string(r) for r in self.rows]

    def error(self, dit, voice, referred, steps, text, speaker, truncation, rescale, frames=None):
        """Root of the mean squared error of speech frames, in units of the teacher's speech itself; and the mean error of pitch in Hz."""
        c, reference = self.corpus, None
        if referred:
            reference = torch.from_numpy(c.reference(voice, 30 * PATCH, np.random.default_rng(1), np.setdiff1d(c.rows_of[voice], self.rows)))[None]
        x = generate(dit, self.texts, frames or max(c.lengths[self.rows]) + 24, steps, text, speaker, reference, truncation=truncation, rescale=rescale)
        off = power = 0.0
        pitch = []
        for got, row in zip(x.float().numpy(), self.rows):
            said = c.speech(voice, row)
            off += np.square(got[:len(said), :USED] - said).sum()
            power += np.square(said).sum()
            pitch.append(np.mean(got[:len(said), PITCH]) - np.mean(said[:, PITCH]))
        return (off / power) ** 0.5, float(np.mean(pitch) / 0.6 * 21.53)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("data")
    p.add_argument("--dit", default="models/echo-small", help="a checkpoint or a model directory")
    p.add_argument("--count", type=int, default=12)
    p.add_argument("--voices", default="0,1,2", help="of the corpus, each with a reference; the first also without")
    p.add_argument("--only", default="", help="part of the settings' names")
    a = p.parse_args()
    torch.set_num_threads(1)
    dit, corpus = load_dit(a.dit), Corpus(f"{a.data}/corpus.npz")
    held, voices = HeldOut(corpus, a.count), [int(v) for v in a.voices.split(",")]
    names = list(np.load(f"{a.data}/corpus.npz")["voices"])
    columns = [(voices[0], False)] + [(v, True) for v in voices]
    print("| setting | " + " | ".join(f"reference {names[v]}" if r else "no reference" for v, r in columns) + " |\n| --- |" + " --- |" * len(columns))
    for name, *settings in SETTINGS:
        if a.only in name:
            with torch.autocast("cpu", dtype=torch.bfloat16):
                cells = [held.error(dit, v, r, *settings, frames=320 if "window" in name else None) for v, r in columns]
            print(f"| {name} | " + " | ".join(f"{e:.3f} ({p:+.0f} Hz)" for e, p in cells) + " |", flush=True)


if __name__ == "__main__":
    main()
