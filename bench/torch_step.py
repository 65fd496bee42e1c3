"""A step of EchoDiT in PyTorch beside this program's, of the same shapes and in one run:
    python3 bench/torch_step.py --program build/release/apps/echo-tts --model /tmp/slice [--layers 1] [--compile]

Blocks of the published widths and random weights in bfloat16: adaptive norms whose modulation is computed beforehand, joint attention
over a sequence's own keys, 122 of a text and 54 of a voice, and the MLP. --model: of `echo-tts make-model --size real-slice`, which has one
layer; of `--size full` with --layers 24. Both are timed by the processor time of one thread, so other work on the machine disturbs little."""
import argparse
import json
import subprocess
import tempfile
import time

import torch
import torch.nn.functional as F

WIDTH, HEADS, MLP, TEXT, VOICE = 2048, 16, 5888, 122, 54


def rms(x, weight=None):
    y = x.float()
    y = y * torch.rsqrt(y.square().mean(-1, keepdim=True) + 1e-5)
    return y if weight is None else y * weight


def rotated(x, turns):
    """Adjacent channels turned, in the first half of the heads: (B, S, H, D)."""
    half = x.shape[2] // 2
    pairs = torch.view_as_complex(x[:, :, :half].float().unflatten(-1, (-1, 2)))
    return torch.cat([torch.view_as_real(pairs * turns).flatten(-2).to(x.dtype), x[:, :, half:]], 2)


class Block(torch.nn.Module):
    def __init__(self):
        super().__init__()
        def matrix(out, inner):
            return torch.nn.Parameter(torch.randn(out, inner, dtype=torch.bfloat16) * inner ** -0.5, requires_grad=False)
        self.wq, self.wk, self.wv, self.gate, self.wo = (matrix(WIDTH, WIDTH) for _ in range(5))
        self.w1, self.w3, self.w2 = matrix(MLP, WIDTH), matrix(MLP, WIDTH), matrix(WIDTH, MLP)
        self.norms = torch.ones(2, HEADS, WIDTH // HEADS)

    def heads(self, x):
        return x.unflatten(-1, (HEADS, -1))

    def forward(self, h, modulation, turns, keys, values, mask):
        shift, scale, gate, mlp_shift, mlp_scale, mlp_gate = modulation
        y = (rms(h) * (1 + scale) + shift).to(torch.bfloat16)
        q = rotated(rms(self.heads(F.linear(y, self.wq)), self.norms[0]).to(y.dtype), turns)
        k = rotated(rms(self.heads(F.linear(y, self.wk)), self.norms[1]).to(y.dtype), turns)
        v = self.heads(F.linear(y, self.wv))
        k, v = torch.cat([k, keys], 1), torch.cat([v, values], 1)
        a = F.scaled_dot_product_attention(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2), attn_mask=mask).transpose(1, 2).flatten(-2)
        h = h + gate * F.linear(a * torch.sigmoid(F.linear(y, self.gate)), self.wo)
        y = (rms(h) * (1 + mlp_scale) + mlp_shift).to(torch.bfloat16)
        return h + mlp_gate * F.linear(F.silu(F.linear(y, self.w1)) * F.linear(y, self.w3), self.w2)


@torch.inference_mode()
def torch_seconds(layers, sequences, frames, repetitions, compiled):
    blocks = [Block() for _ in range(layers)]
    size = WIDTH // HEADS
    angles = torch.outer(torch.arange(frames).float(), 10000.0 ** (-torch.arange(0, size, 2).float() / size))
    turns = torch.polar(torch.ones_like(angles), angles)[None, :, None]
    h = torch.randn(sequences, frames, WIDTH)
    modulation = torch.randn(6, 1, 1, WIDTH) * 0.1
    keys, values = torch.randn(2, sequences, TEXT + VOICE, HEADS, size).to(torch.bfloat16)
    visible = torch.ones(sequences, 1, 1, frames + TEXT + VOICE, dtype=torch.bool)
    if sequences == 3:
        visible[1, ..., frames:frames + TEXT] = False
        visible[2, ..., frames + TEXT:] = False

    def step(x):
        for block in blocks:
            x = block(x, modulation, turns, keys, values, visible if sequences > 1 else None)
        return x

    run = torch.compile(step) if compiled else step
    run(h)
    best = float("inf")
    for _ in range(repetitions):
        begin = time.process_time()
        run(h)
        best = min(best, time.process_time() - begin)
    return best


def our_seconds(args, precision):
    with tempfile.TemporaryDirectory() as folder:
        report = f"{folder}/report.json"
        subprocess.run([args.program, "bench", "--device", "cpu", "--part", "stages", "--processor-time", "--threads", "1", "--frames", str(args.frames), "--wide-blocks", "0",
                        "--repetitions", str(args.repetitions), "--precision", precision, "--model", args.model, "--json", report],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with open(report) as f:
            return [row["value"] for row in json.load(f)["stages"] if row["name"].startswith("step, ")]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--program", required=True)
    p.add_argument("--model", required=True)
    p.add_argument("--layers", type=int, default=1)
    p.add_argument("--frames", type=int, default=640)
    p.add_argument("--repetitions", type=int, default=3)
    p.add_argument("--compile", action="store_true")
    args = p.parse_args()
    torch.set_num_threads(1)
    ours = {"bf16": our_seconds(args, "bf16"), "int8": our_seconds(args, "int8")}
    print(f"torch {torch.__version__}{', compiled' if args.compile else ''}, {args.layers} layers, {args.frames} frames, processor seconds of one thread")
    for i, sequences in enumerate((1, 3)):
        theirs = torch_seconds(args.layers, sequences, args.frames, args.repetitions, args.compile)
        print(f"{sequences} sequences: torch {theirs:.3f}, " + ", ".join(f"{name} {seconds[i]:.3f} ({theirs / seconds[i]:.2f} x as fast)" for name, seconds in ours.items()), flush=True)


if __name__ == "__main__":
    main()
