/** `holdfast graph`: the routing of a configuration as a picture. */
import { writeFileSync } from "node:fs"
import { parseCommandLine } from "../base/command-line.ts"
import { errnoText } from "../base/errno.ts"
import { HoldfastError } from "../base/error.ts"
import { checkTree } from "../check/engine.ts"
import { buildGraph } from "../check/graph/build.ts"
import { type Graph, onlyServers } from "../check/graph/graph.ts"
import { formatMermaid } from "../check/graph/mermaid.ts"
import { formatSvg } from "../check/graph/svg.ts"
import { filesOf, readConfiguration } from "../check/input.ts"
import { RULES } from "../check/rules/index.ts"
import { parseTarget } from "../check/target.ts"

const USAGE = `Usage: holdfast graph [options] FILE

Draws where requests go: listeners, servers, locations in the order in which nginx decides, upstreams and their
peers, with the ways of WebSockets and what holdfast check finds. FILE is an nginx.conf, a folder such as
/etc/nginx, or standard input (-).

Options:
  --format FORMAT        svg or mermaid (default: svg)
  --output FILE          write there (default: standard output)
  --server NAME          only the servers of that name
  --target TARGET        holdfast, or a version of nginx such as nginx/1.22 (default: holdfast)
  --location PATH        take the location of that path for one of WebSockets; may be repeated
  -h, --help             this help

Exit status: 0 drawn, 2 input that cannot be read.
`

/** Runs the command; returns the exit status. */
export function graphCommand(args: readonly string[]): number {
  try {
    return run(parseWords(args))
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error
    process.stderr.write(`holdfast graph: ${error.describe()}\n`)
    return 2
  }
}

function parseWords(args: readonly string[]) {
  return parseCommandLine({
    args: [...args],
    allowPositionals: true,
    options: {
      format: { type: "string", default: "svg" },
      output: { type: "string" },
      server: { type: "string" },
      target: { type: "string", default: "holdfast" },
      location: { type: "string", multiple: true, default: [] },
      help: { type: "boolean", short: "h", default: false },
    },
  })
}

function run({ values, positionals }: ReturnType<typeof parseWords>): number {
  if (values.help) {
    process.stdout.write(USAGE)
    return 0
  }
  const { format, server } = values
  if (format !== "svg" && format !== "mermaid")
    throw new HoldfastError("USAGE", `invalid --format "${format}": one of svg, mermaid`)
  const target = parseTarget(values.target)
  const file = oneFile(positionals)
  const result = checkTree(readConfiguration(file), target, RULES, { paths: values.location })
  const whole = buildGraph(result, file)
  const graph = server === undefined ? whole : ofServer(whole, server)
  const text = format === "svg" ? formatSvg(graph) : formatMermaid(graph)
  if (values.output === undefined) process.stdout.write(text)
  else writeOutput(values.output, text)
  return 0
}

function oneFile(paths: readonly string[]): string {
  const [path] = paths
  if (path === undefined || paths.length > 1)
    throw new HoldfastError("USAGE", "one file is drawn at a time; see holdfast graph --help")
  const files = filesOf(path)
  if (files.length > 1)
    throw new HoldfastError("USAGE", `"${path}" has no nginx.conf but several files: name one of them`)
  return files[0] as string
}

function ofServer(graph: Graph, name: string): Graph {
  const found = onlyServers(graph, name)
  if (found !== null) return found
  const names = [...new Set(graph.servers.flatMap(({ names }) => names))].filter((one) => one !== "")
  const some = names.slice(0, 8).join(", ") + (names.length > 8 ? ", …" : "")
  throw new HoldfastError(
    "USAGE",
    `no server has the name "${name}"${some === "" ? "" : `; there are ${some}`}`,
  )
}

function writeOutput(path: string, text: string): void {
  try {
    writeFileSync(path, text)
  } catch (error) {
    throw new HoldfastError("FILE", `open() "${path}" failed (${errnoText(error as NodeJS.ErrnoException)})`)
  }
}
