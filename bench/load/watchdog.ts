// Ends what the measurements have started, should they end without doing so themselves (SIGKILL, a crash): a
// program of its own that hears of each process by "+pid" and "-pid" lines on standard input, and acts at its end.

const GRACE_MS = 2000
const pids = new Set<number>()
let rest = ""

function end(signal: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal)
    } catch {
      pids.delete(pid)
    }
  }
}

process.stdin.setEncoding("latin1").on("data", (text: string) => {
  const lines = (rest + text).split("\n")
  rest = lines.pop() ?? ""
  for (const line of lines) {
    if (line.startsWith("+")) pids.add(Number(line.slice(1)))
    else pids.delete(Number(line.slice(1)))
  }
})
process.stdin.on("end", () => {
  end("SIGTERM")
  if (pids.size > 0) setTimeout(() => end("SIGKILL"), GRACE_MS)
})
// A signal to the whole group (^C) must not end it before its work is done.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {})
