import type { PeerResult, WorkResult } from "../bench.ts"
import { captionOf, type FamilyRun, type Run } from "./run.ts"
import { commonMeasure, formatNumber, judge } from "./table.ts"

// Measures in CSS pixels of a drawing that is scaled to its place.
const WIDTH = 860
const MARGIN = 20
const NAME_WIDTH = 150
const VALUE_WIDTH = 170
const BAR_HEIGHT = 16
const ROW_HEIGHT = 22
const PANEL_HEAD = 34
const TITLE_HEIGHT = 58
const CAPTION_LINE = 15
const CAPTION_CHARS = 128
const MAX_BAR = WIDTH - 2 * MARGIN - NAME_WIDTH - VALUE_WIDTH

// Readable on white and on black; which of the two it is, the reader's browser says.
const STYLE = `
  svg { font-family: system-ui, -apple-system, "Segoe UI", sans-serif; font-size: 13px; }
  .ground { fill: #ffffff; } .text { fill: #1f2328; } .dim { fill: #59636e; }
  .title { font-size: 17px; font-weight: 600; } .work { font-weight: 600; } .caption { font-size: 11px; }
  .axis { stroke: #d1d9e0; } .bar { fill: #8c959f; } .own { fill: #0969da; } .reference { fill: #1a7f37; }
  .mark { stroke: #1a7f37; stroke-dasharray: 3 3; }
  @media (prefers-color-scheme: dark) {
    .ground { fill: #0d1117; } .text { fill: #f0f6fc; } .dim { fill: #9198a1; }
    .axis { stroke: #3d444d; } .bar { fill: #656c76; } .own { fill: #4493f8; } .reference { fill: #3fb950; }
    .mark { stroke: #3fb950; }
  }
`

/** One family as a drawing: a panel for each kind of work, a bar for each peer; shorter is better. SVG 1.1. */
export function drawFamily(run: Run, family: FamilyRun): string {
  const works = family.works.filter(({ peers }) => peers.length > 0)
  const captions = wrap(captionOf(run))
  let y = TITLE_HEIGHT
  let body = ""
  for (const work of works) {
    body += drawWork(work, y)
    y += PANEL_HEAD + work.peers.length * ROW_HEIGHT + 8
  }
  for (const line of captions) {
    y += CAPTION_LINE
    body += text(MARGIN, y, "dim caption", line)
  }
  const height = y + MARGIN
  const measure = `${commonMeasure(works)}, ${works[0]?.unit ?? ""}`
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escapeXml(family.title)}">
<style>${STYLE}</style>
<rect class="ground" width="${WIDTH}" height="${height}"/>
${text(MARGIN, 28, "text title", family.title)}${text(MARGIN, 46, "dim", `${measure}: shorter is better; in brackets the ratio to nginx`)}${body}</svg>
`
}

function drawWork(work: WorkResult, top: number): string {
  const most = Math.max(...work.peers.map(({ value }) => value.median), Number.MIN_VALUE)
  const left = MARGIN + NAME_WIDTH
  const first = top + PANEL_HEAD
  const last = first + work.peers.length * ROW_HEIGHT
  const reference = work.peers.find(({ isReference }) => isReference)
  let out = text(MARGIN, top + 22, "text work", work.work) + line("axis", left, first - 2, last)
  if (reference !== undefined)
    out += line("mark", left + barLength(reference.value.median, most), first - 2, last)
  work.peers.forEach((peer, index) => {
    out += drawBar(work, peer, left, first + index * ROW_HEIGHT, most)
  })
  return out
}

function drawBar(work: WorkResult, peer: PeerResult, left: number, y: number, most: number): string {
  const length = barLength(peer.value.median, most)
  const kind = peer.isReference ? "bar reference" : peer.peer === "holdfast" ? "bar own" : "bar"
  const { ratio } = judge(work, peer)
  const label =
    `${formatNumber(peer.value.median)} ${work.unit}` +
    (ratio === undefined || peer.isReference ? "" : ` (${ratio.toFixed(2)})`)
  const baseline = y + BAR_HEIGHT - 4
  return (
    `<text class="text" x="${left - 8}" y="${baseline}" text-anchor="end">${escapeXml(peer.peer)}</text>\n` +
    `<rect class="${kind}" x="${left}" y="${y}" width="${length.toFixed(1)}" height="${BAR_HEIGHT}" rx="2"/>\n` +
    text(left + length + 6, baseline, "dim", label)
  )
}

/** A value below zero, such as memory that was given back, is drawn as none. */
function barLength(value: number, most: number): number {
  return Math.max(1, (Math.max(0, value) / most) * MAX_BAR)
}

function line(kind: string, x: number, from: number, to: number): string {
  const at = x.toFixed(1)
  return `<line class="${kind}" x1="${at}" y1="${from}" x2="${at}" y2="${to}"/>\n`
}

function text(x: number, y: number, kind: string, content: string): string {
  return `<text class="${kind}" x="${x.toFixed(1)}" y="${y}">${escapeXml(content)}</text>\n`
}

function wrap(content: string): string[] {
  const lines: string[] = []
  let current = ""
  for (const word of content.split(" ")) {
    if (current !== "" && current.length + word.length >= CAPTION_CHARS) {
      lines.push(current)
      current = ""
    }
    current += current === "" ? word : ` ${word}`
  }
  return [...lines, current]
}

function escapeXml(content: string): string {
  return content
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
}
