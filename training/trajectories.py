"""Puts the teacher's parameters on the codec's grid and finds when each byte of the text is spoken:
    python3 -m training.trajectories DATA VOICE...      (reads DATA/train.txt, DATA/VOICE.rec; writes DATA/VOICE.trajectories.npz)

A latent frame (2,048 samples at 44.1 kHz) has four subframes; each is F0 (0: unvoiced) and 25 mel-cepstra. Speech begins LEAD frames after the
start. Every byte of the model's text gets the time at which it ends, in frames: bytes before speech end when it begins, a pause belongs to
what stands before the next word. Kept are the texts whose words the teacher spoke one by one."""
import re
import sys

import numpy as np

from training.alignment import align_all
from training.front_end import prompt, spoken_form

SUBFRAME = 512 / 44100
FRAME = 4 * SUBFRAME
LEAD = 2  # frames of silence before the first sound
LONGEST = 440  # frames
CHANNELS = 26
STEP = 0.005  # of the teacher's frames, in seconds
SEGMENT = np.dtype([("end", "f4"), ("token", "i4"), ("name", "S8")])
PHONES = "aa ae ah ao aw ax ay b ch d dh eh er ey f g hh ih iy jh k l m n ng ow oy p r s sh t th uh uw v w y z zh pau".split()
CORE = re.compile(r"[A-Za-z0-9'$%&#+](?:.*[A-Za-z0-9'$%&#+])?")


def records(stream, waves=False):
    """(index, data (frames, channels), segments[, samples at 16 kHz]) of each record that teacher.c wrote."""
    while len(head := stream.read(20)) == 20:
        magic, index, frames, channels, segments = np.frombuffer(head, np.int32)
        assert magic == 0x0EC40, "not the teacher's records"
        size, named = 4 * frames * channels, segments * SEGMENT.itemsize
        raw = stream.read(size + named)
        if len(raw) < size + named:  # the teacher was stopped
            return
        out = (index, np.frombuffer(raw[:size], np.float32).reshape(frames, channels), np.frombuffer(raw[size:], SEGMENT))
        if waves:
            samples = int(np.frombuffer(stream.read(4), np.int32)[0])
            out += (np.frombuffer(stream.read(2 * samples), np.int16),)
        yield out


def spoken_span(segments):
    """When the first sound begins and the last one ends, or None where nothing was said."""
    sounds = np.nonzero(segments["name"] != b"pau")[0]
    if not len(sounds):
        return None
    return (float(segments["end"][sounds[0] - 1]) if sounds[0] else 0.0), float(segments["end"][sounds[-1]])


def resample(data, start, count):
    """Means of F0 and cepstra over `count` subframes from `start` seconds on; F0 is 0 where most of it is unvoiced."""
    data = data[:, :CHANNELS]
    edges = np.clip((start + SUBFRAME * np.arange(count + 1)) / STEP, 0, len(data))
    whole = np.minimum(edges.astype(int), len(data) - 1)
    part = edges - whole
    columns = np.concatenate([data, (data[:, :1] > 0)], 1).astype(np.float64)
    total = np.concatenate([np.zeros((1, columns.shape[1])), np.cumsum(columns, 0)])
    at = total[whole] + part[:, None] * columns[whole]
    out = np.diff(at, axis=0) / np.maximum(np.diff(edges), 1e-3)[:, None]
    share = out[:, -1]
    out[:, 0] = np.where(share > 0.5, out[:, 0] / np.maximum(share, 1e-3), 0)
    return out[:, :-1].astype(np.float32)


def on_grid(data, segments):
    """(4n, 26) subframes, which of them are speech, and the second at which they start; or None."""
    span = spoken_span(segments)
    if span is None or not len(data):
        return None
    begin, end = span
    start = begin - LEAD * FRAME
    frames = int(np.ceil((end + 0.02 - start) / FRAME))
    middle = start + SUBFRAME * (np.arange(4 * frames) + 0.5)
    return resample(data, start, 4 * frames), (middle > begin - 0.02) & (middle < end + 0.03), start


def spoken_words(text, segments):
    """(byte at which it starts, the word, its segments) of each word; None unless the teacher spoke the text token by token."""
    tokens = list(re.finditer(r"\S+", text))
    if segments["token"].max(initial=-1) != len(tokens) - 1:
        return None
    out = []
    for i, token in enumerate(tokens):
        core, own = CORE.search(token.group()), np.nonzero(segments["token"] == i)[0]
        if core and len(own):
            out.append((len(text[:token.start() + core.start()].encode()), core.group().lower(), own))
    return out


def byte_times(text, words, segments, start, paths):
    """Ends of the prompt's bytes in frames, and up to two phones of each (-1: none)."""
    whole = b"\0" + prompt(text).encode()
    offset = len(whole) - len(text.encode())
    ends, phones = np.full(len(whole), np.nan), np.full((len(whole), 2), -1, np.int16)
    for at, word, own in words:
        path = paths[word, tuple(segments["name"][i].decode() for i in own)]
        for i, letter in zip(own, path):
            byte = offset + at + letter
            if np.isnan(ends[byte]):
                before = (float(segments["end"][i - 1]) if i else 0.0)
                if np.isnan(ends[byte - 1]):  # silent letters, spaces and pauses end where this begins
                    ends[byte - 1] = (before - start) / FRAME
            ends[byte] = (segments["end"][i] - start) / FRAME
            name = segments["name"][i].decode()
            phones[byte, 0 if phones[byte, 0] < 0 else 1] = PHONES.index(name)
    first = np.nonzero(~np.isnan(ends))[0][0]
    ends[:first] = min(LEAD, ends[first])
    last = 0.0
    for i, end in enumerate(ends):
        last = ends[i] = last if np.isnan(end) else max(last, end)
    return np.frombuffer(whole, np.uint8), ends.astype(np.float32), phones


def voice(data_dir, name, limit):
    texts = [t.rstrip("\n") for t in open(f"{data_dir}/train.txt")]
    kept, pairs, seen = [], set(), 0
    with open(f"{data_dir}/{name}.rec", "rb") as stream:
        for index, data, segments in records(stream):
            seen += 1
            if seen > limit:
                break
            text = texts[index]
            grid = on_grid(data, segments)
            if grid is None or len(grid[0]) > 4 * LONGEST or not text.isascii() or set(segments["name"]) - {p.encode() for p in PHONES}:
                continue
            words = spoken_words(spoken_form(text), segments)
            if not words or spoken_form(text) != text:
                continue
            pairs.update((word, tuple(segments["name"][i].decode() for i in own)) for _, word, own in words)
            kept.append((index, grid[0].astype(np.float16), grid[1], grid[2], words, segments))
    print(f"{name}: {len(kept)} of {seen} texts, {len(pairs)} pronunciations", flush=True)
    paths = align_all(pairs)
    timed = [byte_times(texts[index], words, segments, start, paths) for index, _, _, start, words, segments in kept]
    np.savez(f"{data_dir}/{name}.trajectories.npz", index=np.array([k[0] for k in kept]), lengths=np.array([len(k[1]) // 4 for k in kept]),
             feats=np.concatenate([k[1] for k in kept]), inside=np.concatenate([k[2] for k in kept]),
             text_lengths=np.array([len(t[0]) for t in timed]), text=np.concatenate([t[0] for t in timed]),
             ends=np.concatenate([t[1] for t in timed]), phones=np.concatenate([t[2] for t in timed]))
    print(f"{name}: {sum(len(k[1]) for k in kept) * SUBFRAME / 3600:.1f} hours", flush=True)


def main(data_dir, *voices, limit=10 ** 9):
    for name in voices:
        voice(data_dir, name, limit)


if __name__ == "__main__":
    main(*sys.argv[1:])
