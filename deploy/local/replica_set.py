"""Makes the mongod on the given port a replica set of one and waits until it takes writes."""

import signal
import sys
import time

# A Ctrl-C ends this quietly, also during the import below.
signal.signal(signal.SIGINT, signal.SIG_DFL)

from pymongo import MongoClient
from pymongo.errors import PyMongoError

SECONDS = 60


def main() -> None:
    member = f"127.0.0.1:{int(sys.argv[1])}"
    admin = MongoClient(member, directConnection=True, serverSelectionTimeoutMS=2000).admin
    deadline = time.monotonic() + SECONDS
    last_error = None
    while time.monotonic() < deadline:
        try:
            hello = admin.command("hello")
            if hello["isWritablePrimary"]:
                return
            if hello.get("isreplicaset"):  # a member of no set yet
                members = [{"_id": 0, "host": member}]
                admin.command("replSetInitiate", {"_id": "rs0", "members": members})
        except PyMongoError as error:
            last_error = error
        time.sleep(0.1)
    sys.exit(f"mongod on {member} takes no writes after {SECONDS} seconds: {last_error}")


main()
