"""Evaluations of the model against what they lead to, and the drawing of docs/quality.md:
    build/release/bench/echo_solver_bench models/echo-small models/echo-small/voices/rms.flac < TEXTS > DISTANCES
    python3 -m training.solvers DISTANCES MODEL_DIR --program build/release/apps/echo-tts --svg docs/solvers.svg [--count N]

Distances are of final latents from those of 200 Euler steps (bench/solver_bench.cc). Of the settings in HEARD the program speaks everyday.txt,
and the words that are heard wrongly stand beside their points."""
import argparse
import json
import math
import os
import subprocess
import tempfile

from training import hearing
from training.quality import everyday

HEARD = (("euler", 40, 1), ("euler", 13, 1), ("ab2", 20, 2), ("ab2", 27, 2))  # solver, steps, cfg_interval
COLOURS = {"euler": "#4c78a8", "ab2": "#e45756", "heun": "#54a24b"}
DASHES = {1: "", 2: "6 3", 3: "2 3"}
LEFT, RIGHT, TOP, BOTTOM, WIDTH, HEIGHT = 60, 190, 20, 50, 820, 460


def distances(path):
    """(solver, steps, cfg_interval, evaluations, distance) of every line."""
    with open(path) as f:
        return [(s, int(n), int(i), int(e), float(d)) for s, n, i, e, d in map(str.split, f)]


def say(program, model, voice, text, path, solver, steps, interval):
    done = subprocess.run([program, "say", text, "--model", model, "--voice", voice, "-o", path, "--json", "--threads", "1", "--max_rerolls", "0", "--seed", "1",
                           "--cfg_scale_speaker", "8", "--sequence_length", "128", "--solver", solver, "--num_steps", str(steps), "--cfg_interval", str(interval)],
                          check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def heard(args, setting):
    """The score of the setting and the evaluations that a text took."""
    texts = everyday(args.count)
    with tempfile.TemporaryDirectory() as folder:
        paths = [f"{folder}/{i}.wav" for i in range(len(texts))]
        told = [say(args.program, args.model, f"{args.model}/voices/{args.voice}.flac", text, path, *setting) for text, path in zip(texts, paths)]
        return hearing.Score(texts, hearing.hear(paths)), told[0]["evaluations"]


def svg(rows, scores):
    """Both axes are logarithmic. A line for each solver and interval, a ring for each setting that was heard."""
    most, least = max(r[3] for r in rows) * 1.1, min(r[3] for r in rows) / 1.1
    far, near = max(r[4] for r in rows) * 1.2, min(r[4] for r in rows) / 1.3

    def x(evaluations):
        return LEFT + (WIDTH - LEFT - RIGHT) * math.log(evaluations / least) / math.log(most / least)

    def y(distance):
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * math.log(distance / near) / math.log(far / near)

    def text(at_x, at_y, words, anchor="start"):
        return f'<text x="{at_x:.0f}" y="{at_y:.0f}" text-anchor="{anchor}">{words}</text>'

    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
             f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>']
    for evaluations in (10, 15, 20, 27, 40, 60, 80, 120):
        if least < evaluations < most:
            parts += [f'<path d="M{x(evaluations):.1f} {TOP}V{HEIGHT - BOTTOM}" stroke="#ddd"/>', text(x(evaluations), HEIGHT - BOTTOM + 16, evaluations, "middle")]
    for distance in (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5):
        if near < distance < far:
            parts += [f'<path d="M{LEFT} {y(distance):.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>', text(LEFT - 6, y(distance) + 4, distance, "end")]
    parts += [text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12, "evaluations of one sequence (80: forty Euler steps, half of them guided twice)", "middle"),
              text(8, 14, "distance from 200 Euler steps")]
    lines = sorted({(r[0], r[2]) for r in rows}, key=lambda line: (list(COLOURS).index(line[0]), line[1]))
    for place, (solver, interval) in enumerate(lines):
        points = " ".join(f"{x(r[3]):.1f},{y(r[4]):.1f}" for r in sorted(rows, key=lambda r: r[3]) if (r[0], r[2]) == (solver, interval))
        style = f'fill="none" stroke="{COLOURS[solver]}" stroke-width="1.8" stroke-dasharray="{DASHES[interval]}"'
        parts.append(f'<polyline points="{points}" {style}/>')
        line_y = TOP + 14 + 18 * place
        parts += [f'<path d="M{WIDTH - RIGHT + 12} {line_y - 4}h28" {style}/>',
                  text(WIDTH - RIGHT + 46, line_y, solver + (f", cfg_interval {interval}" if interval > 1 else ""))]
    for setting, (score, _) in scores.items():
        found = [r for r in rows if r[:3] == setting]
        if found:
            parts += [f'<circle cx="{x(found[0][3]):.1f}" cy="{y(found[0][4]):.1f}" r="6" fill="none" stroke="#222"/>',
                      text(x(found[0][3]) + 9, y(found[0][4]) - 6, f"{setting[1]} steps, {score.rate:.0f} % of words wrong")]
    return "\n".join(parts + ["</svg>"]) + "\n"


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("distances")
    p.add_argument("model")
    p.add_argument("--program", default="build/release/apps/echo-tts")
    p.add_argument("--voice", default="rms")
    p.add_argument("--count", type=int, default=20, help="texts that are heard; 0: none")
    p.add_argument("--svg", required=True)
    args = p.parse_args()
    args.program = os.path.abspath(args.program)
    rows, scores = distances(args.distances), {}
    for setting in HEARD if args.count else ():
        scores[setting] = heard(args, setting)
        print(f"| `{setting[0]}`, {setting[1]} steps, `cfg_interval` {setting[2]} | {scores[setting][1]} | "
              f"{next((r[4] for r in rows if r[:3] == setting), float('nan')):.3f} | {scores[setting][0]} |", flush=True)
    with open(args.svg, "w") as f:
        f.write(svg(rows, scores))


if __name__ == "__main__":
    main()
