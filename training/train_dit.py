"""Trains EchoDiT:  python3 -m training.train_dit DATA [--from MODEL_DIR]    (reads DATA/corpus.npz, space.npz and text.pt)

Flow matching: x_t = (1 - t) speech + t noise, and the network is asked for noise - speech. Six things are added.
* Head 0 of every block starts as a pointer from frame to byte: text keys are not rotated, so a rotated constant query is the frame's absolute
  position, and the key can be the byte's expected time (`point_at_text`); a small loss keeps it so.
* One voice is also what is spoken without a reference.
* Who speaks is settled late. Guidance by the speaker with a scale of 8 drives away from the voice that is spoken without a reference, eight times as
  far as two voices are apart. It acts above t = 0.5 alone; so there the network is asked for the way to the first voice whoever speaks, and only from
  there on, where the sampler has come down to half noise and half of the first voice, for the way to the speaker's. All voices speak a text in the same frames.
* Guided steps. Guidance by a scale of 8 takes the sampler to places that no noise added to speech looks like, and a network that has never
  been there goes on from them at random. So half of the batches start from such places: the guided step that the sampler would take, with the
  network as it is and scales as the presets have, leads to x_t, and the network is asked for the way from there to the speech, (x_t - speech) / t.
* Quieter noise, as `truncation_factor` makes it.
* Prefixes: of a part of the batches only the rest is asked, the beginning is given through the latent encoder."""
import numpy as np
import torch

from training import golden, tensors
from training.corpus import Corpus, shares
from training.echo_dit import LATENT, SMALL, EchoDiT, block_matrices
from training.latents import USED, Space
from training.loop import Loop, arguments
from training.speakers import Speaker, Speakers
from training.train_text import Questions, TextEncoder, initialise

FIRST = 0  # of the corpus's voices: who speaks without a reference
LAST = 0.999  # of the sampler's times
GUIDED_FROM = 0.5  # guidance acts between this time and 1
LATE = 0.51  # who speaks is settled below: above GUIDED_FROM by little, since 40, 20 and 10 steps evaluate at 0.4995, in bfloat16 0.5
LANDINGS = (0.38, LATE)  # where the last step above LATE can lead: 0.4995 with 40, 20 or 10 steps, 0.3996 with 5
SCALES = (0.0, 3.0, 8.0)
PATCH = SMALL["patch"]


def point_at_text(dit, questions):
    """Head 0 of every block compares the frame's position with the byte's time."""
    d = dit.cfg["width"] // dit.cfg["heads"]
    strength = torch.where(torch.arange(d // 2) < d // 4, 1.6, 0.35).repeat_interleave(2)
    with torch.no_grad():
        dit.in_proj.weight[0], dit.in_proj.bias[0] = 0, 2  # a channel that is always there
        for block in dit.blocks:
            a = block.attention
            a.wk_text.weight[:d] = questions.position.weight
            a.wq.weight[:d] = 0
            a.wq.weight[0:d:2, 0] = 0.5
            a.q_norm.weight[0] = a.k_norm.weight[0] = strength


def quiet_contexts(dit):
    """References and prefixes begin with little to say, and the pointers do not look at them."""
    d = dit.cfg["width"] // dit.cfg["heads"]
    with torch.no_grad():
        for block in dit.blocks:
            for name in ("speaker", "latent"):
                getattr(block.attention, "wk_" + name).weight[:d] *= 0.01
                getattr(block.attention, "wv_" + name).weight *= 0.3


class Batch:
    """What the network is asked about some texts, each spoken by somebody; by the first voice where no reference is seen (`referred`: (B,))."""

    def __init__(self, corpus, rows, speakers, rng, device, referred, pad, patches, prefixed):
        self.ids, self.valid, self.ends, self.phones = (t.to(device) for t in corpus.texts(rows))
        who = [speakers.draw(corpus.spoken[:, r], rng) if seen else Speaker(FIRST) for r, seen in zip(rows, referred)]
        b, lengths = len(rows), corpus.lengths[rows]
        start = np.zeros(b, int)
        if prefixed:
            start = np.array([int(rng.integers(1, n + 6)) for n in lengths])
        n = int((lengths - start).clip(1).max()) + pad
        before = max(-(-int(start.max()) // PATCH), 3) * PATCH  # without a prefix: three patches that nothing may look at
        x, first, prefix = np.zeros((b, n, LATENT), np.float32), np.zeros((b, n, LATENT), np.float32), np.zeros((b, before, LATENT), np.float32)
        speech, reference = np.zeros((b, n), bool), np.zeros((b, patches * PATCH, LATENT), np.float32)
        for i, (row, speaker) in enumerate(zip(rows, who)):
            said = speakers.voiced_by(speaker, corpus.speech(speaker.voice, row))
            rest = said[start[i]:]
            x[i, :len(rest), :USED], speech[i, :len(rest)] = rest, True
            first[i, :len(rest), :USED] = corpus.speech(FIRST, row)[start[i]:]
            prefix[i, :min(start[i], len(said)), :USED] = said[:start[i]]
            reference[i] = speakers.voiced_by(speaker, corpus.reference(speaker.voice, patches * PATCH, rng, corpus.rows_of[speaker.voice]))
        self.speech_latents, self.first_latents, self.speech, self.reference = (torch.from_numpy(a).to(device) for a in (x, first, speech, reference))
        self.start = torch.from_numpy(start).to(device)
        self.prefix = torch.from_numpy(prefix).to(device)
        blur = lambda a, most: a + most * torch.rand(b, 1, 1, device=device) * torch.randn_like(a) * (torch.arange(LATENT, device=device) < USED)
        self.reference = blur(self.reference, 0.2)  # the codec's encoder is not exact
        if prefixed:  # neither is what was sampled before
            inside = torch.arange(before, device=device)[None] < self.start[:, None]
            self.prefix = torch.where(inside[..., None], blur(self.prefix, 0.1), self.prefix)


class Conditioned:
    """The network with a batch's text, reference and prefix: lanes differ in which of them are seen."""

    def __init__(self, dit, batch):
        self.dit, self.batch = dit, batch
        tap = []
        self.text = dit.text(batch.ids, batch.valid, tap)
        self.tap = tap[1]
        self.speaker = dit.speaker(batch.reference)
        self.prefix = dit.prefix(batch.prefix)

    def __call__(self, x, t, text_on, speaker_on, scores=None):
        seen = self.speaker.shape[1]
        return self.dit(x, t.bfloat16().float(), self.text, self.batch.valid & text_on[:, None], speaker=self.speaker,
                        speaker_valid=speaker_on[:, None].expand(-1, seen), prefix=self.prefix, start=self.batch.start, scores=scores)


def times(b, device):
    """Spread evenly over (0, LAST), in random order."""
    t = (torch.arange(b, device=device) + torch.rand(b, device=device)) / b
    return LAST * t[torch.randperm(b, device=device)]


def wide(t):
    return t[:, None, None]


def landings(t):
    """(B,): where the last step above LATE has led those who are below now; for the others t itself."""
    usual = LATE - 0.025 * torch.rand_like(t)
    any_ = LANDINGS[0] + (LANDINGS[1] - LANDINGS[0]) * torch.rand_like(t)
    return torch.maximum(t, torch.where(torch.rand_like(t) < 0.7, usual, any_))


def places(first, clean, noise, t, landed):
    """Where the sampler is at times t: half way from noise to the first voice, and from where that has `landed` on the straight way to the speaker's."""
    x = (1 - wide(landed)) * first + wide(landed) * noise
    return torch.where(wide(t >= LATE), x, clean + (x - clean) * wide(t / landed))


@torch.no_grad()
def guided_places(model, first, clean, noise, t, landed, referred, rng):
    """Where guided sampling is at times t: one step of random length with random scales, and then, below LATE, the straight way.
    `referred` (B,): who is sampled with a reference; the others are guided by the text alone."""
    b, on = len(t), torch.ones(len(t), dtype=torch.bool, device=t.device)
    step = torch.rand(b, device=t.device) * torch.where(torch.rand(b, device=t.device) < 0.3, LAST - landed, (LAST - landed).clamp(max=0.15))
    before = (landed + step).clamp(min=LATE)
    x = (1 - wide(before)) * first + wide(before) * noise
    full = model(x, before, on, referred)
    scale = lambda: torch.tensor(np.where(rng.random(b) < 0.6, rng.choice(SCALES, b), rng.uniform(0, 9, b)), dtype=torch.float32, device=t.device)
    velocity = full + wide(scale()) * (full - model(x, before, ~on, referred)) + wide(scale()) * (full - model(x, before, on, ~on))
    x = x + velocity * wide(landed - before)
    return torch.where(wide(t >= LATE), x, clean + (x - clean) * wide(t / landed))


def pointer_loss(scores, batch, text_on):
    """How surely head 0 finds the byte that a frame of speech belongs to, and its share there."""
    n = batch.speech.shape[1]
    whole = shares(batch.ends, int(batch.start.max()) + n)
    at = batch.start[:, None] + torch.arange(n, device=whole.device)
    share = torch.gather(whole, 1, at[:, :, None].expand(-1, -1, whole.shape[2]))
    near = share + 0.5 * (torch.nn.functional.pad(share, (0, 0, 1, 0))[:, :-1] + torch.nn.functional.pad(share, (0, 0, 0, 1))[:, 1:]) > 0.1
    use = (batch.speech & text_on[:, None]).float()
    use = use / use.sum().clamp_min(1)
    hits = [(torch.softmax(s.masked_fill(~batch.valid[:, None], -1e9), -1) * near).sum(-1) for s in scores]
    return sum((-(h + 0.01).log() * use).sum() for h in hits) / len(hits), sum((h * use).sum() for h in hits) / len(hits)


def load_exported(dit, directory):
    """Weights of a model directory; what it lacks for prefixes begins as what it has for references."""
    state = {k: v.float() for k, v in tensors.load(directory + "/dit.safetensors").items()}
    for name in dit.state_dict():
        if name not in state:
            state[name] = state[name.replace("latent_encoder", "speaker_encoder").replace("latent_norm", "speaker_norm").replace("_latent", "_speaker")].clone()
            if "wv_latent" in name:
                state[name] *= 0.3
    dit.load_state_dict(state)


def main():
    p = arguments(__doc__, steps=4000, lr=1.5e-3)
    p.add_argument("--from", dest="source", help="a model directory to go on from")
    p.add_argument("--name", default="dit")
    p.add_argument("--frames", type=int, default=2000, help="of a batch")
    p.add_argument("--longest", type=int, default=440, help="frames of a text to learn from")
    p.add_argument("--guided", type=float, default=0.4, help="share of batches that start where guidance leads")
    p.add_argument("--prefixed", type=float, default=0.2, help="share of batches of which only the rest is asked")
    p.add_argument("--invented", type=float, default=0.35, help="share of speakers that are made of the voices by bending them")
    p.add_argument("--weights", default="3,2,2", help="how often each voice speaks; the first is also the one without a reference")
    p.add_argument("--pointer", type=float, default=0.1)
    p.add_argument("--questions", type=float, default=0.3)
    p.add_argument("--compile", action="store_true", help="with torch 2 and a C++ compiler: a minute first, then half the time")
    args = p.parse_args()
    golden.verify(golden.dit)
    torch.manual_seed(args.seed)
    dit, questions = EchoDiT(SMALL), Questions(SMALL["text_width"])
    state = torch.load(f"{args.data}/text.pt", map_location="cpu")["ema"]
    questions.load_state_dict(state["questions"])
    if args.source:
        load_exported(dit, args.source)
        TextEncoder(dit).load_state_dict(state["encoder"])
    else:
        initialise(dit)
        TextEncoder(dit).load_state_dict(state["encoder"])
        point_at_text(dit, questions)
        quiet_contexts(dit)
    corpus = Corpus(f"{args.data}/corpus.npz")
    space = Space(f"{args.data}/space.npz")
    speakers = Speakers(space, [float(w) for w in args.weights.split(",")], args.invented)
    plain = Speakers(space, [1] * len(corpus.spoken), invented=0.0)
    usable = np.nonzero(corpus.lengths <= args.longest)[0]
    held, rows = usable[:24], usable[24:]
    loop = Loop(args, args.name, {"dit": dit, "questions": questions}, block_matrices(dit), ema=0.995)
    loop.start()
    if args.compile:
        dit.compile()
    batches, device = corpus.batches(args.frames, loop.rng, rows), args.device

    def flow(which, who, rng, t=None, guided=False, prefixed=False, drop=True):
        pad = 8 if t is not None else int(rng.integers(2, 24) if rng.random() < 0.9 else rng.integers(24, 160))
        b = len(which)
        speaker_on = rng.random(b) >= (0.3 if drop else 0)
        batch = Batch(corpus, which, who, rng, device, speaker_on, pad, 12 if t is not None else int(rng.integers(4, 32)), prefixed)
        model, speaker_on = Conditioned(dit, batch), torch.from_numpy(speaker_on).to(device)
        text_on = torch.rand(b, device=device) > (0.1 if drop else -1)
        t = times(b, device) if t is None else torch.full((b,), t, device=device)
        loud = torch.where(torch.rand(b, device=device) < (0.25 if drop else 0), 0.75 + 0.25 * torch.rand(b, device=device), torch.ones(b, device=device))
        first, clean, noise = batch.first_latents, batch.speech_latents, wide(loud) * torch.randn_like(batch.first_latents)
        landed = landings(t)
        goal, straight = torch.where(wide(t >= LATE), first, clean), places(first, clean, noise, t, landed)
        x = guided_places(model, first, clean, noise, t, landed, speaker_on, rng) if guided else straight
        target = (x - goal) / wide(t)
        scores = []
        error = (model(x, t, text_on, speaker_on, scores) - target).square()
        weight = batch.speech.float() + 0.25 * (~batch.speech).float()
        weight = weight / (1 + 0.5 * ((x - straight) / wide(t)).square().mean((1, 2)))[:, None]  # far off counts less
        weight = weight / weight.sum()
        used = (error[..., :USED].mean(-1) * weight).sum()
        pointed, hit = pointer_loss(scores, batch, text_on)
        asked, figures = questions.loss(model.tap, model.text, batch.valid, batch.ends, batch.phones)
        loss = (error.mean(-1) * weight).sum() * LATENT / USED + args.pointer * pointed + args.questions * asked
        return loss, {"guided" if guided else "prefixed" if prefixed else "flow": used, "hit": hit, "off": figures["off"]}

    def batch_loss(loop):
        guided, prefixed = loop.rng.random() < args.guided, loop.rng.random() < args.prefixed
        return flow(next(batches), speakers, loop.rng, guided=guided, prefixed=prefixed)

    def held_figures():
        out, mine = [], torch.get_rng_state()
        for options in (dict(t=0.95), dict(t=0.7), dict(t=0.4), dict(t=0.15), dict(t=0.8, guided=True), dict(t=0.4, guided=True), dict(t=0.7, prefixed=True)):
            torch.manual_seed(3)
            out.append(f"{float(next(iter(flow(held, plain, np.random.default_rng(3), drop=False, **options)[1].values()))):.4f}")
        torch.set_rng_state(mine)
        return "t 0.95 0.7 0.4 0.15: " + " ".join(out[:4]) + ", guided: " + " ".join(out[4:6]) + ", prefixed: " + out[6]

    loop.run(batch_loss, held_figures)


if __name__ == "__main__":
    main()
