"""Speaks the corpora in the rhythm that the text encoder expects:  python3 -m training.retime DATA VOICE...   (writes DATA/corpus.npz)

How long a teacher's sounds last is only partly told by the text, and errors add up over a sentence. Warping every trajectory to the times
which the encoder predicts makes the alignment a function of the text: the transformer is spared the search for it, and all voices speak a text
in the same frames. The first voice must have every text; `spoken` tells which texts the others have."""
import sys

import numpy as np
import torch

from training.corpus import Corpus
from training.echo_dit import SMALL, EchoDiT
from training.latents import USED, Space
from training.train_text import LONGEST_BYTE, Questions, TextEncoder

SMOOTH = 4.0  # bytes over which the two kinds of prediction are reconciled


def new_ends(middle, duration):
    """Ends of the bytes: durations summed up, and moved slowly to where the middles are expected."""
    duration = np.clip(duration, 0, LONGEST_BYTE)
    total = np.cumsum(duration)
    i = np.arange(len(total))
    kernel = np.exp(-0.5 * ((i[:, None] - i) / SMOOTH) ** 2)
    return np.maximum.accumulate(np.maximum(total + kernel @ (middle - (total - duration / 2)) / kernel.sum(1), 0))


def warp(feats, inside, old, new, frames):
    """A trajectory whose bytes end at `old` (frames), spoken so that they end at `new`: feats and inside of 4 * frames subframes."""
    middle = (np.arange(4 * frames) + 0.5) / 4
    tail = max(len(inside) / 4 - old[-1], 0.1)
    knots = np.concatenate([[0], new + 1e-4 * np.arange(len(new)), [new[-1] + tail + 1e-2]])
    at = np.interp(middle, knots, np.concatenate([[0], old, [old[-1] + tail]])) * 4 - 0.5
    at = np.clip(at, 0, len(inside) - 1)
    low = np.minimum(at.astype(int), len(inside) - 2)
    part = (at - low)[:, None]
    out = (1 - part) * feats[low] + part * feats[low + 1]
    near = np.round(at).astype(int)
    out[:, 0] = feats[near, 0]
    return out, inside[near] & (middle < new[-1] + 0.4)


@torch.no_grad()
def predicted_ends(corpus, checkpoint):
    state = torch.load(checkpoint, map_location="cpu")["ema"]
    encoder, questions = TextEncoder(EchoDiT(SMALL)), Questions(SMALL["text_width"])
    encoder.load_state_dict(state["encoder"])
    questions.load_state_dict(state["questions"])
    out = [None] * len(corpus)
    order = np.argsort(corpus.text_lengths, kind="stable")
    for i in range(0, len(order), 64):
        rows = order[i:i + 64]
        ids, valid, _, _ = corpus.texts(rows)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            middle, duration = questions.answers(encoder(ids, valid)[0])
        for b, r in enumerate(rows):
            n = corpus.text_lengths[r]
            out[r] = new_ends(middle[b, :n].numpy(), duration[b, :n].numpy()).astype(np.float32)
    return out


def clean(feats):
    feats = np.nan_to_num(feats.astype(np.float32), posinf=0, neginf=0)
    feats[:, 0] = np.where(feats[:, 0] < 500, feats[:, 0], 0)
    return feats


def main(data_dir, *voices):
    torch.set_num_threads(1)
    space, base = Space(f"{data_dir}/space.npz"), Corpus(f"{data_dir}/{voices[0]}.trajectories.npz")
    ends = predicted_ends(base, f"{data_dir}/text.pt")
    lengths = np.array([int(np.ceil(e[-1] + 0.5)) for e in ends])
    at = np.concatenate([[0], np.cumsum(lengths)])
    row_of = {int(i): r for r, i in enumerate(np.load(f"{data_dir}/{voices[0]}.trajectories.npz")["index"])}
    latents, spoken, moved = np.zeros((len(voices), at[-1], USED), np.float16), np.zeros((len(voices), len(base)), bool), []
    for v, voice in enumerate(voices):
        path = f"{data_dir}/{voice}.trajectories.npz"
        own, z = Corpus(path), np.load(path)
        feats, inside = z["feats"], z["inside"]
        for r, index in enumerate(z["index"]):
            to = row_of.get(int(index))
            if to is None:
                continue
            s = slice(4 * own.at[r], 4 * own.at[r + 1])
            old = own.ends[own.text_at[r]:own.text_at[r + 1]]
            moved.append(np.mean((old - ends[to]) ** 2))
            y, live = warp(clean(feats[s]), inside[s], old, ends[to], lengths[to])
            latents[v, at[to]:at[to + 1]] = space.encode(y, live)
            spoken[v, to] = True
        print(f"{voice}: {spoken[v].sum()} texts, moved by {np.mean(moved) ** 0.5:.2f} frames", flush=True)
        moved = []
    np.savez(f"{data_dir}/corpus.npz", lengths=lengths, text_lengths=base.text_lengths, text=base.text, phones=base.phones,
             ends=np.concatenate(ends), latents=latents, spoken=spoken, voices=np.array(voices))


if __name__ == "__main__":
    main(*sys.argv[1:])
