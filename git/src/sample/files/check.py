#!/usr/bin/env python3
"""Checks a timetable: ./tools/check.py FILE"""

import json
import pathlib


REQUIRED = ["from", "to", "leaves", "ship"]


def departures(path):
    return json.loads(pathlib.Path(path).read_text(encoding="utf-8"))


def missing(departure):
    return [field for field in REQUIRED if field not in departure]


def check(path):
    faults = []
    for number, departure in enumerate(departures(path), start=1):
        for field in missing(departure):
            faults.append(f"departure {number}: no {field}")
    return faults


if __name__ == "__main__":
    import sys

    faults = check(sys.argv[1])
    print("\n".join(faults) or "good")
    sys.exit(bool(faults))
