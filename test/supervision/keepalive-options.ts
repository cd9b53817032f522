import { run } from "../support/holdfast.ts"

/** SO_KEEPALIVE, TCP_KEEPIDLE, TCP_KEEPINTVL (seconds) and TCP_KEEPCNT of a socket. */
export type KeepaliveOptions = readonly [isOn: boolean, idle: number, interval: number, count: number]

/** Borrows sockets of another process (pidfd_getfd(2)) and asks the kernel what is set on them. */
const READER = `
import ctypes, json, os, socket, sys
pid, side, port = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
inodes = set()
for line in open("/proc/net/tcp").read().splitlines()[1:]:
    field = line.split()
    end = field[1] if side == "local" else field[2]
    if field[3] == "01" and int(end.split(":")[1], 16) == port:
        inodes.add("socket:[%s]" % field[9])
libc = ctypes.CDLL(None, use_errno=True)
pidfd = os.pidfd_open(pid)
found = []
for fd in os.listdir("/proc/%d/fd" % pid):
    try:
        target = os.readlink("/proc/%d/fd/%s" % (pid, fd))
    except OSError:
        continue
    if target not in inodes:
        continue
    copy = libc.syscall(438, pidfd, int(fd), 0)
    if copy < 0:
        raise OSError(ctypes.get_errno(), "pidfd_getfd")
    s = socket.socket(fileno=copy)
    tcp = socket.IPPROTO_TCP
    found.append([
        s.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) != 0,
        s.getsockopt(tcp, socket.TCP_KEEPIDLE),
        s.getsockopt(tcp, socket.TCP_KEEPINTVL),
        s.getsockopt(tcp, socket.TCP_KEEPCNT),
    ])
print(json.dumps(found))
`

/** Those of the established connections of process `pid` whose local or remote port is `port`. */
export async function keepaliveOptions(
  pid: number,
  side: "local" | "remote",
  port: number,
): Promise<KeepaliveOptions[]> {
  const { status, stdout, stderr } = await run("/usr/bin/python3", [
    "-c",
    READER,
    String(pid),
    side,
    String(port),
  ])
  if (status !== 0) throw new Error(stderr)
  return JSON.parse(stdout)
}
