"""The waveform that stands for a trajectory, as a fixed function of it: what the codec's decoder learns.

Pitch is a whole number of periods per latent frame (steps of 21.53 Hz), so every harmonic is a multiple of the frame rate and has the same
phase at the start of every frame; noise is one frozen frame of it. So the waveform is a local function of the latents, and plain regression
can learn it: no adversary is needed. A subframe sounds over two hops of 512 samples, rising in its own and falling in the next: causal."""
import numpy as np

FRAME, HOP, RATE = 2048, 512, 44100
BINS = np.arange(1, 372)  # up to 8 kHz, the teacher's bandwidth
ALPHA = 0.42  # of the teacher's frequency warping
CEPSTRA = 25
LOWEST, HIGHEST = 3, 14  # periods per frame


def warped_frequency():
    w = 2 * np.pi * BINS * RATE / FRAME / 16000
    return w + 2 * np.arctan(ALPHA * np.sin(w) / (1 - ALPHA * np.cos(w)))


FREQUENCY = BINS * RATE / FRAME
BASIS = np.cos(np.outer(np.arange(CEPSTRA), warped_frequency()))  # log magnitude = cepstra @ BASIS
NOISE = np.interp(FREQUENCY, [0, 1000, 3000, 5000, 8000], [0.5, 0.55, 0.7, 0.85, 0.95])  # its share in voiced sounds
LEVEL = 2.2e-6  # full scale of the teacher's cepstra
FADE = np.interp(FREQUENCY, [0, 50, 90, 7400, 8000], [0, 0, 1, 1, 0.1])
# All harmonics in phase would crackle: they get the minimum phase of an average vowel.
_VOWEL = np.array([7.0, 2.3, 0.1, 0.5, -0.3, 0.2, -0.35, 0.05, -0.3, 0.15, -0.3])
PHASE = -(_VOWEL[:, None] * np.sin(np.outer(np.arange(len(_VOWEL)), warped_frequency()))).sum(0)
NOISE_PHASE = np.random.default_rng(7).uniform(0, 2 * np.pi, len(BINS))


def spectra(cepstra, voiced, periods):
    """(n, 25), (n,), (n,) -> complex (n, bins): what each subframe would sound like if it lasted."""
    magnitude = np.exp(cepstra @ BASIS) * FADE * LEVEL
    k = np.maximum(np.round(periods), 1)[:, None]
    v = np.clip(voiced, 0, 1)[:, None]
    share = NOISE * v + (1 - v)
    harmonic = (BINS % k == 0) * np.sqrt(k) * np.sqrt(np.clip(1 - share ** 2, 0, 1))
    return magnitude * (harmonic * np.exp(1j * PHASE) + share * np.exp(1j * NOISE_PHASE))


def waveforms(cepstra, voiced, periods):
    """(B, 4n, 25), (B, 4n), (B, 4n) -> (B, 2048 n) samples."""
    b, n = voiced.shape
    spectrum = np.zeros((b * n, FRAME // 2 + 1), np.complex64)
    spectrum[:, BINS] = spectra(cepstra.reshape(b * n, CEPSTRA), voiced.reshape(-1), periods.reshape(-1))
    frame = np.fft.irfft(spectrum, FRAME, axis=1).reshape(b, n // 4, 4, 4, HOP) * (FRAME / 2)
    rise, q = (np.arange(HOP) + 0.5) / HOP, np.arange(4)
    out = (frame[:, :, q, q] * rise).reshape(b, n, HOP)
    fall = (frame[:, :, q, (q + 1) % 4] * (1 - rise)).reshape(b, n, HOP)
    out[:, 1:] += fall[:, :-1]
    return out.reshape(b, n * HOP).astype(np.float32)


def periods_per_frame(f0):
    """Per latent frame, steady through unvoiced sounds and small wobbles. f0 (4n,) in Hz, 0 where unvoiced."""
    frames = f0.reshape(-1, 4)
    count = (frames > 0).sum(1)
    at = np.nonzero(count)[0]
    if not len(at):
        return np.full(len(frames), 6)
    mean = frames.sum(1)[at] / count[at] * FRAME / RATE
    track = np.interp(np.arange(len(frames)), at, mean)
    out, last = np.empty(len(frames), int), int(round(track[0]))
    for i, value in enumerate(track):
        if abs(value - last) > 0.65:
            last = int(round(value))
        out[i] = last
    return out
