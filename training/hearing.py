"""What pocketsphinx (Debian's, with its American English model) hears, and how many words of it are wrong."""
import re
import subprocess
import tempfile

MODEL = "/usr/share/pocketsphinx/model/en-us/"


def words(text):
    return re.findall(r"[a-z']+", text.lower())


def edits(a, b):
    """Words to change, insert or delete on the way from a to b."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a):
        new = [i + 1]
        for j, y in enumerate(b):
            new.append(min(row[j] + (x != y), row[j + 1] + 1, new[j] + 1))
        row = new
    return row[-1]


def hear(paths):
    """What is heard in each recording, of any format that sox reads."""
    with tempfile.TemporaryDirectory() as tmp:
        for i, path in enumerate(paths):
            subprocess.run(["sox", path, "-r", "16000", "-c", "1", "-b", "16", f"{tmp}/{i}.wav", "pad", "0.25", "0.3", "gain", "-n", "-3"],
                           check=True, stderr=subprocess.DEVNULL)
        with open(f"{tmp}/list", "w") as f:
            f.writelines(f"{i}\n" for i in range(len(paths)))
        subprocess.run(["pocketsphinx_batch", "-adcin", "yes", "-adchdr", "44", "-cepdir", tmp, "-cepext", ".wav", "-ctl", f"{tmp}/list",
                        "-hyp", f"{tmp}/heard", "-hmm", MODEL + "en-us", "-lm", MODEL + "en-us.lm.bin", "-dict", MODEL + "cmudict-en-us.dict"],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        heard = {}
        for line in open(f"{tmp}/heard"):
            found = re.match(r"(.*) \((\d+) -?\d+\)$", line.strip())
            heard[int(found.group(2))] = " ".join(re.sub(r"\(\d\)", "", found.group(1)).split())
        return [heard.get(i, "") for i in range(len(paths))]


class Score:
    """Word error rate over texts, with the standard error that so many texts leave."""

    def __init__(self, texts, heard):
        self.pairs = list(zip(texts, heard))
        self.wrong = [edits(words(t), words(h)) for t, h in self.pairs]
        self.total = [len(words(t)) for t in texts]

    @property
    def rate(self):
        return 100 * sum(self.wrong) / sum(self.total)

    @property
    def deviation(self):
        n, mean = len(self.wrong), sum(self.wrong) / sum(self.total)
        spread = sum((w - mean * t) ** 2 for w, t in zip(self.wrong, self.total))
        return 100 * (spread * n / max(n - 1, 1)) ** 0.5 / sum(self.total)

    def __str__(self):
        return f"{self.rate:.1f} % (+-{self.deviation:.1f})"
