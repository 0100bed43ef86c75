# SPDX-License-Identifier: LGPL-2.1-or-later
"""Builds klive twice (plain, with ASan and UBSan) and runs lint, unit tests and end-to-end tests.

Called by tests/run. Prints what it does and how long each phase took; the last line alone is
"N passed, N failed, N skipped", counting single test cases.
"""

import json
import os
import re
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SUITES = ("kaltura", "elements", "app")
BUILDS = {
    "build": ["-Dwerror=true"],
    "build-asan": ["-Dwerror=true", "-Db_sanitize=address,undefined", "-Db_lundef=false",
                   # GStreamer's headers read unaligned where the processor can
                   "-Dc_args=-fno-sanitize=alignment"],
}
# End-to-end tests that also run with sanitized programs: a broadcast in all its forms, and who survives whom.
SANITIZED = ["e2e/test_broadcast.py", "e2e/test_lifetimes.py"]
UNIT_TIMEOUT = 600      # s, for all unit tests of one build
E2E_TIMEOUT = 1500      # s
JOBS = "3"              # end-to-end test files at a time: mostly they wait, so two cores carry three


class Counts:
    """Test cases so far."""

    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self.phases = []

    def add(self, passed, failed=0, skipped=0):
        self.passed += passed
        self.failed += failed
        self.skipped += skipped


def say(text):
    print(text, flush=True)


class phase:
    """Announces a phase and tells its time."""

    def __init__(self, counts, name):
        self.counts, self.name = counts, name

    def __enter__(self):
        say(f"==> {self.name}")
        self.start = time.monotonic()
        self.before = (self.counts.passed, self.counts.failed, self.counts.skipped)

    def __exit__(self, *_):
        took = time.monotonic() - self.start
        after = (self.counts.passed, self.counts.failed, self.counts.skipped)
        passed, failed, skipped = (a - b for a, b in zip(after, self.before))
        line = f"{self.name}: {took:.1f} s"
        if passed or failed or skipped:
            line += f", {passed} ok, {failed} not ok, {skipped} left out"
        self.counts.phases.append(line)
        say(f"<== {line}")


def quietly(arguments):
    """Runs a command and shows its output only if it fails. Returns whether it worked."""
    done = subprocess.run(arguments, cwd=ROOT, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    if done.returncode:
        say(done.stdout)
    return done.returncode == 0


def build(directory):
    """Configures and builds below ROOT. Returns whether that worked."""
    if not (ROOT / directory / "build.ninja").exists():
        say(f"configuring {directory}")
        if not quietly(["meson", "setup", directory, *BUILDS[directory]]):
            return False
    elif not warnings_are_errors(directory) and not quietly(["meson", "configure", directory, "-Dwerror=true"]):
        return False
    quietly(["ninja", "-C", directory, "build.ninja"])
    return subprocess.call(["ninja", "-C", directory], cwd=ROOT, stdin=subprocess.DEVNULL) == 0


def warnings_are_errors(directory):
    listed = subprocess.run(["meson", "introspect", "--buildoptions", directory], cwd=ROOT, text=True,
                            capture_output=True)
    return any(option["name"] == "werror" and option["value"] for option in json.loads(listed.stdout))


def count_check(output):
    """The counts of a gstcheck program, which is one exit code for meson: (checks, failed) or None."""
    found = re.findall(r"Checks: (\d+), Failures: (\d+), Errors: (\d+)", output or "")
    if not found:
        return None
    checks = sum(int(f[0]) for f in found)
    return checks, sum(int(f[1]) + int(f[2]) for f in found)


def count_junit(path):
    """Counts the cases of meson's or pytest's junit file."""
    passed = failed = skipped = 0
    for suite in ElementTree.parse(path).getroot().iter("testsuite"):
        suite_checks = count_check(suite.findtext("system-out"))
        for case in suite.iter("testcase"):
            bad = case.find("failure") is not None or case.find("error") is not None
            checks = count_check(case.findtext("system-out"))
            if not checks and len(suite.findall("testcase")) == 1:
                checks = suite_checks
            if case.find("skipped") is not None:
                skipped += 1
            elif checks:
                passed += checks[0] - checks[1]
                failed += max(checks[1], int(bad))
            else:
                failed += bad
                passed += not bad
    return passed, failed, skipped


def registered_tests(directory):
    """[(suite, name)] of a build."""
    listed = subprocess.run(["meson", "introspect", "--tests", directory], cwd=ROOT, text=True, capture_output=True)
    return [(suite.split(":")[-1], test["name"]) for test in json.loads(listed.stdout) for suite in test["suite"]]


def unit(counts, directory, names):
    """Runs the unit tests of a build: all, whole suites, or single tests ("suite/test")."""
    for name in names:
        if not any(name in (suite, f"{suite}/{test}") for suite, test in registered_tests(directory)):
            say(f"no such test: {name}")
            counts.add(0, 1)
    chosen = sorted({test for suite, test in registered_tests(directory)
                     if not names or suite in names or f"{suite}/{test}" in names})
    if not chosen:
        return
    junit = ROOT / directory / "meson-logs" / "testlog.junit.xml"
    junit.unlink(missing_ok=True)
    log = ROOT / directory / "meson-logs" / "run.txt"
    with open(log, "w") as out:
        status = subprocess.call(["meson", "test", "-C", directory, "--no-rebuild", "--num-processes", "2",
                                  "--print-errorlogs", *chosen],
                                 cwd=ROOT, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                                 timeout=UNIT_TIMEOUT)
    if status or not junit.exists():
        say(log.read_text(errors="replace"))
    if not junit.exists():
        counts.add(0, 1)
        return
    passed, failed, skipped = count_junit(junit)
    if status and not failed:
        failed = 1
    counts.add(passed, failed, skipped)


def lint(counts):
    output = subprocess.run([ROOT / "tests" / "lint"], cwd=ROOT, text=True, stdout=subprocess.PIPE,
                            stdin=subprocess.DEVNULL)
    sys.stdout.write(output.stdout)
    done = re.findall(r"^(ok|not ok) ", output.stdout, re.M)
    bad = done.count("not ok")
    counts.add(len(done) - bad, bad if bad or not output.returncode else 1)


def e2e(counts, names, directory="build"):
    paths = [f"tests/{n}" for n in names] or ["tests/e2e"]
    junit = ROOT / directory / "e2e.xml"
    env = {**os.environ, "KLIVE_BUILD": str(ROOT / directory)}
    if directory != "build":
        env.setdefault("KLIVE_TEST_SLOW", "3")
    junit.unlink(missing_ok=True)
    status = subprocess.call(
        ["/usr/bin/python3", "-m", "pytest", "-c", "tests/e2e/pytest.ini", "--rootdir", "tests/e2e",
         "-n", os.environ.get("KLIVE_TEST_JOBS", JOBS), "--dist", "loadfile", f"--junitxml={junit}", *paths],
        cwd=ROOT, stdin=subprocess.DEVNULL, timeout=E2E_TIMEOUT, env=env)
    if not junit.exists():
        counts.add(0, 1)
        return
    passed, failed, skipped = count_junit(junit)
    if status not in (0, 1, 5) and not failed:
        failed = 1
    counts.add(passed, failed, skipped)


def main(names):
    names = [re.sub(r"^tests/", "", n).rstrip("/") for n in names]
    for name in names:
        head = name.split("/")[0]
        if head not in (*SUITES, "lint", "e2e", "build"):
            say(f"tests/run: unknown name '{name}' (lint, build, {', '.join(SUITES)}, e2e, SUITE/TEST, e2e/FILE.py)")
            return 2
    everything = not names
    unit_names = [n for n in names if n.split("/")[0] in SUITES]
    e2e_names = [n for n in names if n.split("/")[0] == "e2e"]
    counts = Counts()
    built_asan = False
    os.environ.setdefault("GIO_USE_PROXY_RESOLVER", "dummy")

    with phase(counts, "build"):
        built = build("build")
        counts.add(0, 0 if built else 1)
    if everything or "lint" in names:
        with phase(counts, "lint"):
            lint(counts)
    if built and (everything or unit_names):
        with phase(counts, "unit tests"):
            unit(counts, "build", unit_names)
        with phase(counts, "build with ASan and UBSan"):
            built_asan = build("build-asan")
            counts.add(0, 0 if built_asan else 1)
        if built_asan:
            with phase(counts, "unit tests with ASan and UBSan"):
                unit(counts, "build-asan", unit_names)
    if built and (everything or e2e_names):
        with phase(counts, "end-to-end tests"):
            e2e(counts, e2e_names)
    if everything and built and built_asan:
        with phase(counts, "end-to-end tests with ASan and UBSan"):
            e2e(counts, SANITIZED, "build-asan")

    say("")
    for line in counts.phases:
        say(line)
    say(f"{counts.passed} passed, {counts.failed} failed, {counts.skipped} skipped")
    return 1 if counts.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
