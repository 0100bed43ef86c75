# SPDX-License-Identifier: LGPL-2.1-or-later
"""The live assets of an entry and their live params, asked of kaltura-sandbox in both vintages, faults included."""

import json
import subprocess

import pytest

from kaltura_api import ENTRY, SECRET, base_data, live_params, sandbox, source, start  # noqa: F401 (fixtures)
from klive import BUILD, SLOW


def list_assets(api, ks_partner=-5, partner=102, entry=ENTRY, profile=555):
    """The assets by their live params, or the error message."""
    done = subprocess.run([BUILD / "tests" / "kaltura" / "list-assets", api.url, api.api, str(ks_partner), SECRET,
                           str(partner), entry, str(profile)], text=True, capture_output=True, timeout=60 * SLOW)
    if done.stdout.startswith("error: "):
        return done.stdout.strip()
    assert done.returncode == 0, done.stderr
    return {a["liveParamsId"]: a for a in map(json.loads, done.stdout.splitlines())}


def without_id(asset):
    return {name: value for name, value in asset.items() if name != "id"}


def calls(api):
    return [(c["service"], c["action"], c["result"]) for c in api.state()["calls"]]


def test_who_may_ask_what(sandbox):                             # noqa: F811
    """The media server's own session and the customer's come to the same, by different calls."""
    sandbox.control("calls", method="DELETE")
    by_server = list_assets(sandbox)
    assert {n: without_id(a) for n, a in by_server.items()} == {
        32: {"liveParamsId": 32, "systemName": "Source", "tags": "source,ingest", "suffix": "1"},
        33: {"liveParamsId": 33, "systemName": "SD_360", "tags": "mbr,ipadnew", "suffix": None},
        36: {"liveParamsId": 36, "systemName": "Ingest_2", "tags": "mbr,ingest", "suffix": "2"}}
    assert calls(sandbox) == [("flavorasset", "list", "OK"), ("flavorparams", "list", "OK"),
                              ("conversionprofileassetparams", "list", "OK")]
    sandbox.control("calls", method="DELETE")
    assert list_assets(sandbox, ks_partner=102) == by_server
    assert {c[:2] for c in calls(sandbox)} >= {("flavorparams", "getByConversionProfileId")}
    assert all(a["systemName"] is None for a in list_assets(sandbox, profile=0).values())


@pytest.mark.parametrize("api", ["current", "2014"])
def test_more_than_a_page(start, api):                          # noqa: F811
    """520 flavors: two pages of each list."""
    data = base_data()
    data["liveParams"] = [source()] + [live_params(1000 + i, f"flavor{i}") for i in range(519)]
    data["conversionProfiles"] = [{"id": 555, "partnerId": 102, "liveParams": [p["id"] for p in data["liveParams"]]}]
    many = start(data, api)
    assets = list_assets(many)
    assert len(assets) == 520 and assets[1518]["systemName"] == "flavor518"
    assert [c[0] for c in calls(many)] == [s for s in ("flavorasset", "flavorparams", "conversionprofileassetparams")
                                           for _ in range(2)]


def test_faults(sandbox):                                       # noqa: F811
    """Without flavors there still are assets; without assets there is an error."""
    assert "ENTRY_ID_NOT_FOUND" in list_assets(sandbox, entry="0_nosuch00")
    faults = [{"kind": "error", "code": "SERVICE_FORBIDDEN"}, {"kind": "status"}, {"kind": "garbage"}, {"kind": "html"},
              {"kind": "empty"}, {"kind": "cut"}]
    for fault in faults:
        sandbox.fault(service="flavorparams", **fault)
        assert [a["systemName"] for a in list_assets(sandbox).values()] == [None] * 3, fault
        sandbox.control("faults", method="DELETE")
        sandbox.fault(service="flavorasset", **fault)
        assert isinstance(list_assets(sandbox), str), (fault, calls(sandbox)[-4:])
        sandbox.control("faults", method="DELETE")
    sandbox.fault(service="flavorparams", action="getByConversionProfileId", kind="error", code="SERVICE_FORBIDDEN")
    assert [a["systemName"] for a in list_assets(sandbox, ks_partner=102).values()] == ["Source", "SD_360", "Ingest_2"]
    sandbox.control("faults", method="DELETE")
