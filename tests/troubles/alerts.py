"""Alerts held against what a replica really told: its samples are played to the rules by `promtool`."""

import http.client
import json
import os
import re
import subprocess
import threading
import time

# Seconds for which an issue must stay before its samples are played on.
STEADY = 5
# Seconds for which samples are played on as the last ones were: longer than any rule waits.
HELD = 400
PACE_OVER = 5
COUNTERS = ("_total", "_bucket", "_count", "_sum")


class Samples:
    """Metrics of a replica, once a second, of those that the rules name."""

    def __init__(self, group, replica, rules):
        self.group, self.replica = group, replica
        with open(rules, encoding="utf-8") as text:
            self.names = set(re.findall(r"\bquorate_\w+", text.read()))
        self.taken = []
        self.is_over = False
        self.thread = threading.Thread(target=self._take, daemon=True)
        self.thread.start()

    def _take(self):
        while not self.is_over:
            begun = time.monotonic()
            try:
                lines = self.group.ask(self.replica, "/metrics", seconds=1).splitlines()
                self.taken.append(dict(filter(None, map(self._series, lines))))
            except (OSError, ValueError, http.client.HTTPException):
                self.taken.append({})
            time.sleep(max(0.0, begun + 1 - time.monotonic()))

    def _series(self, line):
        """Series and value of a line, with the instance among the labels."""
        found = re.match(r"(quorate_\w+?)(?:\{(.*)\})? (\S+)$", line)
        if not found or found[1] not in self.names:
            return None
        labels = f',{found[2]}' if found[2] else ""
        return f'{found[1]}{{instance="a"{labels}}}', found[3]

    def end(self):
        self.is_over = True
        self.thread.join()
        return self.taken


def held(name, row):
    """What follows: a gauge stays, a counter goes on at its last pace, what is not told is not."""
    before, last = row[-min(len(row), PACE_OVER + 1)], row[-1]
    if last == "_":
        return ""
    is_counter = name.split("{")[0].endswith(COUNTERS)
    grew = float(last) - float(before) if is_counter and before != "_" else 0.0
    pace = max(0.0, grew) / PACE_OVER  # a restart begins at 0 again
    return f" {last}+{pace:.6f}x{HELD}"


def is_steady(issue, taken):
    """Whether each of the last samples tells the issue: what comes and goes is not to be held."""
    told = f'quorate_issue{{instance="a",kind="{issue}"}}'
    return len(taken) >= STEADY and all(float(sample.get(told, 0)) == 1 for sample in taken[-STEADY:])


def play(alert, taken, rules, folder, promtool, is_firing):
    """Holds an alert, which fires or not, against these samples and those that follow if all stays as in the last ones."""
    series = sorted({name for sample in taken for name in sample})
    values = {name: [sample.get(name, "_") for sample in taken] for name in series}
    values['up{job="quorate",instance="a"}'] = ["1" if sample else "0" for sample in taken]
    told = [{"series": name, "values": " ".join(row) + held(name, row)} for name, row in values.items()]
    end = len(taken) + HELD
    firing = f'count(max_over_time(ALERTS{{alertname="{alert}",alertstate="firing"}}[{end}s]))'
    expected = [{"labels": "{}", "value": 1}] if is_firing else []
    tests = [{"interval": "1s", "input_series": told, "promql_expr_test": [
        {"expr": firing, "eval_time": f"{end}s", "exp_samples": expected}]}]
    file = f"{folder}/{alert}.yml"
    with open(file, "w", encoding="utf-8") as out:  # JSON is YAML
        json.dump({"rule_files": [os.path.abspath(rules)], "evaluation_interval": "1s", "tests": tests}, out)
    ran = subprocess.run([promtool, "test", "rules", file], capture_output=True, text=True)
    if ran.returncode != 0:
        raise AssertionError(f"{alert} {'does not fire' if is_firing else 'fires while all is well'}: {ran.stdout}{ran.stderr}")
