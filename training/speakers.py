"""Who speaks: the teacher's voices, and voices invented from them by a longer or shorter vocal tract and another pitch."""
import numpy as np

from training.latents import PITCH, PITCH_STEP, PITCH_ZERO, SPECTRAL
from training.vocoder import HIGHEST, LOWEST

BENDS = np.linspace(-0.12, 0.12, 25)
PITCHES = (0.75, 1.4)


class Speaker:
    """voice, how its frequencies are bent (an index into BENDS, or None) and the factor of its pitch."""

    def __init__(self, voice, bend=None, pitch=1.0):
        self.voice, self.bend, self.pitch = voice, bend, pitch


class Speakers:
    def __init__(self, space, weights, invented=0.35):
        """weights: how often each voice is drawn; `invented`: the share of draws that are made into another speaker."""
        self.weights, self.invented = np.array(weights, float), invented
        self.bends = [space.warp(a) for a in BENDS]

    def draw(self, spoken, rng):
        """spoken: which voices speak the text."""
        weights = self.weights * spoken
        voice = int(rng.choice(len(weights), p=weights / weights.sum()))
        if rng.random() >= self.invented:
            return Speaker(voice)
        return Speaker(voice, int(rng.integers(len(BENDS))), float(np.exp(rng.uniform(*np.log(PITCHES)))))

    def voiced_by(self, speaker, latents):
        """(n, >= USED) of the speaker's voice -> the same, spoken by the speaker."""
        if speaker.bend is None:
            return latents
        out = latents.copy()
        out[:, :SPECTRAL] = latents[:, :SPECTRAL] @ self.bends[speaker.bend]
        periods = np.round((latents[:, PITCH] / PITCH_STEP + PITCH_ZERO) * speaker.pitch)
        out[:, PITCH] = (np.clip(periods, LOWEST, HIGHEST) - PITCH_ZERO) * PITCH_STEP
        return out
