"""Whose voice a recording is: mean cepstra and pitch, compared with a few references."""
import subprocess

import numpy as np

RATE, FRAME, HOP, BANDS, CEPSTRA = 16000, 640, 320, 24, 13
LOWEST, HIGHEST = 70, 350  # Hz of pitch


def samples(path):
    raw = subprocess.run(["sox", path, "-r", str(RATE), "-c", "1", "-b", "16", "-e", "signed", "-t", "raw", "-"], check=True, capture_output=True).stdout
    return np.frombuffer(raw, np.int16) / 32768


def bands():
    mel = lambda f: 2595 * np.log10(1 + f / 700)
    centre = 700 * (10 ** (np.linspace(mel(100), mel(7000), BANDS + 2) / 2595) - 1)
    f = np.fft.rfftfreq(2 * FRAME, 1 / RATE)
    rise = (f - centre[:-2, None]) / (centre[1:-1] - centre[:-2])[:, None]
    fall = (centre[2:, None] - f) / (centre[2:] - centre[1:-1])[:, None]
    return np.clip(np.minimum(rise, fall), 0, None)


def features(path):
    """(CEPSTRA,): mean cepstra without the loudness, of the louder frames, then the logarithm of the median pitch."""
    y = samples(path)
    if len(y) < 4 * FRAME:
        y = np.pad(y, (0, 4 * FRAME - len(y)))
    at = np.arange(0, len(y) - 2 * FRAME, HOP)
    frames = y[at[:, None] + np.arange(2 * FRAME)]
    energy = frames.std(1)
    frames = frames[energy > 0.25 * np.quantile(energy, 0.95)]
    log = np.log(np.abs(np.fft.rfft(frames * np.hanning(2 * FRAME), axis=1)) ** 2 @ bands().T + 1e-6)
    cosines = np.cos(np.pi / BANDS * np.outer(np.arange(1, CEPSTRA), np.arange(BANDS) + 0.5))
    power = np.abs(np.fft.rfft(frames, 4 * FRAME, axis=1)) ** 2
    lag = np.fft.irfft(power, axis=1)
    lag = lag / lag[:, :1]
    span = slice(RATE // HIGHEST, RATE // LOWEST)
    best, sure = lag[:, span].argmax(1) + span.start, lag[:, span].max(1)
    voiced = best[sure > 0.5]
    pitch = np.log(RATE / np.median(voiced)) if len(voiced) else np.log(130.0)
    return np.append(log.mean(0) @ cosines.T / BANDS, pitch)


class Speakers:
    """Known speakers, each by the features of several recordings; the spread within them is the unit of distance."""

    def __init__(self, recordings):
        """recordings: {name: [path]}"""
        known = {name: np.array([features(p) for p in paths]) for name, paths in recordings.items()}
        self.mean = {name: f.mean(0) for name, f in known.items()}
        self.spread = np.sqrt(np.mean([f.var(0) for f in known.values()], 0)) + 1e-3

    def nearest(self, path):
        f = features(path)
        return min(self.mean, key=lambda name: np.square((f - self.mean[name]) / self.spread).sum())
