# The routes as a workerd service. The socket's address and the directory come from the command line.
using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [(name = "routes", worker = .routes), (name = "files", disk = (writable = false))],
  sockets = [(name = "http", http = (), service = "routes")],
);

const routes :Workerd.Worker = (
  modules = [
    (name = "workerd.mjs", esModule = embed "workerd.mjs"),
    (name = "handlers.mjs", esModule = embed "handlers.mjs"),
  ],
  bindings = [(name = "FILES", service = "files")],
  compatibilityDate = "2026-11-01",
);
