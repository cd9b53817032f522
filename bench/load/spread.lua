-- For wrk: each request takes the next of the targets (host and path, "localhost/") that are given after "--".

local requests = {}
local at = 0

function init(targets)
  for index, target in ipairs(targets) do
    local host, path = target:match("^([^/]+)(/.*)$")
    requests[index] = wrk.format("GET", path, { Host = host })
  end
end

function request()
  at = at % #requests + 1
  return requests[at]
end
