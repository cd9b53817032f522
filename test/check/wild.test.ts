/**
 * What `check` finds in configurations as people have them (test/wild/sites): compared with test/check/wild/, where
 * every finding has been looked at. `UPDATE_GOLDEN=1 node --test test/check/wild.test.ts` writes what is found now.
 */
import assert from "node:assert/strict"
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, test } from "node:test"
import { fileURLToPath } from "node:url"
import { checkTree } from "../../src/check/engine.ts"
import { formatText } from "../../src/check/formats/text.ts"
import { decodeSource } from "../../src/check/input.ts"
import { RULES } from "../../src/check/rules/index.ts"
import { parseTarget } from "../../src/check/target.ts"
import { readTree, type Tree } from "../../src/check/tree.ts"

const SITES = process.env["WILD_SITES"] ?? fileURLToPath(new URL("../wild/sites", import.meta.url))
const GOLDEN = fileURLToPath(new URL("wild", import.meta.url))
const IS_UPDATE = process.env["UPDATE_GOLDEN"] === "1"
const TARGETS = ["holdfast", "nginx/1.22"]

/** Files that every machine has. */
const COMMON = join(SITES, "../common")

/** The configuration of a site, in whose folder the machine's `/` is: absolute paths of `include` lead there. */
function readSite(folder: string): Tree {
  return readTree(join(folder, "etc/nginx/nginx.conf"), `${folder}/etc/nginx/`, (path) => {
    const own = existsSync(path) ? path : path.replace(folder, COMMON)
    const { text, encoding } = decodeSource(readFileSync(own))
    return { text: text.replaceAll(/^(\s*include\s+["']?)\//gm, `$1${folder}/`), encoding }
  })
}

/** Without the path to the checkout. */
function findingsOf(folder: string): string {
  return TARGETS.map((target) => {
    const tree = readSite(folder)
    const { findings } = checkTree(tree, parseTarget(target), RULES)
    return `=== for ${target}\n\n${formatText(findings, tree, false).replaceAll(folder, "")}`
  }).join("")
}

describe("configurations of the wild", {
  skip: existsSync(SITES) ? false : "test/wild/sites is not there",
}, () => {
  const names = existsSync(SITES)
    ? readdirSync(SITES).filter((name) => existsSync(join(SITES, name, "etc/nginx/nginx.conf")))
    : []
  for (const name of names)
    test(name, () => {
      const path = join(GOLDEN, `${name}.txt`)
      const text = findingsOf(join(SITES, name))
      if (IS_UPDATE) {
        mkdirSync(GOLDEN, { recursive: true })
        writeFileSync(path, text)
      }
      assert.equal(text, existsSync(path) ? readFileSync(path, "utf8") : "")
    })
  test("no golden file without a site", () => {
    const golden = existsSync(GOLDEN) ? readdirSync(GOLDEN) : []
    assert.deepEqual(
      golden.filter((file) => !names.includes(file.replace(/\.txt$/, ""))),
      [],
    )
  })
})
