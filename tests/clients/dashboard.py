"""Every expression of the dashboard and of the alerts, asked of a Prometheus that scrapes the mirror.

Usage: dashboard.py ADDRESS, that of the mirror.
"""

import contextlib
import json
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

CONFIG = Path(__file__).parents[2] / "config"
# what is right to be empty where nothing runs
MAY_BE_EMPTY = ("> 0)", "tcia_mirror_collection_synced", "tcia_mirror_last_run_finished")
PATIENCE = 60


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def prometheus(target: str):
    """A Prometheus that scrapes a target and reads the alerts."""
    with tempfile.TemporaryDirectory() as scratch:
        config = Path(scratch) / "prometheus.yml"
        config.write_text(json.dumps({
            "global": {"scrape_interval": "1s"},
            "rule_files": [str(CONFIG / "prometheus" / "*.yml")],
            "scrape_configs": [{"job_name": "tcia-mirror", "static_configs": [{"targets": [target]}]}],
        }))
        listen = f"127.0.0.1:{free_port()}"
        command = ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={scratch}/data", f"--web.listen-address={listen}"]
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            yield f"http://{listen}"
        finally:
            server.terminate()
            server.wait()


def ask(base: str, expression: str) -> list:
    query = urllib.parse.urlencode({"query": expression})
    with urllib.request.urlopen(f"{base}/api/v1/query?{query}") as answer:
        return json.load(answer)["data"]["result"]


def wait_for_scrapes(base: str) -> None:
    """Waits for two of them: less is no rate."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        with contextlib.suppress(urllib.error.URLError, ConnectionError):
            found = ask(base, "count_over_time(tcia_mirror_build_info[1m])")
            if found and float(found[0]["value"][1]) > 1:
                return
        time.sleep(0.2)
    sys.exit("Prometheus does not see the mirror")


def main(address: str) -> None:
    target = address.removeprefix("http://")
    dashboard = json.loads((CONFIG / "grafana" / "tcia-mirror.json").read_text())
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    with prometheus(target) as base:
        wait_for_scrapes(base)
        for expression in expressions:
            asked = expression.replace("$instance", target).replace("$__rate_interval", "1m")
            if not ask(base, asked) and not any(part in expression for part in MAY_BE_EMPTY):
                sys.exit(f"nothing answers {asked}")
        # how full the disk of this machine is says nothing of the mirror
        firing = ask(base, 'ALERTS{alertname!~"TciaMirrorDiskFull|TciaMirrorNotReady"}')
    if firing:
        sys.exit(f"a mirror that does well raises {firing}")
    print(f"prometheus: {len(expressions)} expressions of the dashboard have answers, no alert is raised")


main(*sys.argv[1:])
