"""Ten codebooks for the codec's quantiser:  python3 -m training.codebooks DATA      (writes DATA/codebooks.safetensors)

Each tells a few of the latents' dimensions. A code is chosen by its angle: with x the group of at most 7 dimensions, the projection is (x, R) and
a code is (y, sqrt(R^2 - |y|^2)). All codes have one length, so the best angle has the largest x.y + R sqrt(R^2 - |y|^2), which for a large R
is about -|x - y|^2 / 2: the nearest y."""
import sys

import numpy as np
import torch

from training import tensors
from training.codec import WIDTH
from training.corpus import Corpus
from training.latents import SPECTRAL, USED

GROUPS = [range(0, 2), range(2, 5), range(5, 9), range(9, 14), range(14, 20), range(20, 27), range(27, 34), range(34, 40), range(40, SPECTRAL),
          range(SPECTRAL, USED)]
SIZES = [1024] + [512] * 9  # the published layout wants all but the first alike
CODE = 8
SAMPLES = 30000


def scope(i):
    return "quantizer.semantic_quantizer.quantizers.0." if i == 0 else f"quantizer.quantizer.quantizers.{i - 1}."


def means(x, n, generator, turns=10):
    """k-means; a mean that nothing is near to starts again somewhere."""
    c = x[torch.randperm(len(x), generator=generator)[:n]].clone()
    for _ in range(turns):
        near = (x @ c.t() - 0.5 * c.square().sum(1)).argmax(1)
        count = torch.bincount(near, minlength=n)
        c = torch.zeros_like(c).index_add_(0, near, x) / count.clamp_min(1)[:, None]
        c[count == 0] = x[torch.randint(len(x), (int((count == 0).sum()),), generator=generator)]
    return c


def codebook(x, size, group, generator):
    """Tensors of one quantiser, by the names after its scope."""
    d, c = x.shape[1], means(x, size, generator)
    radius = 3 * x.norm(dim=1).max()
    code = torch.zeros(size, CODE)
    code[:, :d], code[:, -1] = c, (radius ** 2 - c.square().sum(1)).sqrt()
    into, out = torch.zeros(CODE, WIDTH), torch.zeros(WIDTH, CODE)
    into[range(d), group] = out[group, range(d)] = 1
    bias = torch.zeros(CODE)
    bias[-1] = radius

    def normed(name, weight):
        g = weight.norm(dim=1)[:, None, None]
        return {name + ".weight_g": g, name + ".weight_v": torch.where(g > 0, weight[:, :, None], torch.ones(1))}

    return {**normed("in_proj", into), **normed("out_proj", out), "in_proj.bias": bias, "out_proj.bias": torch.zeros(WIDTH), "codebook.weight": code}


def main(data_dir):
    torch.set_num_threads(1)
    generator, corpus, out = torch.Generator().manual_seed(1), Corpus(f"{data_dir}/corpus.npz"), {}
    frames = np.concatenate([corpus.latents[v, corpus.at[r]:corpus.at[r + 1]] for v in range(len(corpus.spoken)) for r in np.nonzero(corpus.spoken[v])[0][:1200]])
    x = torch.cat((torch.from_numpy(frames.astype(np.float32)), torch.zeros(200, USED)))
    x = x[torch.randperm(len(x), generator=generator)[:SAMPLES]]
    for i, (group, size) in enumerate(zip(GROUPS, SIZES)):
        out.update(tensors.prefixed(scope(i), codebook(x[:, list(group)], size, list(group), generator)))
    tensors.save(f"{data_dir}/codebooks.safetensors", out)


if __name__ == "__main__":
    main(*sys.argv[1:])
