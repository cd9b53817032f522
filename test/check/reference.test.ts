/** What keeps rules, tests and pages together: scripts/rules-reference.ts and scripts/new-rule.ts. */
import assert from "node:assert/strict"
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { describe, test } from "node:test"
import { fileURLToPath } from "node:url"
import { skeleton } from "../../scripts/new-rule.ts"
import { checkRules, rulePages } from "../../scripts/rules-reference.ts"
import { rule } from "../../src/check/rule.ts"
import { RULES } from "../../src/check/rules/index.ts"
import { runHoldfast } from "../support/holdfast.ts"
import { makeTempFolder } from "../support/temp.ts"

const ROOT = fileURLToPath(new URL("../..", import.meta.url))

const example = rule({
  id: "an-example",
  severity: "info",
  title: "Something <is> there",
  page: { happens: "It <breaks>.", shows: "`upstream <x>`", why: "So.", fix: "a b;" },
})

/** A folder like that of the project, with one rule in it. */
function project(): string {
  const root = makeTempFolder("check-reference")
  const files = new Map([
    ["src/check/rules/index.ts", ""],
    ["src/check/rules/an-example.ts", ""],
    ["test/check/an-example.test.ts", ""],
    ...[...rulePages([example])].map(([name, text]) => [`docs/rules/${name}`, text] as const),
  ])
  for (const [path, text] of files) write(root, path, text)
  return root
}

function write(root: string, path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true })
  writeFileSync(join(root, path), text)
}

describe("rules, tests and pages", () => {
  test("are together in this project", () => {
    assert.deepEqual(checkRules(ROOT, RULES), [])
  })

  test("a whole rule has no fault", () => {
    assert.deepEqual(checkRules(project(), [example]), [])
  })

  test("what is missing, or too much, is named", () => {
    const root = project()
    write(root, "src/check/rules/second.ts", "")
    write(root, "docs/rules/third.md", "")
    write(root, "docs/rules/an-example.md", "old")
    const fourth = { ...example, id: "fourth" }
    assert.deepEqual(checkRules(root, [example, fourth]), [
      "src/check/rules/second.ts is not in src/check/rules/index.ts",
      'the rule "fourth" has no file src/check/rules/fourth.ts',
      'the rule "fourth" has no test test/check/fourth.test.ts',
      "docs/rules/README.md is not what the rule says: run `npm run docs`",
      "docs/rules/an-example.md is not what the rule says: run `npm run docs`",
      "docs/rules/fourth.md is not what the rule says: run `npm run docs`",
      "docs/rules/third.md is the page of no rule",
    ])
  })

  test("a page shows code as it is and other text escaped", () => {
    const text = rulePages([example]).get("an-example.md") ?? ""
    assert.match(text, /^# an-example\n/)
    assert.ok(text.includes("\nIt &lt;breaks&gt;.\n") && text.includes("\n`upstream <x>`\n"))
    assert.ok(text.includes("```nginx\na b;\n```"))
  })
})

describe("the skeleton of a rule", () => {
  test("names the rule and its test", () => {
    const files = skeleton("websocket-something-2")
    assert.deepEqual(
      [...files.keys()],
      ["src/check/rules/websocket-something-2.ts", "test/check/websocket-something-2.test.ts"],
    )
    for (const text of files.values()) assert.match(text, /websocketSomething2/)
  })

  test("refuses what is no name", () => {
    for (const id of ["", "Name", "a_b", "-a", "../a"]) assert.throws(() => skeleton(id), /no name of a rule/)
  })
})

test("the example of README.md is what the program prints", async () => {
  const readme = readFileSync(join(ROOT, "README.md"), "utf8")
  const section = readme.split(/^## /m).find((part) => part.startsWith("Check an nginx.conf")) ?? ""
  const [, config = "", shown = ""] =
    /```nginx\n([\s\S]*?)```[\s\S]*?```console\n\$ [^\n]*\n([\s\S]*?)```/.exec(section) ?? []
  const cwd = makeTempFolder("check-readme")
  writeFileSync(join(cwd, "chat.conf"), config)
  const { stdout } = await runHoldfast(["check", "--target", "nginx/1.22", "chat.conf"], { cwd })
  assert.equal(Buffer.from(stdout, "latin1").toString(), shown)
})
