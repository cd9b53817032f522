import { existsSync } from "node:fs"
import { type Edge, type EdgeOptions, type EdgeProgram, prependDirectives, startEdge } from "./edge.ts"

const NGINX = "/usr/sbin/nginx"

/** Why the comparison with nginx cannot run here, or false when it can: made for node:test's `skip`. */
export function nginxMissing(): string | false {
  return existsSync(NGINX) ? false : `${NGINX} is not installed (Debian: apt-get install nginx-light)`
}

/** Debian's nginx, with every file that it writes below the prefix. */
export const nginxProgram: EdgeProgram = {
  name: "nginx",
  command: NGINX,
  prepare(config, prefix) {
    const main: Record<string, string> = {
      daemon: "off",
      master_process: "on",
      worker_processes: "1",
      pid: `${prefix}/nginx.pid`,
      error_log: `${prefix}/error.log info`,
    }
    // Started by root, its workers would be "nobody" and could not write below the prefix.
    if (process.getuid?.() === 0) main["user"] = "root"
    return prependDirectives(withTempPaths(config, prefix), main)
  },
}

/** Starts nginx on `config` (`{prefix}` in it stands for the prefix folder) and waits until it accepts. */
export async function startNginx(config: string, options: EdgeOptions = {}): Promise<Edge> {
  return startEdge(nginxProgram, config, options)
}

/** Debian's build has absolute paths below /var; in their place come paths below the prefix. */
function withTempPaths(config: string, prefix: string): string {
  let inner = ""
  for (const name of ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]) {
    inner += ` ${name}_temp_path ${prefix}/${name}_temp;`
  }
  if (!config.includes("access_log")) inner += ` access_log ${prefix}/logs/access.log;`
  return config.replace(/(^|[\s;}])http\s*\{/, `$&${inner}`)
}
