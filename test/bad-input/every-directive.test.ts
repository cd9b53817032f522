/** Every mistake that the rows say is one gets nginx's words, and a line. Compared with nginx where it is installed. */
import assert from "node:assert/strict"
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { after, describe, it } from "node:test"
import { run } from "../support/holdfast.ts"
import { nginxMissing } from "../support/nginx.ts"
import { makeTempFolder, removeTempFolder } from "../support/temp.ts"
import type { Context } from "./contexts.ts"
import { type Mistake, mistakes } from "./every-directive.cases.ts"
import { DIFFERENCES } from "./every-directive.differences.ts"
import { checkInProcess } from "./in-process.ts"

const NGINX = "/usr/sbin/nginx"
/** How many nginx run at once. */
const LANES = 2

const folder = makeTempFolder("every-directive")
after(() => removeTempFolder(folder))

/** A folder as good as new: logs that a mistake made are files that another mistake would read. */
function freshFolder(name: string): string {
  const dir = `${folder}/${name}`
  rmSync(dir, { recursive: true, force: true })
  mkdirSync(`${dir}/logs`, { recursive: true })
  return dir
}

function checkOurs(context: Context, lines: string): string | null {
  const dir = freshFolder("ours")
  const text = context.wrap(lines).replaceAll("{dir}", dir)
  return withoutFolder(checkInProcess(text, `${dir}/test.conf`, `${dir}/`).error, dir)
}

/** What nginx says to each, by its name. A shell starts one after the other: that is cheaper than from here. */
async function askNginx(asked: readonly Mistake[], lane: number): Promise<Map<string, string | null>> {
  const dirs = asked.map((_mistake, index) => freshFolder(`nginx-${lane}-${index}`))
  asked.forEach(({ context, lines, directive }, index) => {
    const text = inFolder(context.wrap(lines), directive).replaceAll("{dir}", dirs[index] as string)
    writeFileSync(`${dirs[index]}/test.conf`, text, "latin1")
  })
  const script =
    'while read -r d; do "$0" -t -c "$d/test.conf" -p "$d" -e "$d/start.log" 2>"$d/said" </dev/null; done'
  await run("/bin/sh", ["-c", script, NGINX], { input: `${dirs.join("\n")}\n` })
  return new Map(
    asked.map(({ name }, index) => {
      const dir = dirs[index] as string
      const said = readFileSync(`${dir}/said`, "latin1")
      return [name, withoutFolder(/^nginx: \[emerg\] (.*)$/m.exec(said)?.[1] ?? null, dir)]
    }),
  )
}

/** Has nginx keep all its files in the folder; what is tested is not given before, or it would stand there twice. */
function inFolder(text: string, tested: string): string {
  const given = (entries: Readonly<Record<string, string>>): string =>
    Object.entries(entries)
      .filter(([name]) => name !== tested)
      .map(([name, value]) => `${name} ${value};`)
      .join(" ")
  const http: Record<string, string> = { access_log: "off" }
  for (const name of ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"])
    http[`${name}_temp_path`] = `{dir}/${name}`
  const main: Record<string, string> = { error_log: "{dir}/error.log", pid: "{dir}/nginx.pid" }
  if (process.getuid?.() === 0) main["user"] = "root"
  return given(main) + text.replace(/http \{/, `$& ${given(http)}`)
}

function withoutFolder(error: string | null, dir: string): string | null {
  return error === null ? null : error.replaceAll(dir, "{dir}")
}

const all = mistakes((context, lines) => checkOurs(context, lines) === null)

describe("mistakes with every directive", () => {
  it("there are thousands, and each has a name of its own", () => {
    assert.ok(all.length > 2500, String(all.length))
    assert.equal(new Set(all.map(({ name }) => name)).size, all.length)
  })

  it("each gets the words that its row foresees, at its line", () => {
    const wrong: string[] = []
    for (const { name, context, lines, expected } of all) {
      const error = checkOurs(context, lines)
      const said = error?.replace(/ in \{dir\}\/test\.conf:[3-5]$/, "")
      // Where only nginx could tell, all that counts is that nothing breaks.
      if (expected !== undefined && (said !== expected || said === error)) wrong.push(`${name}: ${error}`)
    }
    assert.deepEqual(wrong, [])
  })

  it("each gets what nginx says, word for word, at nginx's line", { skip: nginxMissing() }, async () => {
    const wrong: string[] = []
    const unused = new Set(DIFFERENCES)
    const lanes = Array.from({ length: LANES }, (_unused, lane) =>
      askNginx(
        all.filter((_mistake, index) => index % LANES === lane),
        lane,
      ),
    )
    const said = new Map((await Promise.all(lanes)).flatMap((answers) => [...answers]))
    for (const mistake of all) {
      const theirs = said.get(mistake.name) ?? null
      // Newer than Debian's nginx, or Holdfast's own.
      if (theirs?.startsWith(`unknown directive "${mistake.directive}"`)) continue
      const ours = checkOurs(mistake.context, mistake.lines)
      if (ours === theirs) continue
      const difference = DIFFERENCES.find(
        ({ mistakes, nginx }) => mistakes.test(mistake.name) && (nginx?.test(String(theirs)) ?? true),
      )
      if (difference === undefined) wrong.push(`${mistake.name}\n  ours:  ${ours}\n  nginx: ${theirs}`)
      else unused.delete(difference)
    }
    if (wrong.length > 0) assert.fail(`${wrong.length} differ:\n${wrong.join("\n")}`)
    assert.deepEqual([...unused], [], "these differences are none any more")
  })
})
