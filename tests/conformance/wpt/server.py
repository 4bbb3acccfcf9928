"""The server of the Web Platform Tests: wptserve for the files and their handlers, pywebsocket3 for WebSockets.

    python3 server.py <directory of the tests>

Finds the Python packages where PYTHONPATH says. Listens on free ports of the loopback addresses, prints the first of
HTTP on a line of its own when all of them take connections, and ends when its standard input does.
"""

import importlib
import logging
import multiprocessing
import os
import pkgutil
import socket
import sys
import threading

import pywebsocket3
from pywebsocket3 import standalone
from pywebsocket3.websocket_server import WebSocketServer
from wptserve.config import Config, ConfigBuilder
from wptserve.server import WebTestHttpd
from wptserve.stash import StashServer

HOST = "127.0.0.1"
# The name under which the tests know the server; its other origins are the address and the second port.
NAME = "localhost"
HELD = []
MOVED = [("GET", "/resources/WebIDLParser.js", "/resources/webidl2/lib/webidl2.js")]


def answer_to_the_old_name():
    """The handlers of the tests import pywebsocket3 as mod_pywebsocket."""
    sys.modules["mod_pywebsocket"] = pywebsocket3
    for module in pkgutil.iter_modules(pywebsocket3.__path__):
        found = importlib.import_module(f"pywebsocket3.{module.name}")
        sys.modules[f"mod_pywebsocket.{module.name}"] = found


def with_closed_ports(data):
    """Gives the protocols that are not served a port that nobody listens on: files that only name it can be read then."""
    ports = {**data["ports"], **{name: [refusing(), refusing()] for name in ("https", "wss", "h2")}}
    return Config({**data, "ports": ports})


def refusing():
    """A port of this process that takes no connections."""
    held = socket.socket()
    held.bind((HOST, 0))
    HELD.append(held)
    return held.getsockname()[1]


def websocket_options(tests, port):
    """As pywebsocket3's own program has them."""
    handlers = os.path.join(tests, "websockets/handlers")
    arguments = ["--server-host", HOST, "--port", str(port), "--document-root", tests]
    arguments += ["--websock-handlers", handlers, "--scan-dir", handlers, "--log-level", "critical"]
    options, _ = standalone._parse_args_and_config(arguments)
    options.cgi_directories = []
    options.is_executable_method = None
    return options


def main(tests):
    # What a handler does not like about a request is for the tests to tell.
    logging.basicConfig(level=logging.CRITICAL)
    answer_to_the_old_name()
    # Before the others: it is a process, and what it is forked from should have no threads.
    with StashServer(mp_context=multiprocessing.get_context("fork")):
        builder = ConfigBuilder(
            logging.getLogger(),
            browser_host=NAME,
            alternate_hosts={"alt": HOST},
            config_cls=with_closed_ports,
            subdomains={"www", "www1", "www2"},
            doc_root=tests,
            ports={"http": ["auto", "auto"], "ws": ["auto"]},
            ssl={"type": "none"},
        )
        with builder as config:
            http = [
                WebTestHttpd(HOST, port, doc_root=tests, rewrites=MOVED, config=config, bind_address=True)
                for port in config.ports["http"]
            ]
            for server in http:
                server.start()
            websockets = WebSocketServer(websocket_options(tests, config.ports["ws"][0]))
            threading.Thread(target=websockets.serve_forever, daemon=True).start()
            print(http[0].port, flush=True)
            sys.stdin.read()


main(os.path.realpath(sys.argv[1]))
