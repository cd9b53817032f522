/**
 * Makes the skeleton of a rule of `check`: its file and its test. `node scripts/new-rule.ts websocket-something`; then
 * name it in src/check/rules/index.ts and run `npm run docs`.
 */
import { existsSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { fileURLToPath } from "node:url"

const ROOT = fileURLToPath(new URL("..", import.meta.url))

/** The texts of the files of a new rule, by their paths. Throws where `id` is no name of a rule. */
export function skeleton(id: string): Map<string, string> {
  if (!/^[a-z0-9]+(?:-[a-z0-9]+)*$/.test(id))
    throw new Error(`"${id}" is no name of a rule: words-with-dashes`)
  const name = id.replaceAll(/-(.)/g, (_, letter: string) => letter.toUpperCase())
  return new Map([
    [`src/check/rules/${id}.ts`, source(id, name)],
    [`test/check/${id}.test.ts`, test(id, name)],
  ])
}

function source(id: string, name: string): string {
  return `import { describe, effective } from "../effective.ts"
import { rule } from "../rule.ts"

export const ${name} = rule({
  id: "${id}",
  severity: "warning",
  title: "In a line: what it finds",
  page: {
    happens: "What the user sees.",
    shows: "The exact log line or status that it shows up as.",
    why: "Why, with its source.",
    fix: "the_directive that_mends_it;",
  },
  inspectWebSocket({ node, proxy, webSocket }, { target }, report) {
    if (proxy === null) return
    const value = effective(node, "proxy_read_timeout", target)
    if (value === undefined) return
    report(value.origin ?? proxy.node, \`WebSockets (\${webSocket}) …: \${describe("proxy_read_timeout", value, node)}.\`)
  },
})
`
}

function test(id: string, name: string): string {
  return `import { ${name} } from "../../src/check/rules/${id}.ts"
import { openSocket, prove } from "./proof.ts"
import { testRule } from "./rule-cases.ts"

testRule(${name}, [
  {
    name: "what it must find",
    config: \`
      server { location /ws/ { proxy_pass http://127.0.0.1:3000; } }\`,
    finds: ["2:32 proxy_pass -- a part of the message"],
  },
  {
    name: "what it must not find",
    config: \`
      server { location / { proxy_pass http://127.0.0.1:3000; } }\`,
  },
])

prove(${name}, [
  {
    name: "that the failure is real",
    broken: "server { listen {listen}; location /ws/ { proxy_pass http://{a}; } }",
    fixed: "server { listen {listen}; location /ws/ { proxy_pass http://{a}; } }",
    attempt: ({ port }) => openSocket(\`ws://127.0.0.1:\${port}/ws/\`),
    failure: /^refused with 400$/,
    success: /^open$/,
  },
])
`
}

function main(id: string | undefined): void {
  if (id === undefined) throw new Error("Usage: node scripts/new-rule.ts rule-name")
  const files = skeleton(id)
  const existing = [...files.keys()].find((path) => existsSync(join(ROOT, path)))
  if (existing !== undefined) throw new Error(`${existing} is there already`)
  for (const [path, text] of files) writeFileSync(join(ROOT, path), text)
  process.stdout.write(
    `${[...files.keys()].join("\n")}\nName it in src/check/rules/index.ts, then run \`npm run docs\`.\n`,
  )
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  try {
    main(process.argv[2])
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`)
    process.exitCode = 1
  }
}
