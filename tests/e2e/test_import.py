# SPDX-License-Identifier: LGPL-2.1-or-later
"""klive-launcher import-server-xml: a klive.conf that check-config takes, exit codes, what is said where."""

import grp
import os
import subprocess

import klive

WOWZA = klive.ROOT / "tests" / "data" / "wowza"
SECRET = "0123456789abcdef"


def run(*arguments, cwd=WOWZA):
    return subprocess.run([klive.LAUNCHER, *arguments], cwd=cwd, capture_output=True, text=True,
                          timeout=20 * klive.SLOW, env=klive.environment())


def test_what_is_printed_is_a_configuration(tmp_path):
    done = run("import-server-xml", "Server.xml", "Application.xml")
    assert done.returncode == 0, done.stderr
    config = tmp_path / "klive.conf"
    group = grp.getgrgid(os.getgid()).gr_name      # as "kaltura" is on Kaltura's machines only
    config.write_text(done.stdout.replace("\ngroup=kaltura\n", f"\ngroup={group}\n"))
    checked = run("check-config", "--config", config)
    assert checked.returncode == 0, checked.stderr
    assert SECRET in done.stdout and SECRET not in done.stderr
    notes = done.stderr.splitlines()
    assert any(n.startswith("Server.xml:82: MulticastIP: ") for n in notes), notes
    assert all(f"# {n}" in done.stdout for n in notes)


def test_exit_codes(tmp_path):
    broken = tmp_path / "Server.xml"
    broken.write_text("<Root>\n<Server>\n<Properties>\n</Server>\n</Root>\n")
    for arguments, code, message in (([], 2, "which files?"), (["--what"], 2, "--what"),
                                     ([tmp_path / "none.xml"], 3, "none.xml"),
                                     ([broken], 3, f"{broken}: broken XML, line"),
                                     (["Application.xml"], 3, "KalturaServerURL")):
        done = run("import-server-xml", *arguments)
        assert (done.returncode, done.stdout) == (code, ""), (arguments, done)
        assert message in done.stderr, (arguments, done.stderr)
