/** What a rule must find, must not find, and how it mends: tables of configurations. */
import assert from "node:assert/strict"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, test } from "node:test"
import { applyEdits } from "../../src/check/apply-edits.ts"
import { checkTree } from "../../src/check/engine.ts"
import type { Finding } from "../../src/check/finding.ts"
import type { Rule } from "../../src/check/rule.ts"
import { parseTarget } from "../../src/check/target.ts"
import { readTree } from "../../src/check/tree.ts"
import { run, runHoldfast } from "../support/holdfast.ts"
import { makeTempFolder } from "../support/temp.ts"

const FILE = "nginx.conf"

export interface RuleCase {
  readonly name: string
  /** A whole configuration, or what stands in `http` (then `events {}` and `http { … }` are put on its first and last line). */
  readonly config: string
  /** Default: holdfast. */
  readonly target?: string
  /** Of `--location` */
  readonly paths?: readonly string[]
  /**
   * Each finding of the rule as "line:column text of the directive or argument that it points at", in order; a part of
   * its message may follow after " -- ". Lines count from 1, as the text is written here. None: it must not fire.
   */
  readonly finds?: readonly string[]
  /** The text after the fixes of this rule. `nginx -t` and `holdfast -t` must take it, and the rule must find nothing more. */
  readonly fixed?: string
  /** Why the fixed text cannot be tried on Debian's nginx 1.22. */
  readonly notOnNginx?: string
}

/** Makes a test of each case. */
export function testRule(rule: Rule, cases: readonly RuleCase[]): void {
  describe(rule.id, () => {
    test("has a page", () => {
      const { happens, shows, why, fix } = rule.page
      for (const text of [happens, shows, why, fix])
        assert.ok(text.length > 10, "each part of the page says something")
      assert.match(rule.id, /^[a-z0-9]+(?:-[a-z0-9]+)*$/)
    })
    for (const one of cases) test(one.name, () => checkCase(rule, one))
  })
}

async function checkCase(rule: Rule, one: RuleCase): Promise<void> {
  const text = whole(one.config)
  const findings = findingsOf(rule, text, one)
  const lines = text.split("\n")
  const seen = findings.map((finding) => describeFinding(finding, lines))
  const wanted = one.finds ?? []
  assert.equal(seen.length, wanted.length, `findings: ${JSON.stringify(seen, null, 2)}`)
  wanted.forEach((text, index) => {
    const [place = "", part = ""] = text.split(" -- ")
    assert.equal(seen[index]?.place, place)
    assert.ok(seen[index]?.message.includes(part), `"${part}" is not in "${seen[index]?.message}"`)
  })
  if (one.fixed === undefined) return
  const fixed = applyEdits(
    text,
    findings.flatMap(({ fix }) => fix),
  )
  assert.equal(fixed, whole(one.fixed))
  assert.deepEqual(findingsOf(rule, fixed, one), [], "the fix leaves something to find")
  await checkSyntax(fixed, one)
}

function whole(config: string): string {
  if (/^\s*http\s*\{/m.test(config)) return config
  return `events {} http {${config}}\n`
}

function findingsOf(
  rule: Rule,
  text: string,
  { target = "holdfast", paths = [] }: RuleCase,
): readonly Finding[] {
  const tree = readTree(FILE, "./", (path) => {
    // What a case includes is not there.
    if (path !== FILE) throw new Error(`no ${path}`)
    return { text, encoding: "utf8" }
  })
  return checkTree(tree, parseTarget(target), [rule], { paths }).findings
}

function describeFinding(
  { line, column, endColumn, message }: Finding,
  lines: readonly string[],
): { place: string; message: string } {
  const pointed = (lines[line - 1] ?? "").slice(column - 1, endColumn - 1)
  return { place: `${line}:${column} ${pointed}`, message }
}

/** What a fix writes is a configuration that both programs take. */
async function checkSyntax(text: string, { notOnNginx }: RuleCase): Promise<void> {
  const folder = makeTempFolder("check")
  mkdirSync(join(folder, "logs"))
  const file = join(folder, FILE)
  writeFileSync(file, `pid ${folder}/pid; error_log ${folder}/error.log;\n${text}`)
  const ours = await runHoldfast(["-t", "-c", file, "-p", folder])
  assert.equal(ours.status, 0, ours.stderr)
  if (notOnNginx !== undefined) return
  const theirs = await run("/usr/sbin/nginx", ["-t", "-c", file, "-p", folder])
  assert.equal(theirs.status, 0, theirs.stderr)
}
