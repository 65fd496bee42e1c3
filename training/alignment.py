"""Which letter of a word each of its sounds belongs to, learnt from the pairs themselves."""
from collections import defaultdict

import numpy as np

TURNS = 4
FARTHEST = 4  # letters that one sound may be past the one before
STAY, SKIP, DRIFT = 1.5, 0.2, 0.3  # costs: a second sound on a letter, a silent letter, being off the diagonal


def align(letters, phones, score):
    """One letter's index for each phone: monotone, and of the greatest sum of score(letter, phone) less costs."""
    n, m = len(letters), len(phones)
    own = np.array([[score(a, p) for a in letters] for p in phones])
    own -= DRIFT * n * np.abs(np.arange(n) / max(n - 1, 1) - (np.arange(m) / max(m - 1, 1))[:, None])
    steps = min(FARTHEST, n - 1) + 1
    cost = np.array([STAY] + [SKIP * (d - 1) for d in range(1, steps)])
    best = own[0] - SKIP * np.arange(n)
    back = np.zeros((m, n), int)
    for j in range(1, m):
        came = np.full((steps, n), -np.inf)
        for d in range(steps):
            came[d, d:] = best[:n - d] - cost[d]
        step = came.argmax(0)
        back[j] = np.arange(n) - step
        best = came[step, np.arange(n)] + own[j]
    path = [int(np.argmax(best - SKIP * np.arange(n)[::-1]))]
    for j in range(m - 1, 0, -1):
        path.append(int(back[j, path[-1]]))
    return path[::-1]


def align_all(pairs):
    """{(word, phones): path}. Starts from the diagonal, then prefers letters and sounds that went together before."""
    counts, paths = {}, {}
    for _ in range(TURNS):
        of_letter, of_phone = defaultdict(float), defaultdict(float)
        for (letter, phone), c in counts.items():
            of_letter[letter] += c
            of_phone[phone] += c
        total = sum(of_phone.values()) + 1
        known = {}

        def score(letter, phone):
            if not counts:
                return 0.0
            if (letter, phone) not in known:
                known[letter, phone] = np.log((counts.get((letter, phone), 0) + 0.05) * total / (of_letter[letter] + 2) / (of_phone[phone] + 1))
            return known[letter, phone]

        paths = {(word, phones): align(word, phones, score) for word, phones in pairs}
        counts = defaultdict(float)
        for (word, phones), path in paths.items():
            for phone, i in zip(phones, path):
                counts[word[i], phone] += 1
    return paths
