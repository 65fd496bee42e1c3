"""Texts with the times of their bytes, and the same texts spoken by several voices in the same rhythm.

A corpus file holds, of all utterances one after the other, `text` (bytes of the prompt), `ends` (frame at which each byte ends), `phones` (two per
byte), and `latents` (voices, frames, USED); `lengths` in frames, `text_lengths` in bytes."""
import numpy as np
import torch

from training.latents import SIZE, USED


def starts_of(lengths):
    return np.concatenate([[0], np.cumsum(lengths)])


class Corpus:
    def __init__(self, path):
        z = np.load(path)
        self.lengths, self.text_lengths = z["lengths"].astype(int), z["text_lengths"].astype(int)
        self.text, self.ends, self.phones = z["text"], z["ends"], z["phones"]
        self.latents, self.spoken = (z["latents"], z["spoken"]) if "latents" in z else (None, None)
        self.rows_of = [] if self.spoken is None else [np.nonzero(s)[0] for s in self.spoken]
        self.at, self.text_at = starts_of(self.lengths), starts_of(self.text_lengths)

    def __len__(self):
        return len(self.lengths)

    def string(self, row):
        return bytes(self.text[self.text_at[row]:self.text_at[row + 1]][1:]).decode()

    def batches(self, frames, rng, rows=None):
        """For ever: lists of rows of about equal length, about `frames` frames each, in random order."""
        rows = np.arange(len(self)) if rows is None else np.asarray(rows)
        while True:
            size = self.lengths[rows] + 0.3 * self.text_lengths[rows]
            order = rows[np.argsort(size * rng.uniform(0.95, 1.05, len(rows)) + rng.uniform(0, 4, len(rows)))]
            groups, first, longest = [], 0, 0
            for i, row in enumerate(order):
                longest = max(longest, self.lengths[row])
                if i > first and longest * (i + 1 - first) > frames:
                    groups.append(order[first:i])
                    first, longest = i, self.lengths[row]
            groups.append(order[first:])
            for g in rng.permutation(len(groups)):
                yield groups[g]

    def texts(self, rows):
        """ids, valid (B, T), ends (B, T), phones (B, T, 2); past a text's end: 0, false, its last time, -1."""
        n = max(self.text_lengths[r] for r in rows)
        ids, valid = np.zeros((len(rows), n), np.int64), np.zeros((len(rows), n), bool)
        ends, phones = np.zeros((len(rows), n), np.float32), np.full((len(rows), n, 2), -1, np.int64)
        for b, r in enumerate(rows):
            s, m = slice(self.text_at[r], self.text_at[r + 1]), self.text_lengths[r]
            ids[b, :m], ends[b, :m], phones[b, :m], valid[b, :m] = self.text[s], self.ends[s], self.phones[s], True
            ends[b, m:] = ends[b, m - 1]
        return tuple(map(torch.from_numpy, (ids, valid, ends, phones)))

    def speech(self, voice, row):
        """(frames, USED)"""
        return self.latents[voice, self.at[row]:self.at[row + 1]].astype(np.float32)

    def reference(self, voice, frames, rng, rows=None):
        """Other speech of that voice, cut from anywhere: (frames, SIZE)."""
        x, at = np.zeros((frames, SIZE), np.float32), 0
        while at < frames:
            row = int(rng.integers(len(self)) if rows is None else rng.choice(rows))
            piece = self.speech(voice, row)[int(rng.integers(0, 12)):][:frames - at]
            x[at:at + len(piece), :USED] = piece
            at += len(piece)
        return x


def shares(ends, frames):
    """(B, T) ends of bytes -> (B, frames, T): the share of each frame that belongs to each byte."""
    starts = torch.cat((torch.zeros_like(ends[:, :1]), ends[:, :-1]), 1)
    f = torch.arange(frames, device=ends.device).float()[None, :, None]
    return (torch.minimum(ends[:, None], f + 1) - torch.maximum(starts[:, None], f)).clamp_min(0)
