"""Runs `prm serve` for a driver."""

import pathlib
import re
import subprocess
import time


def start_server(program, model, log_file, *flags):
    """(process, address); its log goes to `log_file`."""
    log_file = pathlib.Path(log_file)
    with open(log_file, "w", encoding="utf-8") as log:
        server = subprocess.Popen([program, "serve", "--model", model, "--listen", "127.0.0.1:0",
                                   *flags], stdout=log, stderr=log)
    while True:
        started = re.search(r"event=start listen=(\S+)", log_file.read_text(encoding="utf-8"))
        if started:
            return server, started[1]
        if server.poll() is not None:
            raise SystemExit(log_file.read_text(encoding="utf-8"))
        time.sleep(0.05)
