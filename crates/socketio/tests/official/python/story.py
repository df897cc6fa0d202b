"""What python-socketio's client sees, over the transports that the test names."""

import os
import sys
import threading

import socketio

LIMIT = 20
LARGE = 900_000
MANY = 2000

url, transports = sys.argv[1], sys.argv[2].split(",")


def connected(name, **options):
    """A client that is connected as `name`."""
    client = socketio.Client(reconnection_delay=0.02, reconnection_delay_max=0.1, **options)
    client.connect(url, auth={"token": "good", "name": name}, transports=transports)
    assert client.transport() == transports[-1], client.transport()
    return client


def once(client, event):
    """Waits for the next `event`; call what is returned."""
    happened = threading.Event()
    seen = []

    def note(*args):
        seen.append(args)
        happened.set()

    client.on(event, note)

    def wait():
        assert happened.wait(LIMIT), f"no {event}"
        return seen[0]

    return wait


def refused():
    client = socketio.Client(reconnection=False)
    why = once(client, "connect_error")
    try:
        client.connect(url, auth={"token": "bad"}, transports=transports)
        raise AssertionError("a stranger is connected")
    except socketio.exceptions.ConnectionError:
        pass
    assert why()[0] == {
        "message": "not authorized",
        "data": {"code": "invalid_token", "hint": "\u2028ünï"},
    }


def events(ana):
    values = (0, -1.5, "", "é 漢字 👩‍👩‍👧‍👦 \U0010ffff", "\u2028\0\x1e", True, None, [], {"a": [{"": 1}]})
    assert ana.call("echo", values) == list(values)
    back = once(ana, "back")
    ana.emit("send back", ("one", 2, {"three": 3}))
    assert back() == ("one", 2, {"three": 3})
    ana.on("question", lambda number: (number + 1, "more"))
    assert ana.call("ask me", 41) == [42, "more"]


def binary(ana):
    data = bytes(n * 7 % 256 for n in range(300))
    text, *attachments = ana.call("bytes", ("a", b"", {"b": [data, "c"]}))
    assert text == (
        '["a",{"_placeholder":true,"num":0},{"b":[{"_placeholder":true,"num":1},"c"]}]'
    ), text
    assert attachments == [b"", data]
    between = once(ana, "between")
    ana.emit("bytes between", b"\xde\xad")
    assert between() == (b"\xde\xad",)


def rooms(ana, bo):
    heard = once(bo, "said")
    bo.call("join", "kitchen")
    assert ana.call("say", ("kitchen", "hello")) == 1
    assert heard() == ("hello",)


def burst(ana):
    for n in range(MANY):
        ana.emit("count", n)
    assert ana.call("counted", timeout=LIMIT) == list(range(MANY))
    # Each handler of this client has a thread of its own, so only what came can be judged.
    items = []
    everything = threading.Event()

    def note(item):
        items.append(item)
        if len(items) == MANY:
            everything.set()

    ana.on("item", note)
    ana.emit("burst", MANY)
    assert everything.wait(LIMIT), len(items)
    assert sorted(items) == list(range(MANY))


def large(ana):
    text = "x" * LARGE
    assert ana.call("echo", text) == [text]


def partings():
    bo = connected("bo")
    gone = once(bo, "disconnect")
    bo.disconnect()
    assert gone() == (bo.reason.CLIENT_DISCONNECT,)

    cleo = connected("cleo")
    gone = once(cleo, "disconnect")
    cleo.emit("send me away")
    assert gone() == (cleo.reason.SERVER_DISCONNECT,)
    cleo.wait()

    dora = connected("dora")
    gone, back = once(dora, "disconnect"), once(dora, "connect")
    dora.emit("close me")
    (reason,) = gone()
    if reason == dora.reason.TRANSPORT_ERROR:
        back()
        assert dora.call("who") == "dora"
    else:
        # A poll that is answered with the end of the session is a goodbye to this client.
        assert reason == dora.reason.SERVER_DISCONNECT
        assert transports[-1] == "polling"


def main():
    refused()
    ana, bo = connected("ana"), connected("bo")
    assert ana.call("who") == "ana"
    events(ana)
    binary(ana)
    rooms(ana, bo)
    burst(ana)
    large(ana)
    partings()


try:
    main()
except BaseException as error:
    sys.excepthook(*sys.exc_info())
    sys.stderr.flush()
    # Threads of the clients must not keep the process.
    os._exit(1)
os._exit(0)
