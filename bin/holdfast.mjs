#!/usr/bin/env node
// Plain JavaScript in old syntax, so that an old Node gets as far as the message below.
import { existsSync } from "node:fs"

const OLDEST_NODE = 24

if (Number(process.versions.node.split(".")[0]) < OLDEST_NODE) {
  console.error(`holdfast: Node.js ${OLDEST_NODE} or later is needed, this is ${process.versions.node}`)
  process.exit(1)
}

// A checkout has the source; the published package has only what was built from it.
const source = new URL("../src/cli/main.ts", import.meta.url)
const program = existsSync(source) ? source : new URL("../dist/main.js", import.meta.url)

import(program.href).then((cli) => cli.main(process.argv.slice(2)))
