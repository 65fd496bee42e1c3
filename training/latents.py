"""Trajectories <-> the model's 80 latents. Nothing here is trained by gradients: 44 principal components of a frame's 4 x 25 mel-cepstra, four
voicing values, pitch, and 31 zeros. Zero is silence, so that the published rule finds the end of speech.

    python3 -m training.latents DATA VOICE      fits the space to a voice's trajectories; writes DATA/space.npz"""
import sys

import numpy as np

from training.vocoder import CEPSTRA, HIGHEST, LOWEST, periods_per_frame

SIZE = 80
SPECTRAL = 44
VOICED = slice(SPECTRAL, SPECTRAL + 4)
PITCH = SPECTRAL + 4
USED = PITCH + 1
PITCH_STEP, PITCH_ZERO = 0.6, 6  # a latent of 0 is six periods per frame, 129 Hz


class Space:
    def __init__(self, path=None):
        if path:
            z = np.load(path)
            self.silence, self.basis, self.scale = z["silence"], z["basis"], z["scale"]

    def fit(self, feats, inside):
        """feats (4n, 26), inside (4n,) -> the components' standard deviations."""
        cepstra = feats[:, 1:].astype(np.float64)
        self.silence = cepstra[~inside].mean(0)
        y = np.where(inside[:, None], cepstra - self.silence, 0).reshape(-1, 4 * CEPSTRA)
        values, vectors = np.linalg.eigh(y.T @ y / len(y))
        self.basis = vectors[:, ::-1][:, :SPECTRAL].T
        deviation = np.sqrt(values[::-1][:SPECTRAL])
        self.scale = 0.75 / np.sqrt(deviation)  # weak components stay weaker, so that noise hides them first
        self.scale[0] = 1.6 / deviation[0]
        return deviation

    def encode(self, feats, inside):
        """(4n, 26), (4n,) -> (n, USED)"""
        n = len(inside) // 4
        out = np.zeros((n, USED), np.float32)
        out[:, :SPECTRAL] = np.where(inside[:, None], feats[:, 1:] - self.silence, 0).reshape(n, -1) @ self.basis.T * self.scale
        out[:, VOICED] = ((feats[:, 0] > 0) & inside).reshape(n, 4)
        out[:, PITCH] = (periods_per_frame(feats[:, 0]) - PITCH_ZERO) * PITCH_STEP
        return out

    def decode(self, latents):
        """(..., n, >= USED) -> cepstra (..., 4n, 25), voicing (..., 4n), periods per frame (..., 4n)"""
        lead = latents.shape[:-2]
        cepstra = (latents[..., :SPECTRAL] / self.scale @ self.basis).reshape(*lead, -1, CEPSTRA) + self.silence
        periods = np.clip(np.round(latents[..., PITCH] / PITCH_STEP + PITCH_ZERO), LOWEST, HIGHEST)
        return cepstra, latents[..., VOICED].reshape(*lead, -1), np.repeat(periods, 4, -1)

    def warp(self, amount):
        """A vocal tract that is longer or shorter: a matrix such that latents[:SPECTRAL] @ matrix are those of the voice whose frequencies
        are bent by the all-pass of `amount` (about +-0.1). Silence stays silence."""
        theta = (np.arange(2048) + 0.5) * np.pi / 2048
        bent = theta + 2 * np.arctan(amount * np.sin(theta) / (1 - amount * np.cos(theta)))
        order = np.arange(CEPSTRA)[:, None]
        bend = np.cos(order * bent) @ np.cos(order * theta).T * 2 / 2048
        bend[:, 0] /= 2
        return (self.basis / self.scale[:, None] @ np.kron(np.eye(4), bend) @ self.basis.T * self.scale).astype(np.float32)


def main(data_dir, voice):
    z = np.load(f"{data_dir}/{voice}.trajectories.npz")
    n, space = 400000, Space()
    deviation = space.fit(z["feats"][:n].astype(np.float32), z["inside"][:n])
    np.savez(f"{data_dir}/space.npz", silence=space.silence, basis=space.basis, scale=space.scale)
    print("standard deviations of the latents:", (deviation * space.scale).round(2))


if __name__ == "__main__":
    main(*sys.argv[1:])
