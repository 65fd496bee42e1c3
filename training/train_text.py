"""First the text encoder alone: it learns which sounds each byte stands for and when it is spoken.

    python3 -m training.train_text DATA VOICE [--from MODEL_DIR]

Alignment is the hard part of speech from text. Asked directly, the encoder learns it in minutes; the transformer would need hours to find
it out. The heads that ask (`Questions`) are no part of the exported model."""
import torch
import torch.nn as nn
import torch.nn.functional as F

from training import golden, tensors
from training.corpus import Corpus
from training.echo_dit import SMALL, EchoDiT, block_matrices, rotation
from training.loop import Loop, arguments
from training.trajectories import PHONES

PHONE_CLASSES = len(PHONES) + 1  # and none
POINTER = 64  # channels of a position, as the transformer's heads rotate it
TIME_UNIT = 20.0  # frames
LONGEST_BYTE = 8.0


class Questions(nn.Module):
    """What the text encoder is asked: half way and at its end two phones and the duration of each byte, at its end also the time of its middle,
    as a number and as the rotation that the transformer gives that position."""

    def __init__(self, width):
        super().__init__()
        self.position = nn.Linear(width, POINTER, bias=False)
        self.early = nn.Linear(width, 2 * PHONE_CLASSES + 1)
        self.late = nn.Linear(width, 2 * PHONE_CLASSES + 2)

    def answers(self, state):
        """(middle, duration) of each byte in frames."""
        late = self.late(state).float()
        return late[..., -1] * TIME_UNIT, late[..., -2]

    def loss(self, tap, state, valid, ends, phones):
        starts = torch.cat((torch.zeros_like(ends[:, :1]), ends[:, :-1]), 1)
        middle, length = (starts + ends) / 2, ends - starts
        weight = valid.float() / valid.sum()
        mean = lambda e: (e.float() * weight).sum()
        early, late = self.early(tap), self.late(state)
        goal = torch.where(phones < 0, PHONE_CLASSES - 1, phones)
        sound = duration = 0.0
        for out in (early, late):
            for i in range(2):
                logits = out[..., i * PHONE_CLASSES:(i + 1) * PHONE_CLASSES].float()
                sound = sound + mean(F.cross_entropy(logits.transpose(1, 2), goal[..., i], reduction="none")) / 4
            duration = duration + mean((out[..., 2 * PHONE_CLASSES] - length.clamp(max=LONGEST_BYTE)).square()) / 2
        where = rotation(middle, POINTER).flatten(-2)
        position = mean((self.position(state) - where).square().mean(-1))
        off = late[..., -1].float() * TIME_UNIT - middle
        when = mean(off.square() / (1 + middle / 60)) / TIME_UNIT ** 2  # errors add up over a long text
        figures = dict(position=position, sound=sound, duration=duration, off=mean(off.square()).sqrt(),
                       right=mean(early[..., :PHONE_CLASSES].argmax(-1) == goal[..., 0]))
        return position + 0.3 * sound + 0.1 * duration + when, figures


class TextEncoder(nn.Module):
    """The part of EchoDiT that reads, by its names there."""

    def __init__(self, dit):
        super().__init__()
        self.text_encoder, self.text_norm = dit.text_encoder, dit.text_norm

    def forward(self, ids, valid):
        tap = []
        return self.text_norm(self.text_encoder(ids, valid, tap)), tap[1]


def initialise(dit):
    """First weights: residual branches small, AdaLN without effect but for open gates."""
    for name, p in dit.named_parameters():
        with torch.no_grad():
            if p.ndim == 2 and "norm" not in name:
                deviation = 0.5 if "embedding" in name else 0.0 if "_up." in name else 0.7 / p.shape[1] ** 0.5
                p.normal_(0, deviation * (0.6 if name.endswith(("wo.weight", "w2.weight")) else 1))
            elif name.endswith("bias"):
                p.fill_(0.7 if "gate_up" in name else 0.0)
    with torch.no_grad():
        dit.cond_module[4].weight.mul_(0.3)
        dit.out_proj.weight.mul_(0.3)


def main():
    p = arguments(__doc__, steps=1500, lr=2e-3)
    p.add_argument("voice")
    p.add_argument("--from", dest="source", help="a model directory to go on from")
    args = p.parse_args()
    golden.verify(golden.dit)
    torch.manual_seed(args.seed)
    dit = EchoDiT(SMALL)
    initialise(dit)
    questions = Questions(SMALL["text_width"])
    encoder = TextEncoder(dit)
    if args.source:
        state = tensors.load(args.source + "/dit.safetensors")
        encoder.load_state_dict({k: v.float() for k, v in state.items() if k.startswith("text_")})
    corpus = Corpus(f"{args.data}/{args.voice}.trajectories.npz")
    held, rows = range(60), range(60, len(corpus))
    loop = Loop(args, "text", {"encoder": encoder, "questions": questions}, block_matrices(encoder))
    loop.start()
    batches = corpus.batches(3000, loop.rng, rows)

    def losses(which):
        ids, valid, ends, phones = (t.to(args.device) for t in corpus.texts(which))
        state, tap = encoder(ids, valid)
        return questions.loss(tap, state, valid, ends, phones)

    loop.run(lambda _: losses(next(batches)), lambda: " ".join(f"{k} {float(v):.4f}" for k, v in losses(held)[1].items()))


if __name__ == "__main__":
    main()
