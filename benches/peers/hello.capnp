# The hello example as a workerd service. The socket's address comes from the command line.
using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [(name = "hello", worker = .hello)],
  sockets = [(name = "http", http = (), service = "hello")],
);

const hello :Workerd.Worker = (
  modules = [(name = "server.js", esModule = embed "../../examples/hello/server.js")],
  compatibilityDate = "2026-11-01",
);
