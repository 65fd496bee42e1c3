"""Trains the codec's decoder on latents and the waveforms that stand for them:  python3 -m training.train_decoder DATA"""
import numpy as np
import torch

from training import golden, vocoder
from training.codec import widened
from training.corpus import Corpus
from training.latents import SIZE, SPECTRAL, USED, Space
from training.loop import Loop, arguments
from training.s1_dac import Decoder
from training.speakers import Speakers

WINDOWS = (2048, 512, 128)  # of the compared spectra
BAND = 8500  # Hz; the teacher has nothing above 8 kHz


class Excerpts:
    """Pieces of the corpus by all voices, invented ones too, and their waveforms."""

    def __init__(self, corpus, space, frames, size, invented=0.3):
        self.corpus, self.space, self.frames, self.size = corpus, space, frames, size
        self.speakers = Speakers(space, [1] * len(corpus.spoken), invented)

    def draw(self, rng, rows, blur=0.1):
        """(latents (B, T, 80), audio (B, 2048 T)). Latents are blurred, since sampled ones are never exact; the audio is that of exact ones."""
        x, live = np.zeros((self.size, self.frames, SIZE), np.float32), np.zeros((self.size, self.frames, 1), np.float32)
        for b in range(self.size):
            row = int(rng.choice(rows))
            speaker = self.speakers.draw(self.corpus.spoken[:, row], rng)
            said = self.speakers.voiced_by(speaker, self.corpus.speech(speaker.voice, row))
            first = int(rng.integers(-3, max(-2, len(said) - self.frames + 4)))
            low, high = max(first, 0), min(first + self.frames, len(said))
            x[b, low - first:high - first, :USED], live[b, low - first:high - first] = said[low:high], 1
        clean = x.copy()
        level = rng.uniform(0, blur, (self.size, 1, 1))
        x[..., :SPECTRAL] += level * live * rng.standard_normal(x[..., :SPECTRAL].shape)
        x[..., SPECTRAL:USED] += level * rng.standard_normal(x[..., SPECTRAL:USED].shape)
        _, voiced, periods = self.space.decode(clean)  # errors of voicing and pitch are to be ignored,
        cepstra, _, _ = self.space.decode(x)           # those of the spectrum are there to be heard
        audio = vocoder.waveforms(cepstra, (voiced > 0.5).astype(np.float32), periods) * np.repeat(live[..., 0], vocoder.FRAME, 1)
        return torch.from_numpy(x), torch.from_numpy(audio)


def log_spectrum(y, n):
    s = torch.stft(y, n, n // 4, window=torch.hann_window(n, device=y.device), center=False, return_complex=True)
    power = torch.view_as_real(s[:, :int(n * BAND / vocoder.RATE) + 2]).square().sum(-1)
    return 0.5 * torch.log(power + 1e-5 * n)


def differences(y, target):
    """Of waveforms (also with the treble raised) and of log spectra, and the share of energy that is error. The first frame is left out:
    it lacks what was before it."""
    y, target = y[:, vocoder.FRAME:], target[:, vocoder.FRAME:]
    bright = lambda x: x[:, 1:] - 0.95 * x[:, :-1]
    a, b = bright(y), bright(target)
    wave = (a - b).abs().mean() / b.abs().mean() + 0.5 * (y - target).abs().mean() / target.abs().mean()
    spectrum = sum((log_spectrum(y, n) - log_spectrum(target, n)).abs().mean() for n in WINDOWS) / len(WINDOWS)
    return wave, spectrum, (y - target).square().sum() / target.square().sum()


def main():
    p = arguments(__doc__, steps=3000, lr=2e-3)
    p.add_argument("--frames", type=int, default=20)
    p.add_argument("--size", type=int, default=6)
    p.add_argument("--spectrum", type=float, default=0.5)
    args = p.parse_args()
    golden.verify(golden.codec)
    torch.manual_seed(args.seed)
    corpus, space, decoder = Corpus(f"{args.data}/corpus.npz"), Space(f"{args.data}/space.npz"), Decoder()
    excerpts = Excerpts(corpus, space, args.frames, args.size)
    test = Excerpts(corpus, space, 40, 8, invented=0.0).draw(np.random.default_rng(5), np.arange(40), blur=0.0)
    rows = np.arange(40, len(corpus))
    loop = Loop(args, "decoder", {"decoder": decoder}, flat=0.4, clip=2.0, betas=(0.8, 0.98), autocast=False)
    loop.start()

    def batch_loss(loop):
        x, audio = (t.to(args.device) for t in excerpts.draw(loop.rng, rows))
        wave, spectrum, error = differences(decoder(widened(x)), audio)
        return wave + args.spectrum * spectrum, dict(wave=wave, spectrum=spectrum, error=error)

    def held_figures():
        wave, spectrum, error = differences(decoder(widened(test[0].to(args.device))), test[1].to(args.device))
        return f"wave {float(wave):.3f} spectrum {float(spectrum):.3f} error {10 * np.log10(float(error)):.1f} dB"

    loop.run(batch_loss, held_figures)


if __name__ == "__main__":
    main()
