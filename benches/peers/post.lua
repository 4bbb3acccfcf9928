-- Makes wrk send what follows "--" on its command line, as JSON.
function init(args)
  wrk.method = "POST"
  wrk.headers["content-type"] = "application/json"
  wrk.body = args[1]
end
