"""Trains the codec's encoder, recordings -> latents, by which reference voices are known:
    python3 -m training.train_encoder DATA VOICE...     (reads DATA/VOICE.recordings.npz)

An eighth of each batch is the codec's own sound, also of invented speakers, so that what was spoken can be a reference again."""
import numpy as np
import torch

from training import golden
from training.corpus import Corpus, starts_of
from training.latents import SIZE, USED, VOICED, Space
from training.loop import Loop, arguments
from training.s1_dac import Encoder
from training.train_decoder import Excerpts
from training.vocoder import FRAME

HELD = 40  # recordings of each voice


class Recordings:
    def __init__(self, path):
        z = np.load(path)
        self.waves, self.latents, self.at = z["waves"], z["latents"], starts_of(z["lengths"])

    def draw(self, frames, rng, held=False):
        """(latents (frames, 80), audio) of a piece, louder or softer, with some noise."""
        row = int(rng.integers(0, HELD) if held else rng.integers(HELD, len(self.at) - 1))
        low = self.at[row] + int(rng.integers(0, max(1, self.at[row + 1] - self.at[row] - frames)))
        n = min(low + frames, self.at[row + 1]) - low
        x, y = np.zeros((frames, SIZE), np.float32), np.zeros(frames * FRAME, np.float32)
        x[:n, :USED] = self.latents[low:low + n, :USED]
        y[:n * FRAME] = self.waves[low * FRAME:(low + n) * FRAME] / 32768 * 10 ** rng.uniform(-0.2, 0.2)
        return torch.from_numpy(x), torch.from_numpy(y + (10 ** rng.uniform(-5, -3) * rng.standard_normal(len(y))).astype(np.float32))


def loud(encoder):
    """First weights that make the activations large enough to tell energies apart."""
    with torch.no_grad():
        encoder.encoder.block[0].conv.weight.mul_(20)
        for part in encoder.encoder.block[1:5]:
            part.block[4].conv.weight.mul_(1.5)


def main():
    p = arguments(__doc__, steps=3000, lr=2e-3)
    p.add_argument("voices", nargs="+")
    p.add_argument("--frames", type=int, default=24)
    p.add_argument("--size", type=int, default=8)
    args = p.parse_args()
    golden.verify(golden.codec)
    torch.manual_seed(args.seed)
    sources = [Recordings(f"{args.data}/{v}.recordings.npz") for v in args.voices]
    corpus, encoder = Corpus(f"{args.data}/corpus.npz"), Encoder()
    own = Excerpts(corpus, Space(f"{args.data}/space.npz"), args.frames, args.size // 8)
    loud(encoder)
    loop = Loop(args, "encoder", {"encoder": encoder}, warmup=50, ema=0.995, autocast=False)
    loop.start()
    weight = torch.ones(USED, device=args.device)
    weight[VOICED] = 0.3

    def batch(rng, held):
        x, y = own.draw(rng, np.arange(40) if held else np.arange(40, len(corpus)), blur=0.0)
        pieces = [sources[i % len(sources)].draw(args.frames, rng, held) for i in range(args.size - len(x))]
        return torch.cat([x] + [a[None] for a, _ in pieces]), torch.cat([y] + [b[None] for _, b in pieces])

    def losses(x, y):
        z = encoder(y.to(args.device))
        error = (z[..., :USED] - x[..., :USED].to(args.device)).square()[:, 1:]
        return (error * weight).mean() + 0.1 * z[..., USED:SIZE].square().mean(), error.mean((0, 1)).sum()

    tests = [batch(np.random.default_rng(i), True) for i in range(3)]

    def batch_loss(loop):
        loss, error = losses(*batch(loop.rng, False))
        return loss, dict(error=error)

    loop.run(batch_loss, lambda: f"error {sum(float(losses(*t)[1]) for t in tests) / 3:.3f} of {float(tests[0][0].var((0, 1)).sum()):.2f}")


if __name__ == "__main__":
    main()
