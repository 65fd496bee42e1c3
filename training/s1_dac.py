"""The S1-DAC for training: plain weights, exported with weight norm under the published names. x is (B, channels, time) unless said.

`python3 -m training.golden` compares both halves with recorded runs of the published code. Residual units that a small codec can do without are
exported as units that add nothing."""
import torch
import torch.nn as nn
import torch.nn.functional as F

HEAD = 64


class _SnakeFunction(torch.autograd.Function):
    """x + sin(alpha x)^2 / alpha, which keeps only x for the way back."""

    @staticmethod
    def forward(ctx, x, alpha):
        ctx.save_for_backward(x, alpha)
        return torch.sin(x * alpha).square_().div_(alpha + 1e-9).add_(x)

    @staticmethod
    def backward(ctx, g):
        x, alpha = ctx.saved_tensors
        double = torch.sin(x * (2 * alpha))
        of_alpha = g * (x * double / alpha - torch.sin(x * alpha).square() / alpha.square())
        return g * (1 + double), of_alpha.sum((0, 2))[None, :, None]


class Snake(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.alpha = nn.Parameter(torch.ones(1, channels, 1))

    def forward(self, x):
        return _SnakeFunction.apply(x, self.alpha)


class Conv(nn.Module):
    """Causal."""

    def __init__(self, i, o, kernel, dilation=1, stride=1, groups=1):
        super().__init__()
        self.conv = nn.Conv1d(i, o, kernel, stride, dilation=dilation, groups=groups)
        self.left = (kernel - 1) * dilation + 1 - stride

    def forward(self, x):
        return self.conv(F.pad(x, (self.left, -x.shape[-1] % self.conv.stride[0])))


class Up(nn.Module):
    """Causal transposed convolution."""

    def __init__(self, i, o, kernel, stride):
        super().__init__()
        self.conv = nn.ConvTranspose1d(i, o, kernel, stride)
        self.late = kernel - stride

    def forward(self, x):
        y = self.conv(x)
        return y[..., :y.shape[-1] - self.late]


class Unit(nn.Module):
    """A residual unit, or one that does nothing."""

    def __init__(self, channels, dilation, active):
        super().__init__()
        self.channels, self.active = channels, active
        if active:
            self.block = nn.Sequential(Snake(channels), Conv(channels, channels, 7, dilation), Snake(channels), Conv(channels, channels, 1))

    def forward(self, x):
        return x + self.block(x) if self.active else x


class ConvNext(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.dwconv = Conv(channels, channels, 7, groups=channels)
        self.norm = nn.LayerNorm(channels, eps=1e-6)
        self.pwconv1, self.pwconv2 = nn.Linear(channels, 4 * channels), nn.Linear(4 * channels, channels)
        self.gamma = nn.Parameter(torch.ones(channels))

    def forward(self, x):
        y = self.norm(self.dwconv(x).transpose(1, 2))
        return x + (self.gamma * self.pwconv2(F.gelu(self.pwconv1(y)))).transpose(1, 2)


class Norm(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))

    def forward(self, x):
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-5) * self.weight


class Scale(nn.Module):
    def __init__(self, channels, value):
        super().__init__()
        self.gamma = nn.Parameter(torch.full((channels,), value))

    def forward(self, x):
        return self.gamma * x


class Layer(nn.Module):
    """(B, time, channels)"""

    def __init__(self, width, heads, inner):
        super().__init__()
        linear = lambda i, o: nn.Linear(i, o, bias=False)
        self.attention = nn.ModuleDict({"wqkv": linear(width, 3 * HEAD * heads), "wo": linear(HEAD * heads, width)})
        self.feed_forward = nn.ModuleDict({"w1": linear(width, inner), "w3": linear(width, inner), "w2": linear(inner, width)})
        self.ffn_norm, self.attention_norm = Norm(width), Norm(width)
        self.attention_layer_scale, self.ffn_layer_scale = Scale(width, 0.3), Scale(width, 1.0)

    def attend(self, x, cos, sin, mask):
        q, k, v = (t.unflatten(-1, (-1, HEAD)).transpose(1, 2) for t in self.attention["wqkv"](x).chunk(3, -1))

        def turned(t):
            a, b = t[..., 0::2], t[..., 1::2]
            return torch.stack((a * cos - b * sin, a * sin + b * cos), -1).flatten(-2)

        shares = torch.softmax(turned(q) @ turned(k).transpose(-1, -2) * HEAD ** -0.5 + mask, -1)
        return self.attention["wo"]((shares @ v).transpose(1, 2).flatten(2))

    def forward(self, x, cos, sin, mask):
        x = x + self.attention_layer_scale(self.attend(self.attention_norm(x), cos, sin, mask))
        f, y = self.feed_forward, self.ffn_norm(x)
        return x + self.ffn_layer_scale(f["w2"](F.silu(f["w1"](y)) * f["w3"](y)))


class WindowTransformer(nn.Module):
    """Causal, each frame sees `window` frames. The rotation's table is rounded to bfloat16, as the published one is stored."""

    def __init__(self, layers, width, heads, inner, window):
        super().__init__()
        self.layers = nn.ModuleList(Layer(width, heads, inner) for _ in range(layers))
        self.norm, self.window = Norm(width), window

    def forward(self, x):
        x = x.transpose(1, 2)
        n, device = x.shape[1], x.device
        angle = torch.arange(n, device=device).float()[:, None] * 10000.0 ** (-torch.arange(0, HEAD, 2, device=device).float() / HEAD)
        cos, sin = torch.cos(angle).bfloat16().float(), torch.sin(angle).bfloat16().float()
        back = torch.arange(n, device=device)[:, None] - torch.arange(n, device=device)
        mask = torch.zeros(n, n, device=device).masked_fill((back < 0) | (back >= self.window), -1e9)
        for layer in self.layers:
            x = layer(x, cos, sin, mask)
        return self.norm(x).transpose(1, 2)


class Decoder(nn.Module):
    """z_q (B, time, width) -> audio (B, samples). `active` tells which residual units work."""

    def __init__(self, width=192, dim=256, layers=1, heads=1, inner=384, active=((1, 1, 1), (1, 0, 0), (0, 0, 0), (0, 0, 0))):
        super().__init__()
        self.post_module = WindowTransformer(layers, width, heads, inner, 128)
        self.upsample = nn.ModuleList(nn.Sequential(Up(width, width, 2, 2), ConvNext(width)) for _ in range(2))
        model = [Conv(width, dim, 7)]
        for rate, on in zip((8, 8, 4, 2), active):
            part = nn.Module()
            part.block = nn.Sequential(Snake(dim), Up(dim, dim // 2, 2 * rate, rate), *[Unit(dim // 2, d, a) for d, a in zip((1, 3, 9), on)])
            model.append(part)
            dim //= 2
        model += [Snake(dim), Conv(dim, 1, 7)]
        self.decoder = nn.Module()
        self.decoder.model = nn.ModuleList(model)

    def forward(self, z, stages=None):
        """`stages`, a dict, gets what is between the parts."""
        x = self.post_module(z.transpose(1, 2))
        if stages is not None:
            stages["post_module"] = x
        for up in self.upsample:
            x = up(x)
        if stages is not None:
            stages["upsample"] = x
        for layer in self.decoder.model:
            x = layer.block(x) if hasattr(layer, "block") else layer(x)
        return torch.tanh(x)[:, 0]


class Encoder(nn.Module):
    """Audio (B, samples) -> what is quantised (B, time, width). `across`: layers, heads and inner width of the last block's transformer."""

    def __init__(self, width=192, dim=8, layers=1, heads=1, inner=384, across=(1, 1, 128),
                 active=((0, 0, 0), (1, 0, 0), (1, 1, 0), (1, 1, 1))):
        super().__init__()
        block = [Conv(1, dim, 7)]
        for rate, on in zip((2, 4, 8, 8), active):
            part = nn.Module()
            part.block = nn.Sequential(*[Unit(dim, d, a) for d, a in zip((1, 3, 9), on)], Snake(dim), Conv(dim, 2 * dim, 2 * rate, stride=rate))
            block.append(part)
            dim *= 2
        block[-1].block.append(WindowTransformer(across[0], dim, across[1], across[2], 512))
        block += [Snake(dim), Conv(dim, width, 3)]
        self.encoder = nn.Module()
        self.encoder.block = nn.ModuleList(block)
        self.downsample = nn.ModuleList(nn.Sequential(Conv(width, width, 2, stride=2), ConvNext(width)) for _ in range(2))
        self.pre_module = WindowTransformer(layers, width, heads, inner, 128)

    def forward(self, audio, stages=None):
        x = audio[:, None]
        for layer in self.encoder.block:
            x = layer.block(x) if hasattr(layer, "block") else layer(x)
        if stages is not None:
            stages["encoder"] = x
        for down in self.downsample:
            x = down(x)
        if stages is not None:
            stages["downsample"] = x
        x = self.pre_module(x)
        if stages is not None:
            stages["pre_module"] = x
        return x.transpose(1, 2)


def published_name(name):
    return name if name.startswith(("encoder.", "decoder.")) else "quantizer." + name


def published(module):
    """Tensors by the names of the published file; convolutions of encoder and decoder weight-normed."""
    out = {}

    def add_normed(name, weight):
        norm = weight.flatten(1).norm(dim=1)[:, None, None]
        out[name + "parametrizations.weight.original0"] = norm
        out[name + "parametrizations.weight.original1"] = torch.where(norm > 0, weight, torch.ones_like(weight))

    for name, t in module.state_dict().items():
        if name.startswith(("encoder.", "decoder.")) and name.endswith("conv.weight"):
            add_normed(name[:-len("weight")], t)
        else:
            out[published_name(name)] = t
    for name, m in module.named_modules():
        if isinstance(m, Unit) and not m.active:
            for i, kernel in ((1, 7), (3, 1)):
                out[f"{name}.block.{i - 1}.alpha"] = torch.ones(1, m.channels, 1)
                add_normed(f"{name}.block.{i}.conv.", torch.zeros(m.channels, m.channels, kernel))
                out[f"{name}.block.{i}.conv.bias"] = torch.zeros(m.channels)
    return out


def from_published(state, module):
    """The other way: tensors of a published file -> those of `module`, a Decoder or an Encoder."""
    out = {}
    for name in module.state_dict():
        there = published_name(name)
        normed = there[:-len("weight")] + "parametrizations.weight.original"
        if normed + "1" in state:
            v = state[normed + "1"].float()
            out[name] = v * (state[normed + "0"].float() / v.flatten(1).norm(dim=1)[:, None, None])
        else:
            out[name] = state[there].float()
    return out
