/** What stands around a part of a configuration: the nginx.conf that includes it, and the groups of its neighbours. */
import { existsSync } from "node:fs"
import { dirname, join, resolve } from "node:path"
import { HoldfastError } from "../base/error.ts"
import { filesOf, readConfiguration } from "../check/input.ts"
import type { Tree } from "../check/tree.ts"

/** The nginx.conf above the folder of `file`, where there is one. */
export function mainFileOf(file: string): string | undefined {
  const path = join(dirname(file), "..", "nginx.conf")
  return existsSync(path) ? path : undefined
}

/** Names of upstreams that other files have, which `file` cannot use again. */
export function takenUpstreams(file: string): Set<string> {
  const names = new Set<string>()
  for (const path of neighboursOf(file)) {
    const http = readOrNothing(path)?.root.own("http") ?? []
    for (const upstream of http.flatMap((block) => block.own("upstream")))
      if (resolve(upstream.position.file) !== file) names.add(upstream.args[0] ?? "")
  }
  return names
}

/** Whether `mainFile` includes `file`. */
export function includes(mainFile: string, file: string): boolean {
  const files = readOrNothing(mainFile)?.files.keys() ?? []
  return [...files].some((path) => resolve(path) === file)
}

function neighboursOf(file: string): readonly string[] {
  const main = mainFileOf(file)
  if (main !== undefined) return [main]
  try {
    return filesOf(dirname(file))
  } catch (error) {
    if (error instanceof HoldfastError) return []
    throw error
  }
}

/** What cannot be read is not what is written here: `-t` will speak of it. */
function readOrNothing(path: string): Tree | undefined {
  try {
    return readConfiguration(path)
  } catch (error) {
    if (error instanceof HoldfastError) return undefined
    throw error
  }
}
