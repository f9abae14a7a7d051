# SPDX-License-Identifier: Apache-2.0
"""What tests/golden/cli/bindings.replies says, through the Python binding: binding.py SOCKET."""

import os
import sys

import casemate


def attempt(call):
    try:
        call()
    except casemate.Error as error:
        print(error.name)


def heard(event):
    print("event", event.tenant or "-", event.guest or "-", event.type, event.text or "-")
    return event.type == "ended"


path = sys.argv[1]
with casemate.connect(path, timeout=20) as host:
    for guest in host.list():
        print(guest.tenant, guest.name, guest.state, guest.cpus, guest.memory, guest.context or "-")
    web = host.show("web", tenant="acme")
    for process in web.processes:
        print(process.kind, process.index, process.pid, process.uid, process.context or "-")
    print(host.start("web", tenant="acme", event=heard).state)
    host.stop("web", seconds=5)
    attempt(lambda: host.kill("web"))
    attempt(lambda: host.pause("No Name"))
    metrics = host.metrics("web")
    print(metrics.cpu_usec, "-" if metrics.memory is None else metrics.memory)
    print(host.info().version)
    host.events(heard)
with casemate.connect(path, timeout=20) as host:
    console = host.console("web")
    text = b""
    while not text.endswith(b"login: "):
        text += os.read(console, 64)
    print(text.decode())
    os.close(console)
with casemate.connect(path, timeout=20) as host:
    attempt(lambda: host.show("web"))
attempt(lambda: casemate.connect("/nowhere/at/all"))
