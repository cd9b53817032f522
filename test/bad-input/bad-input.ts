/** Configurations with a mistake: what `-t` says to them, and what nginx says to the same text. */
import assert from "node:assert/strict"
import { chmodSync, mkdirSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { describe, it } from "node:test"
import { holdfastProgram, run, runHoldfast } from "../support/holdfast.ts"
import { nginxMissing, nginxProgram } from "../support/nginx.ts"
import { freePort } from "../support/ports.ts"
import { makeTempFolder, removeTempFolder } from "../support/temp.ts"

/** One configuration that must be refused. In all texts `{dir}` is the folder and `{port}` a free port. */
export interface BadInput {
  readonly name: string
  /** The main file, `{dir}/test.conf`. The line that the message must name ends with `#!`. */
  readonly config: string
  /** What follows `[emerg] `, without ` in file:line` where a line is marked with `#!` or given. */
  readonly error: string
  /** The line where no comment can stand. */
  readonly line?: number
  /** The file that the message names, below the folder; `test.conf` where left out. */
  readonly blamed?: string
  /** More files, by their path below the folder. */
  readonly files?: Readonly<Record<string, string>>
  /** Files that nobody may read; the case is left out for root, who may. */
  readonly unreadable?: readonly string[]
  /** Where nginx says something else, and why. `null`: it takes the configuration, or its words cannot be had. */
  readonly nginx?: { readonly error: string | null; readonly why: string }
  /** Arguments besides `-t -c -p`. */
  readonly args?: readonly string[]
}

/** The text of the main file around lines of the `http` context. */
export function inHttp(lines: string): string {
  return `events {}\nhttp {\n${lines}\n}\n`
}

/** The same for a `server` that listens. */
export function inServer(lines: string): string {
  return inHttp(`server {\nlisten 127.0.0.1:{port};\n${lines}\n}`)
}

/** The same for a `location /`. */
export function inLocation(lines: string): string {
  return inServer(`location / {\n${lines}\n}`)
}

/** The same for an `upstream backend`. */
export function inUpstream(lines: string): string {
  return inHttp(`upstream backend {\n${lines}\n}`)
}

/** Declares a test for each case. */
export function describeBadInput(title: string, cases: readonly BadInput[]): void {
  describe(title, { concurrency: 4 }, () => {
    for (const item of cases) it(item.name, { skip: skipReason(item) }, () => checkCase(item))
  })
}

function skipReason({ unreadable }: BadInput): string | false {
  return unreadable !== undefined && process.getuid?.() === 0 ? "root may read every file" : false
}

async function checkCase(item: BadInput): Promise<void> {
  const dir = makeTempFolder("bad-input")
  const port = String(await freePort())
  const fill = (text: string): string => text.replaceAll("{dir}", dir).replaceAll("{port}", port)
  try {
    mkdirSync(join(dir, "logs"))
    for (const [path, content] of Object.entries(item.files ?? {})) writeFile(join(dir, path), fill(content))
    for (const path of item.unreadable ?? []) chmodSync(join(dir, path), 0)
    const expected = fill(item.error) + placeOf(item, dir)
    const config = fill(item.config)
    await checkHoldfast(item, config, dir, expected)
    if (nginxMissing() === false && item.nginx?.error !== null) {
      const theirs = item.nginx === undefined ? expected : fill(item.nginx.error)
      await checkNginx(item, config, dir, theirs)
    }
  } finally {
    removeTempFolder(dir)
  }
}

async function checkHoldfast(item: BadInput, config: string, dir: string, expected: string): Promise<void> {
  const file = join(dir, "test.conf")
  writeFile(file, holdfastProgram.prepare(config, dir))
  const result = await runHoldfast(["-t", "-c", file, "-p", dir, ...(item.args ?? [])])
  assert.equal(
    withoutWarnings(result.stderr),
    `holdfast: [emerg] ${expected}\nholdfast: configuration file ${file} test failed\n`,
  )
  assert.equal(result.stdout, "")
  assert.equal(result.status, 1)
}

async function checkNginx(item: BadInput, config: string, dir: string, expected: string): Promise<void> {
  const file = join(dir, "test.conf")
  writeFile(file, nginxProgram.prepare(config, dir))
  const args = ["-t", "-c", file, "-p", dir, "-e", join(dir, "start.log"), ...(item.args ?? [])]
  const result = await run(nginxProgram.command, args)
  assert.equal(emergency(result.stderr), expected, "nginx says something else")
  assert.equal(result.status, 1)
}

/** nginx's first error. */
function emergency(stderr: string): string | undefined {
  return /^nginx: \[emerg\] (.*)$/m.exec(stderr)?.[1]
}

function withoutWarnings(stderr: string): string {
  return stderr.replaceAll(/^holdfast: \[warn\] .*\n/gm, "")
}

function placeOf(item: BadInput, dir: string): string {
  const blamed = item.blamed ?? "test.conf"
  const text = item.files?.[blamed] ?? item.config
  const marked = text.split("\n").findIndex((line) => line.endsWith("#!"))
  const line = item.line ?? (marked === -1 ? undefined : marked + 1)
  return line === undefined ? "" : ` in ${dir}/${blamed}:${line}`
}

function writeFile(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text, "latin1")
}
