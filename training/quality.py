"""Measures how the program's choices sound, and prints the tables of docs/quality.md:
    python3 -m training.quality {window,judge,seams} MODEL_DIR [--program build/release/apps/echo-tts] [--count N] [--voice NAME] [--kept DIR]

What was spoken is kept in DIR and not spoken again: a run that was stopped goes on where it was, and --minutes 0 prints the table of what there is."""
import argparse
import collections
import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

from training import hearing
from training.evaluate import Server
from training.sentences import lines

HERE = os.path.dirname(os.path.abspath(__file__))
REASONS = ("empty", "short", "long", "no_end", "silence_inside", "late_start", "clipped", "quiet", "noise", "voice")
COUNTS = {"window": 100, "judge": 300, "seams": 40}
CLASSES = ((10, 60), (61, 120), (121, 250))  # characters


class Take:
    """A text spoken: the recording, what the program told of it, the CPU time that the program took."""

    def __init__(self, text, path, note):
        self.text, self.path, self.told, self.cpu = text, path, note["told"], note["cpu"]

    @property
    def faults(self):
        return {fault for chunk in self.told["chunks"] for fault in chunk["faults"]}

    def seams(self, program):
        with tempfile.NamedTemporaryFile("w") as told:
            json.dump(self.told, told)
            told.flush()
            return json.loads(subprocess.run([program, "seams", self.path, told.name, "--json"], check=True, capture_output=True, text=True).stdout)


class Speech:
    """Speaks texts with one loaded program, and keeps the takes in a directory."""

    def __init__(self, args):
        self.args, self.server = args, None
        self.last = time.monotonic() + 60 * args.minutes
        digest = hashlib.sha256()
        for name in ("dit", "dac", "pca_state"):
            digest.update(open(f"{args.model}/{name}.safetensors", "rb").read())
        self.model = digest.hexdigest()
        os.makedirs(args.kept, exist_ok=True)

    def cpu_seconds(self):
        fields = open(f"/proc/{self.server.process.pid}/stat").read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def take(self, text, **parameters):
        """None when the time is over."""
        key = json.dumps([self.model, text, self.args.voice, parameters], sort_keys=True)
        path = f"{self.args.kept}/{hashlib.sha256(key.encode()).hexdigest()[:20]}.wav"
        note = path[:-4] + ".json"
        if not os.path.exists(note):
            if time.monotonic() >= self.last:
                return None
            self.server = self.server or self.started()
            before = self.cpu_seconds()
            told = self.server.say(text, path, self.args.voice, parameters)
            with open(note + ".new", "w") as f:
                json.dump({"told": told, "cpu": self.cpu_seconds() - before}, f)
            os.rename(note + ".new", note)
        return Take(text, path, json.load(open(note)))

    def started(self):
        server = Server(self.args, "auto")
        server.say("Good morning.", f"{self.args.kept}/first.wav", self.args.voice, {"num_steps": 1})  # what is done once is no text's cost
        return server

    def each(self, texts, settings):
        """Every text with every setting, in turn -> a list of takes for each setting, of the texts for which there was time."""
        takes = []
        for i, text in enumerate(texts):
            row = [self.take(text, **setting) for setting in settings]
            if None in row:
                break
            takes.append(row)
            print(f"{i + 1} of {len(texts)}", end="\r", file=sys.stderr, flush=True)
        if not takes:
            raise SystemExit("nothing was spoken in the time")
        return [list(column) for column in zip(*takes)]


def score(takes):
    return hearing.Score([take.text for take in takes], hearing.hear([take.path for take in takes]))


def everyday():
    """Those that training is listened to by, then the plain ones of the front end's tests."""
    plain = [text for text in lines(f"{HERE}/../tests/text/golden/plain_sentences.txt") if not text.startswith("#")]
    return [text for text in lines(f"{HERE}/everyday.txt") + plain if 10 <= len(text) <= 250]


def of_all_lengths(count):
    """Texts of 10 to 250 characters in turn: replies, then one to six everyday sentences."""
    replies = [text for text in lines(f"{HERE}/replies.txt") if len(text) >= 10]
    sentences, texts = lines(f"{HERE}/everyday.txt"), []
    for i in range(count):
        wanted, at = i % 7, 13 * i
        text = " ".join(sentences[(at + k) % len(sentences)] for k in range(wanted)) if wanted else replies[i // 7 % len(replies)]
        texts.append(text if len(text) <= 250 else text[:250].rsplit(". ", 1)[0] + ".")
    return texts


def window(speech, count):
    """The window that the text needs against the model's own and the whole: words that are heard, ends that are found, cost."""
    lengths = ("auto", 192, 640)
    columns = speech.each(of_all_lengths(count), [{"sequence_length": length, "max_rerolls": 0, "seed": 1} for length in lengths])
    print("| window | characters | texts | words heard wrong | ends found | mean duration, s | frames sampled | CPU, s |\n" + "| --- " * 8 + "|")
    for name, takes in zip(lengths, columns):
        for low, high in (*CLASSES, (10, 250)):
            some = [take for take in takes if low <= len(take.text) <= high]
            if not some:
                continue
            chunks = [chunk for take in some for chunk in take.told["chunks"]]
            ends = sum("no_end" not in chunk["faults"] for chunk in chunks)
            print(f"| `{name}` | {low} to {high} | {len(some)} | {score(some)} | {ends} of {len(chunks)} | {statistics.mean(t.told['duration'] for t in some):.2f} "
                  f"| {sum(c['frames'] for c in chunks)} | {sum(t.cpu for t in some):.1f} |", flush=True)


def judge(speech, count):
    """How often each reason strikes, how often the take that it struck was heard without a wrong word (a false alarm), and what further takes mend."""
    [takes] = speech.each(everyday()[:count], [{"max_rerolls": 0, "seed": 1}])
    rated = score(takes)
    struck, false, wrong, total = (collections.Counter() for _ in range(4))
    for take, errors, words in zip(takes, rated.wrong, rated.total):
        for reason in take.faults or {"none"}:
            struck[reason] += 1
            false[reason] += errors == 0
            wrong[reason] += errors
            total[reason] += words
    print("| reason | struck | of them heard word for word | words heard wrong |\n| --- | --- | --- | --- |")
    for reason in sorted(REASONS, key=lambda r: -struck[r]) + sorted(set(struck) - {*REASONS, "none"}):
        print(f"| `{reason}` | {struck[reason]} | {false[reason]} | {wrong[reason]} of {total[reason]} |")
    print(f"| no fault | {struck['none']} | {false['none']} | {wrong['none']} of {total['none']} |", flush=True)
    faulty = [take for take in takes if take.faults]
    if not faulty:
        return
    [mended] = speech.each([take.text for take in faulty], [{"max_rerolls": 2, "seed": 1}])
    before, after = score(faulty[:len(mended)]), score(mended)
    print(f"\nOf {len(takes)} takes {len(faulty)} had a fault. With two more allowed, {sum(not take.faults for take in mended)} of {len(mended)} ended without: "
          f"{sum(take.told['rerolls'] for take in mended)} more takes, words heard wrong {before} before and {after} after.")


def seams(speech, count):
    """Joints of texts of two paragraphs of two sentences each: chunks for themselves against chunks that go on from each other."""
    sentences = [text for text in everyday() if len(text) <= 60]
    texts = ["\n\n".join(" ".join(sentences[4 * i + k:4 * i + k + 2]) for k in (0, 2)) for i in range(min(count, len(sentences) // 4))]
    names = ("none", "paragraph", "text")
    columns = speech.each(texts, [{"continuity": name, "max_chars_per_chunk": 60, "seed": 1} for name in names])
    keys = ("pause", "pitch", "level", "floor", "click", "timbre")
    print("| continuity | texts | takes | chunks by themselves | words heard wrong | pause, s | pitch, semitones | level, dB | floor, dB | click | timbre | CPU, s |\n"
          + "| --- " * 12 + "|")

    def medians(measured):
        found = [[m[key] for m in measured if m[key] is not None] for key in keys]
        return " | ".join(f"{statistics.median(values):.2f}" if values else "-" for values in found)

    own = []
    for name, takes in zip(names, columns):
        measured = [take.seams(speech.args.program) for take in takes]
        own += [m["own_pauses"] for m in measured]
        chunks = [chunk for take in takes for chunk in take.told["chunks"]]
        alone = sum(chunk["joined"] != "continued" for chunk in chunks)
        print(f"| `{name}` | {len(takes)} | {sum(chunk['attempts'] for chunk in chunks)} | {alone} of {len(chunks)} | {score(takes)} "
              f"| {medians([joint for m in measured for joint in m['joints']])} | {sum(take.cpu for take in takes):.1f} |", flush=True)
    print(f"| the speaker's own pauses | | | | | {medians(own)} | |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", choices=COUNTS)
    parser.add_argument("model")
    parser.add_argument("--program", default="build/release/apps/echo-tts")
    parser.add_argument("--count", type=int, help=f"texts; without it {', '.join(f'{n} ({name})' for name, n in COUNTS.items())}")
    parser.add_argument("--voice", help="one of the model's sample voices that is to be imitated")
    parser.add_argument("--threads", type=int, default=1, help="of the program; with one the CPU time has no waiting in it")
    parser.add_argument("--minutes", type=float, default=600, help="after these nothing more is spoken, and the table is of what there is")
    parser.add_argument("--kept", default="build/quality", help="where takes are kept")
    args = parser.parse_args()
    {"window": window, "judge": judge, "seams": seams}[args.table](Speech(args), args.count or COUNTS[args.table])


if __name__ == "__main__":
    main()
