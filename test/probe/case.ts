/**
 * Cases of `holdfast probe`: something is wrong on purpose, with real programs on every side, and the verdict must name
 * the cause and what mends it. The cases of a file make a page of docs/probe/, which is written anew by UPDATE_GOLDEN=1
 * and compared otherwise.
 */
import assert from "node:assert/strict"
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { after, type TestContext, test } from "node:test"
import { fileURLToPath } from "node:url"
import type { Report } from "../../src/probe/report.ts"
import { haproxyMissing } from "../support/haproxy.ts"
import { HOLDFAST, run } from "../support/holdfast.ts"
import { nginxMissing } from "../support/nginx.ts"

export interface ProbeCase {
  /** What is wrong, as its owner would say: "proxy_http_version is missing". One line. */
  readonly mistake: string
  /** Who has it: "nginx 1.22", "HAProxy 2.6", "Holdfast", "backend" … */
  readonly at: string
  readonly skip?: string | false
  /** Starts all that is needed, each stopped by `t.after`; returns the words after `holdfast probe`. */
  readonly stage: (t: TestContext) => Promise<readonly string[]>
  /** The id of the first suspect of the first diagnosis. */
  readonly cause: string
  /** What stands in that suspect's mend: the directive, whole. */
  readonly mend: string
  /** The severity of the first diagnosis; "error" where it is left out. With another the exit status is 0. */
  readonly severity?: "error" | "warning" | "info"
  /** More to be seen in the report. */
  readonly check?: (report: Report) => void
}

/** Runs the cases as tests, and compares their page: docs/probe/`page`.md. `note`: what its reader must know of them. */
export function testCases(
  page: string,
  title: string,
  cases: readonly ProbeCase[],
  note = "each row was run with real programs.",
): void {
  const rows: string[] = []
  let complete = true
  for (const [index, one] of cases.entries()) {
    test(`${one.at}: ${one.mistake}`, { skip: one.skip || missingOf(one) }, async (t) => {
      const report = await probe(await one.stage(t))
      complete = complete && judge(one, report)
      // In the order of the cases, also where they run side by side.
      rows[index] = rowOf(one, report)
    })
  }
  after(() => {
    // A case that failed has said so; one that was skipped has no row.
    if (complete && Object.keys(rows).length === cases.length) comparePage(page, title, note, rows)
  })
}

/** Who is named as having the mistake must be there. */
function missingOf({ at }: ProbeCase): string | false {
  return (/nginx \d/.test(at) && nginxMissing()) || (/HAProxy \d/.test(at) && haproxyMissing())
}

/** Runs `holdfast probe --json`; the exit status must fit the report. */
export async function probe(words: readonly string[]): Promise<Report> {
  const result = await run(HOLDFAST, ["probe", "--json", ...words])
  assert.equal(result.stderr, "")
  const report = JSON.parse(Buffer.from(result.stdout, "latin1").toString("utf8")) as Report
  assert.equal(result.status, report.isHealthy ? 0 : 1, result.stdout)
  return report
}

function judge(one: ProbeCase, report: Report): true {
  const [first] = report.diagnoses
  const [suspect] = first?.suspects ?? []
  const text = JSON.stringify(report, null, 2)
  assert.ok(first !== undefined && suspect !== undefined, `nothing was found\n${text}`)
  assert.equal(suspect.id, one.cause, text)
  assert.equal(first.severity, one.severity ?? "error", text)
  assert.equal(report.isHealthy, one.severity !== undefined && one.severity !== "error", text)
  assert.ok(
    suspect.mend.some((mend) => mend.text.includes(one.mend)),
    `${one.mend} is not among what mends it\n${text}`,
  )
  assert.ok(suspect.evidence.length > 0, `no evidence\n${text}`)
  one.check?.(report)
  return true
}

function rowOf(one: ProbeCase, report: Report): string {
  const what = report.diagnoses[0]?.what ?? ""
  const suspect = report.diagnoses[0]?.suspects[0]
  const mend = code(one.mend)
  return `| ${one.at} | ${cell(one.mistake)} | ${cell(what)} | ${cell(suspect?.title ?? "")} (\`${suspect?.id}\`, ${suspect?.certainty}) | ${mend} |`
}

function cell(text: string): string {
  return text
    .replaceAll(/127\.0\.0\.1:\d+|localhost:\d+|\[::1\]:\d+/g, (place) => place.replace(/\d+$/, "PORT"))
    .replaceAll(/\b\d+(\.\d+)? ms\b/g, "N ms")
    .replaceAll("|", "\\|")
}

function code(text: string): string {
  return `\`${text.replaceAll("\n", " ").replaceAll("|", "\\|")}\``
}

function comparePage(page: string, title: string, note: string, rows: readonly string[]): void {
  const path = fileURLToPath(new URL(`../../docs/probe/${page}.md`, import.meta.url))
  const head = "| who | the mistake | what probe sees | what it says | what mends it |\n|---|---|---|---|---|"
  const text = `# ${title}\n\nMade by the tests: ${note}\n\n${head}\n${rows.join("\n")}\n`
  if (process.env["UPDATE_GOLDEN"] !== undefined) writeFileSync(path, text)
  const old = existsSync(path) ? readFileSync(path, "utf8") : ""
  assert.equal(old, text, `${path}: run the tests with UPDATE_GOLDEN=1`)
}
