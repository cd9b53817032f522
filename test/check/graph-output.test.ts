/** The pictures of `holdfast graph`: well-formed, whole, escaped; nothing hides or leaves its box. */
import assert from "node:assert/strict"
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, test } from "node:test"
import { fileURLToPath } from "node:url"
import fc from "fast-check"
import { checkTree } from "../../src/check/engine.ts"
import { buildGraph } from "../../src/check/graph/build.ts"
import { type Graph, itemsOf } from "../../src/check/graph/graph.ts"
import { formatMermaid } from "../../src/check/graph/mermaid.ts"
import { formatSvg } from "../../src/check/graph/svg.ts"
import { readConfiguration } from "../../src/check/input.ts"
import { RULES } from "../../src/check/rules/index.ts"
import { parseTarget } from "../../src/check/target.ts"
import { run } from "../support/holdfast.ts"
import { makeTempFolder } from "../support/temp.ts"
import { chatGraph, graphOf } from "./graph/draw.ts"
import { type FlowEdge, parseFlowchart } from "./graph/flowchart.ts"
import { elementsOf, parseXml, textOf } from "./graph/xml.ts"

const CHROMIUM = "/usr/bin/chromium"
const WILD = fileURLToPath(new URL("../wild/sites", import.meta.url))
const PICTURE = fileURLToPath(new URL("../../docs/images/graph.svg", import.meta.url))
const FLOWCHART = fileURLToPath(new URL("graph/chat.mmd", import.meta.url))

/** Set to rewrite the picture of the documentation and the golden file after a change. */
const isUpdate = process.env["UPDATE_GRAPHS"] !== undefined

/** Holds for every picture. */
function checkSvg(graph: Graph): void {
  const svg = parseXml(formatSvg(graph))
  assert.deepEqual([svg.name, svg.attributes["xmlns"]], ["svg", "http://www.w3.org/2000/svg"])
  for (const name of ["script", "foreignObject", "image", "a", "use"])
    assert.deepEqual(elementsOf(svg, name), [], `a picture has no <${name}>`)
  for (const part of ["text", "rect", "path", "circle"])
    for (const { attributes } of elementsOf(svg, part))
      for (const [name, value] of Object.entries(attributes)) {
        assert.doesNotMatch(value, /NaN|Infinity|undefined/, `${part} ${name}`)
        assert.doesNotMatch(name, /^on/, "a picture has no script")
      }
  const titles = elementsOf(svg, "title").map(textOf).join("\n")
  for (const { place } of graph.servers.flatMap((server) => [server, ...server.rows]))
    assert.ok(titles.includes(place), `no tooltip says ${place}`)
  assert.equal(elementsOf(svg, "path").filter(isEdge).length, graph.edges.length, "an edge is not drawn")
}

function isEdge({ attributes }: { attributes: Readonly<Record<string, string>> }): boolean {
  return attributes["class"]?.startsWith("edge") === true
}

/** Holds for every flowchart: it is one, and has the graph's items and edges. */
function checkMermaid(graph: Graph): void {
  const chart = parseFlowchart(formatMermaid(graph))
  for (const { id, title } of itemsOf(graph))
    assert.ok(chart.labels.get(id)?.includes(title.trim()), `${id} has no label with "${title}"`)
  // One within a server begins at a node of its own.
  const plain = ({ from, to }: FlowEdge): string => `${from.replace(/n$/, "")} ${to}`
  assert.deepEqual(chart.edges.map(plain), graph.edges.map(plain))
}

const HOSTILE = `
  upstream "a\\"<b>&#42;" { server 127.0.0.1:1; server "unix:/run/]]>.sock" weight=2; }
  server { listen 80; server_name "<script>alert(1)</script>" "x\\"onload=\\"y" 'e"nd' ; 
    location "/\\"><script>" { return 200 "</title>&amp;\\n%%{init: {}}%%"; }
    location ~ "style:x*\\.\\\`(a|b)\`$" { proxy_pass "http://a\\"<b>&#42;"; error_page 500 @end; }
    location @end { return 200 "end subgraph; --> |x| \\\\"; }
    location /日本語/ключ/😀 { } location "/ 1. list - item _em_ **b**" { } location /\u0001\u0085\ufffe { } }`

describe("what is written", () => {
  test("is text, whatever the configuration says", () => {
    const graph = graphOf(HOSTILE)
    checkSvg(graph)
    checkMermaid(graph)
    const svg = formatSvg(graph)
    assert.ok(svg.includes("&lt;script&gt;alert(1)&lt;/script&gt;"))
    assert.ok(svg.includes("/日本語/ключ/😀"))
  })

  test("of nothing is a picture, too", () => {
    for (const config of ["", "server { }", "upstream u { server 127.0.0.1:1; }"]) {
      checkSvg(graphOf(config))
      checkMermaid(graphOf(config))
    }
  })

  test("any configuration gives well-formed output", () => {
    const word = fc.string({ unit: "binary", minLength: 1, maxLength: 12 }).map(quote)
    const name = fc.constantFrom("proxy_pass", "return", "rewrite", "error_page", "try_files", "auth_request")
    const simple = fc.tuple(name, fc.array(word, { minLength: 1, maxLength: 3 }))
    const line = simple.map(([directive, args]) => `${directive} ${args.join(" ")};`)
    const kind = fc.constantFrom("", "=", "~", "~*", "^~")
    const location: fc.Arbitrary<string> = fc.letrec((tie) => ({
      block: fc
        .tuple(kind, word, fc.array(fc.oneof({ maxDepth: 3 }, line, tie("block")), { maxLength: 4 }))
        .map(([sign, path, inner]) => `location ${sign} ${path} { ${inner.join(" ")} }`),
    })).block as fc.Arbitrary<string>
    const server = fc
      .tuple(
        fc.array(word, { maxLength: 3 }),
        fc.array(word, { maxLength: 2 }),
        fc.array(fc.oneof(line, location)),
      )
      .map(([names, listens, inner]) => {
        const heads = [
          ...names.map((one) => `server_name ${one};`),
          ...listens.map((one) => `listen ${one};`),
        ]
        return `server { ${heads.join(" ")} ${inner.join(" ")} }`
      })
    const group = fc
      .tuple(word, fc.array(word, { maxLength: 3 }))
      .map(([title, peers]) => `upstream ${title} { ${peers.map((peer) => `server ${peer};`).join(" ")} }`)
    const config = fc.array(fc.oneof(server, group), { maxLength: 5 })
    fc.assert(
      fc.property(config, (blocks) => {
        const graph = graphOf(blocks.join("\n"), { rules: RULES })
        checkSvg(graph)
        checkMermaid(graph)
      }),
      { numRuns: 150 },
    )
  })
})

function quote(text: string): string {
  return `"${text.replaceAll(/[\\"]/g, "\\$&")}"`
}

describe("the picture of the documentation", () => {
  const compare = (path: string, text: string): void => {
    if (isUpdate) writeFileSync(path, text)
    assert.equal(
      readFileSync(path, "utf8"),
      text,
      "run this test with UPDATE_GRAPHS=1, and look at what changed",
    )
  }
  test("is what the program draws", () => compare(PICTURE, formatSvg(chatGraph())))
  test("and its flowchart", () => compare(FLOWCHART, formatMermaid(chatGraph())))
})

/** What lies over something else, and what leaves its box, as a browser lays the picture out. */
const SCRIPT = `
  const svg = document.querySelector("svg"), bounds = svg.getBoundingClientRect(), faults = []
  const box = (one) => one.getBoundingClientRect()
  const rects = [...svg.querySelectorAll("rect.panel, rect.row, rect.row-ws")]
  const texts = [...svg.querySelectorAll("text")]
  for (const text of texts) {
    const b = box(text)
    if (b.right > bounds.right + 1 || b.bottom > bounds.bottom + 1) faults.push("outside: " + text.textContent)
    const around = rects.map(box).filter((r) => r.left <= b.left + 1 && r.right >= b.left + 1 && r.top <= b.top + 4 && r.bottom >= b.bottom - 4)
    if (around.some((r) => b.right > r.right + 1)) faults.push("leaves its box: " + text.textContent)
  }
  const overlap = (a, b) => a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 4 && b.top < a.bottom - 4
  const boxes = texts.map(box)
  const sorted = boxes.map((b, i) => [b, i]).sort(([a], [b]) => a.top - b.top)
  sorted.forEach(([a, i], n) => {
    for (let m = n + 1; m < sorted.length && sorted[m][0].top < a.bottom; m++)
      if (overlap(a, sorted[m][0])) faults.push("over each other: " + texts[i].textContent + " / " + texts[sorted[m][1]].textContent)
  })
  const panels = rects.filter((r) => r.classList.contains("panel") || r.getAttribute("rx") !== "6").map(box)
  panels.forEach((a, i) => panels.slice(i + 1).forEach((b) => {
    const inside = (x, y) => x.left >= y.left - 1 && x.right <= y.right + 1 && x.top >= y.top - 1 && x.bottom <= y.bottom + 1
    if (overlap(a, b) && !inside(a, b) && !inside(b, a)) faults.push("panels over each other at " + b.left + " " + b.top)
  }))
  document.getElementById("faults").textContent = JSON.stringify({ faults, texts: texts.length })
`

/** Lays pictures out in Chromium; what is wrong with them. A picture that is not well-formed stops the page. */
async function faultsOf(graphs: readonly Graph[]): Promise<string[]> {
  const folder = makeTempFolder("graph")
  const faults: string[] = []
  for (const [index, graph] of graphs.entries()) {
    const page = `<html xmlns="http://www.w3.org/1999/xhtml"><body><pre id="faults"/>${formatSvg(graph)}<script><![CDATA[${SCRIPT}]]></script></body></html>`
    const file = join(folder, `${index}.xhtml`)
    writeFileSync(file, page)
    const flags = [
      "--headless=new",
      "--no-sandbox",
      "--disable-gpu",
      `--user-data-dir=${join(folder, "profile")}`,
    ]
    const { stdout } = await run(CHROMIUM, [...flags, "--dump-dom", `file://${file}`])
    const found = /<pre id="faults">([^<]*)<\/pre>/.exec(stdout)?.[1]
    assert.ok(found !== undefined && found !== "", `Chromium shows no picture: ${stdout.slice(0, 300)}`)
    const text = found.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&")
    const seen = JSON.parse(text) as { faults: string[]; texts: number }
    assert.ok(seen.texts > 3)
    faults.push(...seen.faults.map((fault) => `${graph.title}: ${fault}`))
  }
  return faults
}

describe("in a browser", () => {
  const skip = existsSync(CHROMIUM)
    ? false
    : `${CHROMIUM} is not installed (Debian: apt-get install chromium)`
  test("nothing hides or leaves its box", { skip }, async () => {
    const long = "x".repeat(200)
    const wide = `upstream ${long} { server ${long}.example:80 weight=100 max_fails=3 fail_timeout=30s; }
      server { listen 127.0.0.1:8443 ssl proxy_protocol; http2 on; server_name ${long} ${long}; location /${long} { proxy_pass http://${long}; } }`
    const some = [chatGraph(), graphOf(HOSTILE), graphOf(wide)]
    assert.deepEqual(await faultsOf(some), [])
  })
})

describe("real configurations", () => {
  const skip = existsSync(WILD) ? false : "test/wild/sites is not there"
  test("are drawn", { skip }, async () => {
    for (const site of readdirSync(WILD)) {
      const path = join(WILD, site, "etc/nginx/nginx.conf")
      const graph = buildGraph(checkTree(readConfiguration(path), parseTarget("holdfast"), RULES), site)
      checkSvg(graph)
      checkMermaid(graph)
    }
  })
})
