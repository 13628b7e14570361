"""Speed and memory of the dashboard on the server, without a browser: ``python benchmarks/dashboard.py [--quick]``.

Prints the median time of a step with the overview shown, months a second with a picture every five months, and
the growth of memory over the last months of a long run, each beside its target.
"""
# ruff: noqa: N802 - Solara names its components in CapWords

import argparse
import statistics
import sys
import time
from pathlib import Path

import ipyvuetify as v
import solara

sys.path.insert(0, str(Path(__file__).parents[1]))
import app

INTERVAL = 5
TARGETS = {"step": 0.150, "months": 20.0, "memory": 16.0}


@solara.component
def Whole():
    with solara.AppLayout():
        app.Page()


def resident_megabytes() -> float:
    """Memory of this process now (Linux)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer months")
    quick = parser.parse_args().quick
    began = time.perf_counter()
    _, context = solara.render(Whole(), handle_error=False)
    print(f"first render                  {time.perf_counter() - began:8.2f} s")

    def click(label: str) -> None:
        next(button for button in context.find(v.Btn).widgets if label in button.children).click()

    click("Run 12 months")
    steps = []
    for _ in range(10 if quick else 60):
        began = time.perf_counter()
        click("Step")
        steps.append(time.perf_counter() - began)
    step = statistics.median(steps)
    print(f"step, overview shown, median  {1e3 * step:8.0f} ms  (target {1e3 * TARGETS['step']:.0f})")

    slider = next(s for s in context.find(v.Slider).widgets if s.label.startswith("Months between"))
    slider.v_model = INTERVAL
    months, began = 50 if quick else 200, time.perf_counter()
    first = int(context.find(solara.widgets.HTML, tag="h1").widget.unsafe_innerHTML.split()[1])
    click("Play")
    while int(context.find(solara.widgets.HTML, tag="h1").widget.unsafe_innerHTML.split()[1]) < first + months:
        time.sleep(0.25)  # looking at the page takes the interpreter from the play
    seconds = time.perf_counter() - began
    click("Pause")
    print(f"play, a picture every {INTERVAL} months {months / seconds:8.0f} months/s  (target {TARGETS['months']:.0f})")

    time.sleep(1.0)
    click("Reset")
    rounds = 10 if quick else 90
    sizes = []
    for _ in range(rounds):
        click("Run 12 months")
        sizes.append(resident_megabytes())
    half, last = sizes[len(sizes) // 2], sizes[-1]
    print(f"memory, {12 * rounds:4} months          {sizes[0]:8.0f} MB, half way {half:.0f}, at the end {last:.0f}")
    print(f"growth in the second half     {last - half:8.1f} MB  (target {TARGETS['memory']:.0f})")
    context.close()


if __name__ == "__main__":
    main()
