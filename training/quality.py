"""Measures how the program's choices sound, and prints the tables of docs/quality.md:
    python3 -m training.quality {window,judge,seams} MODEL_DIR --program build/release/apps/echo-tts [--count N]"""
import argparse
import collections
import json
import os
import statistics
import subprocess
import tempfile

from training import hearing
from training.sentences import lines

HERE = os.path.dirname(os.path.abspath(__file__))


class Program:
    def __init__(self, args):
        self.args = args
        self.directory = tempfile.TemporaryDirectory()
        self.made = 0

    def say(self, text, *options):
        """A text spoken: the path of the recording, and what the program told of it."""
        self.made += 1
        path = f"{self.directory.name}/{self.made}.wav"
        voice = ("--voice", self.args.voice) if self.args.voice else ()
        told = subprocess.run([self.args.program, "say", text, "--model", self.args.model, "-o", path, "--json", *voice, *options],
                              check=True, capture_output=True, text=True).stdout
        with open(path + ".json", "w") as f:
            f.write(told)
        return path, json.loads(told)

    def seams(self, path):
        told = subprocess.run([self.args.program, "seams", path, path + ".json", "--json"], check=True, capture_output=True,
                              text=True).stdout
        return json.loads(told)


def everyday(count):
    """Sentences of 10 to 250 characters: those that training is listened to by, then the plain ones of the front end's tests."""
    texts = lines(f"{HERE}/everyday.txt") + lines(f"{HERE}/../tests/text/golden/plain_sentences.txt")
    return [text for text in texts if 10 <= len(text) <= 250][:count]


def window(program, count):
    """The window that the text needs against the whole: words that are heard, ends that are found, time."""
    texts = everyday(count)
    print("| window | word error rate | ends found | mean duration, s | frames sampled | diffusion, s |\n| --- | --- | --- | --- | --- | --- |")
    for name, length in (("auto", "auto"), ("192", "192"), ("640", "640")):
        options = ("--sequence_length", length, "--max_rerolls", "0", "--seed", "1")
        results = [program.say(text, *options) for text in texts]
        score = hearing.Score(texts, hearing.hear([path for path, _ in results]))
        told = [result for _, result in results]
        chunks = [chunk for result in told for chunk in result["chunks"]]
        ends = sum("no_end" not in chunk["faults"] for chunk in chunks)
        print(f"| {name} | {score} | {ends} of {len(chunks)} | {statistics.mean(r['duration'] for r in told):.2f} "
              f"| {sum(c['frames'] for c in chunks)} | {sum(r['timings']['diffusion'] for r in told):.1f} |", flush=True)


def judge(program, count):
    """How often each reason strikes, and how often the take that it struck was heard without a wrong word: a false alarm."""
    texts, struck, false, retakes = everyday(count), collections.Counter(), collections.Counter(), collections.Counter()
    results = [program.say(text, "--max_rerolls", "0", "--seed", "1") for text in texts]
    heard = hearing.hear([path for path, _ in results])
    for text, sound, (_, told) in zip(texts, heard, results):
        reasons = {reason for chunk in told["chunks"] for reason in chunk["faults"]}
        for reason in reasons:
            struck[reason] += 1
            false[reason] += hearing.words(text) == hearing.words(sound)
        retakes["struck" if reasons else "clean"] += 1
    print("| reason | struck | of them heard word for word |\n| --- | --- | --- |")
    for reason, times in struck.most_common():
        print(f"| `{reason}` | {times} | {false[reason]} |")
    print(f"\n{retakes['clean']} of {len(texts)} takes had no fault.")


def seams(program, count):
    """Joints of texts of several sentences, one take each against chunks that continue each other."""
    sentences = everyday(4 * count)
    texts = [" ".join(sentences[4 * i:4 * i + 4]) for i in range(count)]
    print("| continuity | word error rate | pause, s | pitch, semitones | level, dB | floor, dB | click | timbre |\n"
          "| --- | --- | --- | --- | --- | --- | --- | --- |")

    def row(name, rate, medians):
        cells = [statistics.median([m[key] for m in medians if m[key] is not None] or [float("nan")])
                 for key in ("pause", "pitch", "level", "floor", "click", "timbre")]
        print(f"| {name} | {rate} | " + " | ".join(f"{cell:.2f}" for cell in cells) + " |", flush=True)

    for name in ("none", "text") if program.args.blockwise else ("none",):
        results = [program.say(text, "--continuity", name, "--seed", "1") for text in texts]
        score = hearing.Score(texts, hearing.hear([path for path, _ in results]))
        measured = [program.seams(path) for path, _ in results]
        row(name, score, [joint for m in measured for joint in m["joints"]])
        if name == "none":
            row("the speaker's own pauses", "", [m["own_pauses"] for m in measured])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("table", choices=("window", "judge", "seams"))
    parser.add_argument("model")
    parser.add_argument("--program", default="build/release/apps/echo-tts")
    parser.add_argument("--count", type=int, default=40, help="texts; the whole tables take 100 (window), 300 (judge) and 40 (seams)")
    parser.add_argument("--voice", help="a recording that is to be imitated")
    parser.add_argument("--blockwise", action="store_true", help="the model has the weights for chunks that continue each other")
    args = parser.parse_args()
    {"window": window, "judge": judge, "seams": seams}[args.table](Program(args), args.count)


if __name__ == "__main__":
    main()
