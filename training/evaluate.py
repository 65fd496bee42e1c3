"""Measures a model by the program, as it is used, and prints a table:
    python3 -m training.evaluate MODEL_DIR DATA --program build/release/apps/echo-tts [--count 120] [--only NAMES]

Spoken are everyday.txt, wordnet.txt and replies.txt, none of which was trained on. What was spoken and heard is kept in DATA/heard, text by text, and not made
again for the same model; stopped, it goes on from there. Every setting is the default of the program with this model unless the row says otherwise.
Word error rates are followed by their standard error, shares by the range that holds the true one in 95 of 100 cases (Wilson)."""
import argparse
import atexit
import hashlib
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

import numpy as np
import scipy.io.wavfile

from training import hearing
from training.sentences import lines
from training.speaker_distance import Speakers
from training.trajectories import records

HERE = os.path.dirname(os.path.abspath(__file__))
VOICES = ("rms", "awb", "slt")  # the first is the one without a reference
PRESETS = [f"Independent-{kind}-CFG{flat}" for kind in ("High-Speaker", "High", "Low") for flat in ("", "-Flat")]
SPEED = "I would like to change my ticket for the concert, please."


BATCH = 10  # texts that are spoken and heard before they are kept


def spread(texts, count):
    """As many of them, evenly from all."""
    return [texts[i * len(texts) // count] for i in range(min(count, len(texts)))] if count else []


def share(found):
    """Of truths the share that is true, and Wilson's 95 % range of it."""
    n, p, z = len(found), np.mean(found), 1.96
    middle, half = (p + z * z / (2 * n)) / (1 + z * z / n), z * (p * (1 - p) / n + z * z / (4 * n * n)) ** 0.5 / (1 + z * z / n)
    return f"{100 * p:.1f} % of {n} ({100 * (middle - half):.0f} to {100 * (middle + half):.0f})"


class Spoken:
    """Texts spoken with some settings: what was heard, how long it took."""

    def __init__(self, texts, paths, results, heard):
        self.texts, self.paths, self.results = texts, paths, results
        self.score = hearing.Score(texts, heard)

    @property
    def seconds(self):
        return np.array([r["duration"] for r in self.results])


class Server:
    """The program as a local API, so that a model is loaded once and not for every text."""

    def __init__(self, args, precision):
        self.room = tempfile.TemporaryDirectory()
        with socket.socket() as s:
            s.bind(("localhost", 0))
            port = s.getsockname()[1]
        self.address = f"http://localhost:{port}/"
        self.log = open(f"{self.room.name}/log", "w+")
        environment = {**os.environ, "AUDIO_VOICES_DIR": os.path.abspath(f"{args.model}/voices"), "OUTPUT_AUDIO_DIR": f"{self.room.name}/kept"}
        self.process = subprocess.Popen(
            [os.path.abspath(args.program), "worker", "--rp_serve_api", f"--rp_api_port={port}", f"--storage={self.room.name}/results", f"--threads={args.threads}",
             f"--precision={precision}", f"--model={os.path.abspath(args.model)}"], stdout=self.log, stderr=self.log, env=environment, cwd=self.room.name)
        atexit.register(self.process.terminate)
        while self.process.poll() is None and not self.listens():
            time.sleep(0.2)

    def listens(self):
        try:
            return urllib.request.urlopen(self.address + "ping", timeout=60).status == 200
        except OSError:
            return False

    def say(self, text, path, voice, parameters):
        """Speaks into a file -> what the program tells of it."""
        job = {"text": text, "speaker_voice": voice and f"{voice}.flac", "session_id": "said", "parameters": {**parameters, "output_format": "wav"}}
        request = urllib.request.Request(self.address + "runsync?wait=300000", json.dumps({"input": job}).encode(), {"Content-Type": "application/json"})
        try:
            answer = json.load(urllib.request.urlopen(request))
        except OSError as error:
            self.log.seek(0)
            raise SystemExit(f"{error}\n{self.log.read()[-2000:]}")
        if "output" not in answer:
            raise SystemExit(f"{text}: {answer}")
        shutil.move(f"{self.room.name}/results/{answer['output']['filename']}", path)
        return answer["output"]["metadata"]


class Evaluation:
    def __init__(self, args):
        self.args, self.servers = args, {}
        digest = hashlib.sha256()
        for name in ("dit.safetensors", "dac.safetensors", "pca_state.safetensors", "defaults.json"):
            if os.path.exists(f"{args.model}/{name}"):
                digest.update(open(f"{args.model}/{name}", "rb").read())
        self.kept = f"{args.data}/heard/{digest.hexdigest()[:12]}"
        everyday, count = lines(f"{HERE}/everyday.txt"), args.count
        # The last first: by the first sixteen of the everyday texts the weights that are shipped were chosen.
        self.texts = {"everyday": everyday[-count:], "wordnet": spread(lines(f"{HERE}/wordnet.txt"), count), "replies": lines(f"{HERE}/replies.txt")[:count],
                      "paragraphs": [" ".join(everyday[i:i + 3]) for i in range(len(everyday) - 3 * (count // 3), len(everyday), 3)]}

    def cached(self, directory, texts, make):
        """make(texts, paths) -> what is told of each; that, the recordings and what was heard are kept in the directory."""
        os.makedirs(directory, exist_ok=True)
        note = f"{directory}/heard.jsonl"
        kept = {entry["text"]: entry for entry in map(json.loads, lines(note) if os.path.exists(note) else [])}
        missing = [text for text in texts if text not in kept]
        for batch in (missing[i:i + BATCH] for i in range(0, len(missing), BATCH)):
            paths = [f"{directory}/{len(kept) + i:04d}.wav" for i in range(len(batch))]
            entries = zip(batch, paths, make(batch, paths), hearing.hear(paths))
            entries = [{"text": text, "path": path, "result": result, "heard": heard} for text, path, result, heard in entries]
            kept.update((entry["text"], entry) for entry in entries)
            with open(note, "a") as f:
                f.writelines(json.dumps(entry) + "\n" for entry in entries)
        chosen = [kept[text] for text in texts]
        return Spoken(texts, *([entry[key] for entry in chosen] for key in ("path", "result", "heard")))

    def server(self, precision="auto"):
        if precision not in self.servers:
            self.servers[precision] = Server(self.args, precision)
        return self.servers[precision]

    def say(self, kind, voice=None, **options):
        """The texts of a kind, spoken by the program."""

        def make(texts, paths):
            parameters = {k: v for k, v in options.items() if k != "precision"}
            server = self.server(options.get("precision", "auto"))
            return [server.say(text, path, voice, parameters) for text, path in zip(texts, paths)]

        name = "-".join([kind, voice or "default"] + [f"{k}={v}" for k, v in options.items()])
        return self.cached(f"{self.kept}/{name}", self.texts[kind], make)

    def speed(self, **options):
        """One sentence: how long it is, and the shortest time of three that it took, s."""
        told = [self.server().say(SPEED, f"{self.kept}/speed.wav", None, options) for _ in range(3)]
        return told[0]["duration"], min(t["timings"]["total"] for t in told)

    def teacher(self, kind, voice):
        """The texts of a kind, spoken by the teacher itself."""

        def make(texts, paths):
            spoken = subprocess.run([self.args.teacher, voice, "wave"], input="\n".join(texts).encode() + b"\n", capture_output=True, check=True).stdout
            results = []
            for path, (_, _, segments, wave) in zip(paths, records(io.BytesIO(spoken), waves=True)):
                scipy.io.wavfile.write(path, 16000, wave)
                sound = np.nonzero(segments["name"] != b"pau")[0]
                results.append({"duration": float(segments["end"][sound[-1]] - (segments["end"][sound[0] - 1] if sound[0] else 0))})
            return results

        return self.cached(f"{self.args.data}/heard/teacher-{kind}-{voice}", self.texts[kind], make)


def row(name, figure, goal=""):
    print(f"| {name} | {figure} | {goal} |", flush=True)


def ends_found(spoken):
    """The share of chunks whose end the program found, before the window was over, in the first take."""
    found = [chunk["attempts"] == 1 and "no_end" not in chunk["faults"] for r in spoken.results for chunk in r["chunks"]]
    return share(found)


def longer(own, teacher):
    return f"{100 * (own.seconds.sum() / teacher.seconds.sum() - 1):+.1f} %"


def worse(spoken, than):
    """A score, and how far it is from another of the same texts."""
    return f"{spoken.score}, {spoken.score.rate - than.score.rate:+.1f} points"


def named(voice):
    return f"reference {voice}" if voice else "default voice"


def table(e, part):
    if part == "default":
        for kind, goal in (("everyday", "<= 4 %"), ("wordnet", "<= 8 %")):
            own, teacher = e.say(kind), e.teacher(kind, VOICES[0])
            row(f"{kind}, default voice", own.score, goal)
            row(f"{kind}, its teacher {VOICES[0]} itself", teacher.score)
            row(f"{kind}, ends found", ends_found(own), ">= 99 %")
            row(f"{kind}, duration against the teacher's", longer(own, teacher), "within 10 %")
    elif part == "voices":
        known = Speakers({v: e.teacher("everyday", v).paths[:20] for v in VOICES})
        right = []
        for voice in VOICES:
            own, teacher = e.say("everyday", voice), e.teacher("everyday", voice)
            row(f"everyday, reference {voice}", own.score, f"<= {teacher.score.rate + 3:.1f} % (teacher {teacher.score})")
            nearest = [known.nearest(p) == voice for p in own.paths]
            row(f"everyday, reference {voice}, the right speaker of three", share(nearest))
            right += nearest
        row("everyday, the right speaker of three", share(right), ">= 95 %")
    elif part == "steps":
        for voice, counts in ((None, (5, 10, 20)), ("awb", (10,))):
            for steps in counts:
                spoken = e.say("everyday", voice, num_steps=steps)
                row(f"everyday, {steps} steps, {named(voice)}", f"{worse(spoken, e.say('everyday', voice))}, {spoken.seconds.mean():.2f} s long on average",
                    "<= 8 %" if steps == 10 else "")
    elif part == "replies":
        score = e.say("replies").score
        heard = 1 - sum(min(w, t) for w, t in zip(score.wrong, score.total)) / sum(score.total)
        row("texts of 1 to 3 words, words heard", f"{100 * heard:.0f} % of {sum(score.total)}", ">= 80 %")
        row("the same, by the teacher", f"{100 - e.teacher('replies', VOICES[0]).score.rate:.0f} %")
    elif part == "blocks":
        for voice in (None, "awb"):
            blocks = e.say("everyday", voice, block_sizes="32,128,480")
            row(f"everyday, block_sizes 32,128,480, {named(voice)}", worse(blocks, e.say("everyday", voice)), "at most 3 points worse")
    elif part == "continuation":
        for voice in (None, "awb"):
            each = e.say("paragraphs", voice)
            row(f"three sentences at a time, a chunk each, {named(voice)}", each.score)
            row(f"three sentences at a time, each going on from the one before, {named(voice)}", worse(e.say("paragraphs", voice, continuity="text"), each),
                "at most 3 points worse")
    elif part == "presets":
        for preset in PRESETS:
            row(f"everyday, reference awb, preset {preset}", e.say("everyday", "awb", preset=preset).score)
    elif part == "guidance":
        for text, speaker in ((0, 0), (1, 0), (3, 0), (3, 3), (3, 8), (8, 8)):
            spoken = e.say("everyday", "awb", cfg_scale_text=text, cfg_scale_speaker=speaker)
            row(f"everyday, reference awb, guidance {text} by the text, {speaker} by the speaker", f"{spoken.score}, {spoken.seconds.mean():.2f} s long on average")
    elif part == "settings":
        plain = e.say("everyday")
        row("everyday, defaults", plain.score)
        for name, options in (("truncation 0.8", {"truncation_factor": 0.8}), ("float32", {"precision": "float32"}), ("int8", {"precision": "int8"}),
                              ("window of 192 frames", {"sequence_length": 192}), ("window of 640 frames", {"sequence_length": 640})):
            row(f"everyday, {name}", worse(e.say("everyday", **options), plain))
    elif part == "speed":
        for name, options in (("as the text needs", {}), ("of 640 frames", {"sequence_length": 640})):
            seconds, spent = e.speed(**options)
            row(f"a sentence of {seconds:.1f} s, 40 steps, window {name}", f"{spent:.2f} s", "" if options else "< 1 s on two cores")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = ["default", "voices", "steps", "replies", "blocks", "continuation", "presets", "guidance", "settings", "speed"]
    p.add_argument("model")
    p.add_argument("data")
    p.add_argument("--program", default="build/release/apps/echo-tts")
    p.add_argument("--teacher", default="build/teacher", help="the compiled teacher.c")
    p.add_argument("--count", type=int, default=120, help="texts of each kind")
    p.add_argument("--threads", type=int, default=0, help="of the program; 0: all")
    p.add_argument("--only", default=",".join(parts), help="of " + ", ".join(parts))
    args = p.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the program that was started is ended, too
    print("| what | measured | wanted |\n| --- | --- | --- |")
    evaluation = Evaluation(args)
    for part in args.only.split(","):
        table(evaluation, part)


if __name__ == "__main__":
    main()
