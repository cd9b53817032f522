/** The formats of `check` for other programs: whole, and as their own definitions say. */
import assert from "node:assert/strict"
import { readFileSync } from "node:fs"
import { describe, test } from "node:test"
import { Ajv, type ValidateFunction } from "ajv"
import addFormats from "ajv-formats"
import fc from "fast-check"
import type { Finding } from "../../src/check/finding.ts"
import { formatCheckstyle } from "../../src/check/formats/checkstyle.ts"
import { formatGithub } from "../../src/check/formats/github.ts"
import { formatJson } from "../../src/check/formats/json.ts"
import { formatSarif } from "../../src/check/formats/sarif.ts"
import { formatSummary, formatText } from "../../src/check/formats/text.ts"
import { RULES } from "../../src/check/rules/index.ts"
import { readTree } from "../../src/check/tree.ts"

const FINDING: Finding = {
  ruleId: "websocket-http-version",
  severity: "error",
  file: "conf.d/a b,c:d%.conf",
  line: 3,
  column: 5,
  endColumn: 15,
  message: 'It is <bad> & "100%"\r\nreally: yes, so.',
  advice: "proxy_http_version 1.1;",
  fix: [
    {
      file: "conf.d/a b,c:d%.conf",
      start: { line: 3, column: 9 },
      end: { line: 3, column: 9 },
      text: "\n  x 1;",
    },
  ],
}
const MILD: Finding = {
  ...FINDING,
  severity: "info",
  ruleId: "suppression",
  file: "/etc/nginx/é.conf",
  fix: [],
}

const text = fc.string({
  unit: fc.oneof(
    fc.string({ unit: "binary", minLength: 1, maxLength: 1 }),
    fc.constantFrom(..."<>&\"'\r\n\t\0:,%]é€"),
  ),
})
const place = fc.record({ line: fc.integer({ min: 1, max: 9 }), column: fc.integer({ min: 1, max: 9 }) })
const anyFinding: fc.Arbitrary<Finding> = fc.record({
  ruleId: fc.constantFrom(...RULES.map(({ id }) => id)),
  severity: fc.constantFrom("error", "warning", "info"),
  file: fc.oneof(fc.constantFrom("a.conf", "/etc/nginx/nginx.conf", "<stdin>", "../x é.conf", "a:b"), text),
  line: fc.integer({ min: 1, max: 99 }),
  column: fc.integer({ min: 1, max: 99 }),
  endColumn: fc.integer({ min: 1, max: 99 }),
  message: text,
  advice: text,
  fix: fc.array(fc.record({ file: fc.constant("a.conf"), start: place, end: place, text }), { maxLength: 2 }),
})
const anyFindings = fc.array(anyFinding, { maxLength: 5 })

function schemaOf(path: string): ValidateFunction {
  const schema = JSON.parse(readFileSync(new URL(path, import.meta.url), "utf8")) as Record<string, unknown>
  // SARIF's own is of draft 4, whose words it uses mean the same in later ones.
  const { $schema: _, id: _id, ...rest } = schema
  const ajv = new Ajv({ strict: false, allErrors: true, unicodeRegExp: false })
  addFormats.default(ajv)
  return ajv.compile(rest)
}

function assertValid(validate: ValidateFunction, json: string): void {
  assert.ok(validate(JSON.parse(json)), JSON.stringify(validate.errors, null, 2))
}

describe("--format sarif", () => {
  const validate = schemaOf("sarif/sarif-2.1.0-rtm.5.json")
  const tool = { version: "1.2.3", rules: RULES }

  test("is what the schema of SARIF 2.1.0 says", () => {
    assertValid(validate, formatSarif([], tool))
    assertValid(validate, formatSarif([FINDING, MILD], tool))
    fc.assert(
      fc.property(anyFindings, (findings) => assertValid(validate, formatSarif(findings, tool))),
      { numRuns: 50 },
    )
  })

  test("places, levels, fixes and the rules that were used", () => {
    const [run] = JSON.parse(formatSarif([FINDING, MILD], tool)).runs
    assert.deepEqual(run.tool.driver.rules.map(({ id }: { id: string }) => id).sort(), [
      "suppression",
      "websocket-http-version",
    ])
    assert.deepEqual(
      run.results.map(({ level }: { level: string }) => level),
      ["error", "note"],
    )
    const [{ physicalLocation }] = run.results[0].locations
    assert.equal(physicalLocation.artifactLocation.uri, "conf.d/a%20b%2Cc%3Ad%25.conf")
    assert.deepEqual(physicalLocation.region, { startLine: 3, startColumn: 5, endColumn: 15 })
    assert.equal(run.results[0].fixes[0].artifactChanges[0].replacements[0].insertedContent.text, "\n  x 1;")
    assert.equal(
      run.results[1].locations[0].physicalLocation.artifactLocation.uri,
      "file:///etc/nginx/%C3%A9.conf",
    )
    assert.equal(run.results[1].fixes, undefined)
  })
})

describe("--format json", () => {
  const validate = schemaOf("../../docs/check.schema.json")

  test("is what docs/check.schema.json says", () => {
    assertValid(validate, formatJson([]))
    assertValid(validate, formatJson([FINDING, MILD]))
    fc.assert(
      fc.property(anyFindings, (findings) => assertValid(validate, formatJson(findings))),
      { numRuns: 50 },
    )
  })

  test("has no more and no less", () => {
    const { fix: _, ...rest } = FINDING
    assert.deepEqual(JSON.parse(formatJson([FINDING])), [{ ...rest, fixable: true }])
  })
})

describe("--format checkstyle", () => {
  test("a file's findings together", () => {
    const second = { ...FINDING, line: 4 }
    const lines = formatCheckstyle([FINDING, MILD, second]).split("\n")
    assert.deepEqual(
      lines.map((line) => line.trim().slice(0, 18)),
      [
        '<?xml version="1.0',
        "<checkstyle versio",
        '<file name="conf.d',
        '<error line="3" co',
        '<error line="4" co',
        "</file>",
        '<file name="/etc/n',
        '<error line="3" co',
        "</file>",
        "</checkstyle>",
        "",
      ],
    )
    assert.ok(lines[3]?.includes('message="It is &lt;bad&gt; &amp; &quot;100%&quot;'))
    assert.ok(lines[3]?.includes('source="holdfast.websocket-http-version"'))
  })

  test("is well-formed whatever a message holds", () => {
    fc.assert(fc.property(anyFindings, (findings) => assertWellFormed(formatCheckstyle(findings))))
  })
})

/** XML of elements, attributes and nothing else: XML 1.0 §2.2, §2.3, §3. */
function assertWellFormed(xml: string): void {
  assert.match(xml, /^[\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]*$/u)
  const open: string[] = []
  const rest = xml
    .replace(/^<\?xml version="1\.0" encoding="UTF-8"\?>/, "")
    .replaceAll(
      /<(\/?)([a-z]+)((?: [a-z]+="(?:[^<&"\n\r\t]|&(?:amp|lt|gt|quot|#9|#10|#13);)*")*)(\/?)>/gu,
      (_, close: string, name: string, _attributes: string, empty: string) => {
        if (close !== "") assert.equal(open.pop(), name)
        else if (empty === "") open.push(name)
        return ""
      },
    )
  assert.equal(rest.trim(), "", xml)
  assert.deepEqual(open, [])
}

describe("--format github", () => {
  test("a workflow command a finding, with what would end it escaped", () => {
    assert.equal(
      formatGithub([FINDING, MILD]),
      "::error file=conf.d/a b%2Cc%3Ad%25.conf,line=3,col=5,endColumn=15,title=websocket-http-version::" +
        'It is <bad> & "100%25"%0D%0Areally: yes, so.%0Afix: proxy_http_version 1.1;\n' +
        "::notice file=/etc/nginx/é.conf,line=3,col=5,endColumn=15,title=suppression::" +
        'It is <bad> & "100%25"%0D%0Areally: yes, so.%0Afix: proxy_http_version 1.1;\n',
    )
  })

  test("is a line a finding whatever a message holds", () => {
    fc.assert(
      fc.property(anyFindings, (findings) => {
        const lines = formatGithub(findings).split(/\r\n|\r|\n/)
        assert.equal(lines.pop(), "")
        assert.equal(lines.length, findings.length)
        for (const line of lines)
          assert.match(
            line,
            /^::(?:error|warning|notice) file=[^,]*,line=\d+,col=\d+,endColumn=\d+,title=[^,:]+::/,
          )
      }),
    )
  })
})

describe("--format text", () => {
  const source = "server {\n\t\tproxy_pass http://é; \r\n}"
  const tree = readTree("a.conf", "./", () => ({ text: source, encoding: "utf8" }))
  const finding: Finding = { ...FINDING, file: "a.conf", line: 2, column: 3, endColumn: 13, message: "No." }

  test("the caret stands below the word, tabs as they are", () => {
    assert.equal(
      formatText([finding], tree, false),
      "a.conf:2:3: error: No. [websocket-http-version]\n" +
        "  2 | \t\tproxy_pass http://é;\n    | \t\t^~~~~~~~~~\n  fix (--fix): proxy_http_version 1.1;\n\n",
    )
  })

  test("a line that is not there has no excerpt", () => {
    assert.equal(
      formatText([{ ...finding, line: 9, fix: [] }], tree, false),
      "a.conf:9:3: error: No. [websocket-http-version]\n  fix: proxy_http_version 1.1;\n\n",
    )
  })

  test("the summary counts in words", () => {
    assert.equal(formatSummary({ error: 0, warning: 0, info: 0, fixable: 0 }), "no findings")
    assert.equal(formatSummary({ error: 1, warning: 2, info: 3, fixable: 0 }), "1 error, 2 warnings, 3 info")
    assert.equal(
      formatSummary({ error: 0, warning: 1, info: 0, fixable: 1 }),
      "1 warning; 1 can be mended by --fix",
    )
  })
})
