"""EchoDiT for training: batched and padded, with the names of the published checkpoint. `python3 -m training.golden` compares it with
recorded runs of the published code.

Everything is written for bfloat16 matrix products under torch.autocast: what follows a norm is in the product's type, the residual stream
and the norms' sums stay in float32."""
import math

import torch
import torch.nn as nn
import torch.nn.functional as F

EPS = 1e-5
LATENT = 80
SMALL = dict(width=256, layers=5, heads=4, inner=640, rank=32, time=128, text_width=192, text_layers=4, text_heads=3, text_inner=512,
             speaker_width=64, speaker_layers=1, speaker_heads=1, speaker_inner=128, patch=4)
TINY = dict(width=128, layers=3, heads=4, inner=352, rank=16, time=64, text_width=96, text_layers=2, text_heads=3, text_inner=256,
            speaker_width=96, speaker_layers=2, speaker_heads=3, speaker_inner=256, patch=4)


def working_type(x):
    """What matrix products are computed in here."""
    if x.device.type == "cpu":
        return torch.bfloat16 if torch.is_autocast_cpu_enabled() else x.dtype
    return torch.get_autocast_gpu_dtype() if torch.is_autocast_enabled() else x.dtype


def rms(x):
    x = x.float()
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + EPS)


class Norm(nn.Module):
    def __init__(self, *shape):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(*shape))

    def forward(self, x):
        return (rms(x) * self.weight).to(working_type(x))


def rotation(positions, d):
    """(..., T) -> (..., T, d/2, 2) cosines and sines; neighbouring channels are a pair."""
    f = 10000.0 ** (-torch.arange(0, d, 2, dtype=torch.float32, device=positions.device) / d)
    angle = positions.float()[..., None] * f
    return torch.stack((torch.cos(angle), torch.sin(angle)), -1)


def rotate(x, turn):
    """x (B, T, H, D); turn (B or 1, T, D/2, 2)"""
    a, b = x.float().unflatten(-1, (-1, 2)).unbind(-1)
    cosine, sine = turn[:, :, None].unbind(-1)
    return torch.stack((a * cosine - b * sine, a * sine + b * cosine), -1).flatten(-2).to(x.dtype)


def attend(q, k, v, bias):
    """(B, T, H, D) each; bias broadcasts to (B, H, T, K) or is None -> (B, T, H*D)"""
    q, k, v = q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)
    w = (q @ k.transpose(-1, -2)).float() * (q.shape[-1] ** -0.5)
    out = torch.softmax(w if bias is None else w + bias, -1).to(v.dtype) @ v
    return out.transpose(1, 2).flatten(2)


def hidden(valid):
    """A mask of keys -> what to add to their scores."""
    return torch.zeros(valid.shape, device=valid.device).masked_fill(~valid, -1e9)


class Attention(nn.Module):
    def __init__(self, width, heads, contexts=()):
        """contexts: (name, width) of each further source of keys and values."""
        super().__init__()
        self.heads = heads
        for n in ("wq", "wk", "wv", "wo", "gate"):
            setattr(self, n, nn.Linear(width, width, bias=False))
        for name, wide in contexts:
            setattr(self, "wk_" + name, nn.Linear(wide, width, bias=False))
            setattr(self, "wv_" + name, nn.Linear(wide, width, bias=False))
        self.q_norm, self.k_norm = Norm(heads, width // heads), Norm(heads, width // heads)

    def split(self, x):
        return x.unflatten(-1, (self.heads, -1))

    def finish(self, out, y):
        return self.wo(out * torch.sigmoid(self.gate(y)))


class MLP(nn.Module):
    def __init__(self, width, inner):
        super().__init__()
        self.w1, self.w3 = nn.Linear(width, inner, bias=False), nn.Linear(width, inner, bias=False)
        self.w2 = nn.Linear(inner, width, bias=False)

    def forward(self, x):
        return self.w2(F.silu(self.w1(x)) * self.w3(x))


class EncoderBlock(nn.Module):
    def __init__(self, width, heads, inner):
        super().__init__()
        self.attention = Attention(width, heads)
        self.mlp = MLP(width, inner)
        self.attention_norm, self.mlp_norm = Norm(width), Norm(width)

    def forward(self, x, turn, bias):
        a, y = self.attention, self.attention_norm(x)
        q, k = rotate(a.q_norm(a.split(a.wq(y))), turn), rotate(a.k_norm(a.split(a.wk(y))), turn)
        x = x + a.finish(attend(q, k, a.split(a.wv(y)), bias), y)
        return x + self.mlp(self.mlp_norm(x))


class Encoder(nn.Module):
    """Of text when `vocabulary` is given, else of latents in patches (causal)."""

    def __init__(self, layers, width, heads, inner, vocabulary=0, patch=0):
        super().__init__()
        self.patch = patch
        if vocabulary:
            self.text_embedding = nn.Embedding(vocabulary, width)
        else:
            self.in_proj = nn.Linear(patch * LATENT, width)
        self.blocks = nn.ModuleList(EncoderBlock(width, heads, inner) for _ in range(layers))
        self.d = width // heads

    def forward(self, x, valid=None, tap=None):
        """ids (B, T) or latents (B, T, 80), T a multiple of the patch. `tap`, a list, gets each block's output."""
        if self.patch:
            x = self.in_proj(x.reshape(len(x), -1, self.patch * LATENT)).float() / 6
        else:
            x = self.text_embedding(x)
        n = x.shape[1]
        turn = rotation(torch.arange(n, device=x.device), self.d)[None]
        bias = None
        if self.patch:
            bias = torch.full((n, n), -1e9, device=x.device).triu(1)[None, None]
        elif valid is not None:
            bias = hidden(valid)[:, None, None]
        for block in self.blocks:
            x = block(x, turn, bias)
            if tap is not None:
                tap.append(x)
        return x


class AdaLN(nn.Module):
    def __init__(self, width, rank):
        super().__init__()
        for n in ("shift", "scale", "gate"):
            setattr(self, n + "_down", nn.Linear(width, rank, bias=False))
            setattr(self, n + "_up", nn.Linear(rank, width))

    def forward(self, x, c):
        shift, scale, gate = (getattr(self, n + "_up")(getattr(self, n + "_down")(F.silu(p))) + p
                              for n, p in zip(("shift", "scale", "gate"), c.chunk(3, -1)))
        return (rms(x) * (1 + scale) + shift).to(working_type(x)), torch.tanh(gate)


class Block(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        w = cfg["width"]
        self.attention = Attention(w, cfg["heads"], (("text", cfg["text_width"]), ("speaker", cfg["speaker_width"]), ("latent", cfg["speaker_width"])))
        self.mlp = MLP(w, cfg["inner"])
        self.attention_adaln, self.mlp_adaln = AdaLN(w, cfg["rank"]), AdaLN(w, cfg["rank"])

    def half_turned(self, x, turn):
        half = self.attention.heads // 2
        return torch.cat((rotate(x[:, :, :half], turn), x[:, :, half:]), 2)

    def context(self, name, state, turn=None):
        """Keys and values of the text's, the speaker's or the latent prefix's state."""
        a = self.attention
        k = a.k_norm(a.split(getattr(a, "wk_" + name)(state)))
        return k if turn is None else self.half_turned(k, turn), a.split(getattr(a, "wv_" + name)(state))

    def forward(self, h, c, turn, states, bias):
        """states: [(name, state, turn or None)] in the order of the bias, the text first -> h, and head 0's scores of the text keys."""
        a = self.attention
        contexts = [self.context(*s) for s in states]
        y, g = self.attention_adaln(h, c)
        q = self.half_turned(a.q_norm(a.split(a.wq(y))), turn)
        k = self.half_turned(a.k_norm(a.split(a.wk(y))), turn)
        scores = q[:, :, 0].float() @ contexts[0][0][:, :, 0].float().transpose(1, 2) * q.shape[-1] ** -0.5
        out = attend(q, torch.cat([k] + [ks for ks, _ in contexts], 1), torch.cat([a.split(a.wv(y))] + [vs for _, vs in contexts], 1), bias)
        h = h + g * a.finish(out, y)
        y, g = self.mlp_adaln(h, c)
        return h + g * self.mlp(y), scores


def block_matrices(module):
    """Weights of the matrix products in the attention and the MLPs of a network's blocks."""
    return [m.weight for name, m in module.named_modules() if isinstance(m, nn.Linear) and (".attention." in name or ".mlp." in name)]


class EchoDiT(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.cfg = cfg
        w, speaker = cfg["width"], (cfg["speaker_layers"], cfg["speaker_width"], cfg["speaker_heads"], cfg["speaker_inner"])
        self.text_encoder = Encoder(cfg["text_layers"], cfg["text_width"], cfg["text_heads"], cfg["text_inner"], vocabulary=256)
        self.speaker_encoder = Encoder(*speaker, patch=cfg["patch"])
        self.latent_encoder = Encoder(*speaker, patch=cfg["patch"])
        self.text_norm, self.speaker_norm, self.latent_norm = (Norm(cfg[n]) for n in ("text_width", "speaker_width", "speaker_width"))
        self.cond_module = nn.Sequential(nn.Linear(cfg["time"], w, bias=False), nn.SiLU(), nn.Linear(w, w, bias=False), nn.SiLU(),
                                         nn.Linear(w, 3 * w, bias=False))
        self.in_proj = nn.Linear(LATENT, w)
        self.blocks = nn.ModuleList(Block(cfg) for _ in range(cfg["layers"]))
        self.out_norm = Norm(w)
        self.out_proj = nn.Linear(w, LATENT)

    def text(self, ids, valid, tap=None):
        return self.text_norm(self.text_encoder(ids, valid, tap))

    def speaker(self, latents):
        return self.speaker_norm(self.speaker_encoder(latents))

    def prefix(self, latents):
        return self.latent_norm(self.latent_encoder(latents))

    def condition(self, t):
        """(B,) -> (B, 1, 3 width), of which every block makes its shifts, scales and gates."""
        half = self.cfg["time"] // 2
        f = 1000 * torch.exp(-math.log(10000.0) * torch.arange(half, device=t.device) / half)
        a = t[:, None] * f
        return self.cond_module(torch.cat((torch.cos(a), torch.sin(a)), -1))[:, None]

    def forward(self, x, t, text, text_valid, frame_valid=None, speaker=None, speaker_valid=None, prefix=None, start=None, scores=None):
        """x (B, S, 80), t (B,) -> velocity (B, S, 80) in float32. Masks are true where keys may be seen. With `prefix` (the state of latents
        from frame 0 on), `start` (B,) is the frame at which x begins. `scores`, a list, gets head 0's scores of the text keys in every block."""
        b, n, device = len(x), x.shape[1], x.device
        start = torch.zeros(b, dtype=torch.long, device=device) if start is None else start
        d = self.cfg["width"] // self.cfg["heads"]
        everything = lambda state: torch.ones(state.shape[:2], dtype=torch.bool, device=device)
        valid = [everything(x) if frame_valid is None else frame_valid, text_valid]
        if speaker is not None:
            valid.append(everything(speaker) if speaker_valid is None else speaker_valid)
        if prefix is not None:
            at = self.cfg["patch"] * torch.arange(prefix.shape[1], device=device)
            valid.append(at[None] < start[:, None])
        bias = None if all(bool(v.all()) for v in valid) else hidden(torch.cat(valid, 1))[:, None, None]
        turn = rotation(start[:, None] + torch.arange(n, device=device), d)
        states = [("text", text, None)]
        if speaker is not None:
            states.append(("speaker", speaker, None))
        if prefix is not None:
            states.append(("latent", prefix, rotation(at, d)[None]))
        c, h = self.condition(t), self.in_proj(x).float()
        for block in self.blocks:
            h, pointed = block(h, c, turn, states, bias)
            if scores is not None:
                scores.append(pointed)
        return self.out_proj(self.out_norm(h)).float()

    def compile(self):
        """The blocks as fused loops: half the time of a step, after a minute of compiling. torch 2 and newer."""
        for block in (*self.text_encoder.blocks, *self.blocks):
            block.compile(dynamic=True)
