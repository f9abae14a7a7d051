# SPDX-License-Identifier: Apache-2.0
"""The guests of this host, as casemated manages them.

    import casemate

    with casemate.connect() as host:
        for guest in host.list():
            print(guest.tenant, guest.name, guest.state)
        host.start("web", tenant="acme", event=lambda event: print(event.type, event.text))

On top of libcasemate.so.0 by ctypes: nothing to compile. What casemate.h says holds here too: who
may do what is decided by the host from who the caller is, and a connection is used by one thread at
a time. What is missing is None. Failures raise casemate.Error, whose `name` is that of the interface
org.casemate.Host ("NoSuchGuest", "Denied", ...) or of the library ("Connect", "Lost", ...).
"""

import ctypes
import os
from typing import Callable, Iterator, NamedTuple, Optional

__all__ = ["connect", "Host", "Error", "Guest", "Process", "Metrics", "Event", "Info"]

SOCKET = "/run/casemate/org.casemate.Host"

_POINTER = ctypes.c_void_p
_TEXT = ctypes.c_char_p
_NUMBER = ctypes.c_int64
_CODE = ctypes.c_int
_SIZE = ctypes.c_size_t
_OUT = ctypes.POINTER(_POINTER)
_CALLBACK = ctypes.CFUNCTYPE(_CODE, _POINTER, _POINTER)
_NO_CALLBACK = _CALLBACK()


class Process(NamedTuple):
    """A process of a guest, as its start gate saw it."""

    kind: str
    index: int
    pid: int
    uid: int
    threads: int
    syscalls: int
    context: Optional[str]
    filter_digest: str
    program_digest: str


class Guest(NamedTuple):
    """A guest at one moment. `processes` is empty in a list."""

    tenant: str
    name: str
    uuid: Optional[str]
    state: str
    mac: str
    cpus: int
    memory: int
    tenant_slot: int
    categories: Optional[str]
    context: Optional[str]
    store_id: Optional[int]
    started: Optional[int]
    guard: Optional[int]
    boots: Optional[int]
    quarantined_after: Optional[int]
    processes: tuple


class Metrics(NamedTuple):
    """What a guest has used since its start; None is what the host does not count."""

    cpu_usec: Optional[int]
    memory: Optional[int]
    memory_peak: Optional[int]
    threads: Optional[int]
    read_bytes: Optional[int]
    written_bytes: Optional[int]
    received_bytes: Optional[int]
    sent_bytes: Optional[int]
    uptime_usec: Optional[int]


class Event(NamedTuple):
    """Something that happened; `when` in microseconds since 1970."""

    tenant: Optional[str]
    guest: Optional[str]
    type: str
    when: int
    text: Optional[str]
    kind: Optional[str]
    index: Optional[int]
    pid: Optional[int]
    result: Optional[str]


class Info(NamedTuple):
    """The host."""

    version: str
    mac: str
    landlock_abi: int
    guests_running: int
    guests_known: int
    tenants: int
    started: int
    policy_digest: str
    context: Optional[str]


class Error(Exception):
    """`name` is the error's, `code` its number in casemate.h, `errno` the kernel's if it had one."""

    def __init__(self, name: str, code: int, text: str, errno: int):
        super().__init__(text)
        self.name = name
        self.code = code
        self.errno = errno


# Accessors that are not called like the field, and fields that are numbers.
_OTHER_NAMES = {("guest", "state"): "state_name", ("event", "type"): "type_name", ("event", "result"): "result_name"}
_NUMBERS = {
    "guest": {"cpus", "memory", "tenant_slot", "store_id", "started", "guard", "boots", "quarantined_after"},
    "process": {"index", "pid", "uid", "threads", "syscalls"},
    "event": {"when", "index", "pid"},
    "info": {"landlock_abi", "guests_running", "guests_known", "tenants", "started"},
}


def _load():
    """The library, or the one that CASEMATE_LIBRARY names, with the types of its functions."""
    library = ctypes.CDLL(os.environ.get("CASEMATE_LIBRARY", "libcasemate.so.0"), use_errno=True)
    name = [_TEXT, _TEXT]  # tenant, guest
    signatures = {
        "new": (_POINTER, []),
        "free": (None, [_POINTER]),
        "connect": (_CODE, [_POINTER, _TEXT]),
        "set_timeout": (None, [_POINTER, _CODE]),
        "error_text": (_TEXT, [_POINTER]),
        "error_errno": (_CODE, [_POINTER]),
        "error_name": (_TEXT, [_CODE]),
        "list": (_CODE, [_POINTER, _TEXT, _OUT]),
        "show": (_CODE, [_POINTER, *name, _OUT]),
        "start": (_CODE, [_POINTER, *name, _CALLBACK, _POINTER, _OUT]),
        "stop": (_CODE, [_POINTER, *name, _CODE]),
        "kill": (_CODE, [_POINTER, *name]),
        "pause": (_CODE, [_POINTER, *name]),
        "resume": (_CODE, [_POINTER, *name]),
        "quarantine": (_CODE, [_POINTER, *name]),
        "forget": (_CODE, [_POINTER, *name]),
        "get_metrics": (_CODE, [_POINTER, *name, _OUT]),
        "events": (_CODE, [_POINTER, *name, _CALLBACK, _POINTER]),
        "console": (_CODE, [_POINTER, *name, ctypes.POINTER(_CODE)]),
        "get_info": (_CODE, [_POINTER, _OUT]),
        "reload": (_CODE, [_POINTER]),
        "guests_count": (_SIZE, [_POINTER]),
        "guests_at": (_POINTER, [_POINTER, _SIZE]),
        "guests_free": (None, [_POINTER]),
        "guest_process_count": (_SIZE, [_POINTER]),
        "guest_process": (_POINTER, [_POINTER, _SIZE]),
        "guest_free": (None, [_POINTER]),
        "metrics_value": (_NUMBER, [_POINTER, _CODE]),
        "metrics_free": (None, [_POINTER]),
        "info_free": (None, [_POINTER]),
        "version": (_TEXT, []),
    }
    for kind, made in (("guest", Guest), ("process", Process), ("event", Event), ("info", Info)):
        for field in made._fields:
            if field != "processes":
                accessor = f"{kind}_{_OTHER_NAMES.get((kind, field), field)}"
                signatures[accessor] = (_NUMBER if field in _NUMBERS[kind] else _TEXT, [_POINTER])
    for word, (result, arguments) in signatures.items():
        function = getattr(library, "casemate_" + word)
        function.restype = result
        function.argtypes = arguments
    return library


_library = _load()


def _fields(kind, made, pointer):
    """Every field of an object, by its accessor."""
    for field in made._fields:
        if field == "processes":
            continue
        value = getattr(_library, f"casemate_{kind}_{_OTHER_NAMES.get((kind, field), field)}")(pointer)
        if isinstance(value, bytes):
            value = value.decode("utf-8", "replace")
        elif isinstance(value, int) and value < 0:
            value = None
        yield value


def _guest(pointer) -> Guest:
    processes = []
    for i in range(_library.casemate_guest_process_count(pointer)):
        process = _library.casemate_guest_process(pointer, i)
        processes.append(Process(*_fields("process", Process, process)))
    return Guest(*_fields("guest", Guest, pointer), tuple(processes))


def _bytes(text):
    return None if text is None else os.fsencode(text)


def version() -> str:
    """The library's version."""
    return _library.casemate_version().decode()


def connect(path: Optional[str] = None, timeout: Optional[float] = None) -> "Host":
    """A connection to the host's casemated, or to the socket at `path`."""
    return Host(path, timeout)


class Host:
    """A connection. `timeout` in seconds for each reply; None: any time."""

    def __init__(self, path: Optional[str] = None, timeout: Optional[float] = None):
        self._handle = _library.casemate_new()
        if not self._handle:
            raise MemoryError
        if timeout is not None:
            _library.casemate_set_timeout(self._handle, int(timeout * 1000))
        try:
            self._check(_library.casemate_connect(self._handle, _bytes(path)))
        except Error:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __del__(self):
        self.close()

    def close(self):
        """Disconnect."""
        handle, self._handle = getattr(self, "_handle", None), None
        if handle:
            _library.casemate_free(handle)

    def _open(self):
        if not self._handle:
            raise Error("Connect", 32, "the connection was closed", 0)
        return self._handle

    def _check(self, code):
        if code != 0:
            raise Error(
                _library.casemate_error_name(code).decode(),
                code,
                _library.casemate_error_text(self._handle).decode("utf-8", "replace"),
                _library.casemate_error_errno(self._handle),
            )

    def list(self, tenant: Optional[str] = None) -> "list[Guest]":
        """All guests that the caller may see."""
        out = _POINTER()
        self._check(_library.casemate_list(self._open(), _bytes(tenant), ctypes.byref(out)))
        try:
            count = _library.casemate_guests_count(out)
            return [_guest(_library.casemate_guests_at(out, i)) for i in range(count)]
        finally:
            _library.casemate_guests_free(out)

    def show(self, name: str, tenant: Optional[str] = None) -> Guest:
        """One guest with its processes."""
        out = _POINTER()
        self._check(_library.casemate_show(self._open(), _bytes(tenant), _bytes(name), ctypes.byref(out)))
        try:
            return _guest(out)
        finally:
            _library.casemate_guest_free(out)

    def _heard(self, event: Callable, raised: list):
        """A callback for the library. What it raises ends the call, and is raised there."""

        def hear(_context, pointer):
            try:
                return 1 if event(Event(*_fields("event", Event, pointer))) else 0
            except BaseException as error:  # it must not run through C
                raised.append(error)
                return 1

        return _CALLBACK(hear)

    def start(self, name: str, tenant: Optional[str] = None, event: Optional[Callable] = None) -> Optional[Guest]:
        """Start it and wait until it runs; None when `event` returned something true."""
        out, raised = _POINTER(), []
        callback = self._heard(event, raised) if event else _NO_CALLBACK
        code = _library.casemate_start(
            self._open(), _bytes(tenant), _bytes(name), callback, None, ctypes.byref(out)
        )
        if raised:
            raise raised[0]
        self._check(code)
        if not out:
            return None
        try:
            return _guest(out)
        finally:
            _library.casemate_guest_free(out)

    def stop(self, name: str, tenant: Optional[str] = None, seconds: Optional[int] = None):
        """Press its power button, end it by force after `seconds`, and wait until it has ended."""
        wait = -1 if seconds is None else seconds
        self._check(_library.casemate_stop(self._open(), _bytes(tenant), _bytes(name), wait))

    def kill(self, name: str, tenant: Optional[str] = None):
        """End it at once."""
        self._check(_library.casemate_kill(self._open(), _bytes(tenant), _bytes(name)))

    def pause(self, name: str, tenant: Optional[str] = None):
        """Freeze it."""
        self._check(_library.casemate_pause(self._open(), _bytes(tenant), _bytes(name)))

    def resume(self, name: str, tenant: Optional[str] = None):
        """Let it go on."""
        self._check(_library.casemate_resume(self._open(), _bytes(tenant), _bytes(name)))

    def quarantine(self, name: str, tenant: Optional[str] = None):
        """Freeze it for good, as evidence."""
        self._check(_library.casemate_quarantine(self._open(), _bytes(tenant), _bytes(name)))

    def forget(self, name: str, tenant: Optional[str] = None):
        """Remove for good what the TPM of a guest that does not run has stored."""
        self._check(_library.casemate_forget(self._open(), _bytes(tenant), _bytes(name)))

    def metrics(self, name: str, tenant: Optional[str] = None) -> Metrics:
        """Its counters."""
        out = _POINTER()
        self._check(_library.casemate_get_metrics(self._open(), _bytes(tenant), _bytes(name), ctypes.byref(out)))
        try:
            values = [_library.casemate_metrics_value(out, i) for i in range(len(Metrics._fields))]
            return Metrics(*(None if value < 0 else value for value in values))
        finally:
            _library.casemate_metrics_free(out)

    def events(self, event: Callable, name: Optional[str] = None, tenant: Optional[str] = None):
        """Call `event` for all that happens until it returns something true; then disconnected."""
        raised = []
        code = _library.casemate_events(
            self._open(), _bytes(tenant), _bytes(name), self._heard(event, raised), None
        )
        if raised:
            raise raised[0]
        self._check(code)

    def console(self, name: str, tenant: Optional[str] = None) -> int:
        """A descriptor, the caller's: the bytes of its serial port. Then disconnected."""
        out = _CODE(-1)
        self._check(_library.casemate_console(self._open(), _bytes(tenant), _bytes(name), ctypes.byref(out)))
        return out.value

    def info(self) -> Info:
        """The host."""
        out = _POINTER()
        self._check(_library.casemate_get_info(self._open(), ctypes.byref(out)))
        try:
            return Info(*_fields("info", Info, out))
        finally:
            _library.casemate_info_free(out)

    def reload(self):
        """Have the host policy read again."""
        self._check(_library.casemate_reload(self._open()))

    def __iter__(self) -> Iterator[Guest]:
        return iter(self.list())
