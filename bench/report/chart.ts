import type { PeerResult, WorkResult } from "../bench.ts"
import type { FamilyRun, Run } from "./run.ts"
import { drawing, line, MARGIN, TITLE_HEIGHT, text, WIDTH } from "./svg.ts"
import { commonMeasure, formatNumber, judge } from "./table.ts"

const NAME_WIDTH = 150
const VALUE_WIDTH = 170
const BAR_HEIGHT = 16
const ROW_HEIGHT = 22
const PANEL_HEAD = 34
const MAX_BAR = WIDTH - 2 * MARGIN - NAME_WIDTH - VALUE_WIDTH

/** One family as a drawing: a panel for each kind of work, a bar for each peer; shorter is better. SVG 1.1. */
export function drawFamily(run: Run, family: FamilyRun): string {
  const works = family.works.filter(({ peers }) => peers.length > 0)
  let y = TITLE_HEIGHT
  let body = ""
  for (const work of works) {
    body += drawWork(work, y)
    y += PANEL_HEAD + work.peers.length * ROW_HEIGHT + 8
  }
  const measure = `${commonMeasure(works)}, ${works[0]?.unit ?? ""}`
  return drawing(run, family.title, `${measure}: shorter is better; in brackets the ratio to nginx`, body, y)
}

function drawWork(work: WorkResult, top: number): string {
  const most = Math.max(...work.peers.map(({ value }) => value.median), Number.MIN_VALUE)
  const left = MARGIN + NAME_WIDTH
  const first = top + PANEL_HEAD
  const last = first + work.peers.length * ROW_HEIGHT
  const reference = work.peers.find(({ isReference }) => isReference)
  let out = text(MARGIN, top + 22, "text work", work.work) + line("axis", left, first - 2, left, last)
  if (reference !== undefined) out += mark(left + barLength(reference.value.median, most), first - 2, last)
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
    text(left - 8, baseline, "text", peer.peer, "end") +
    `<rect class="${kind}" x="${left}" y="${y}" width="${length.toFixed(1)}" height="${BAR_HEIGHT}" rx="2"/>\n` +
    text(left + length + 6, baseline, "dim", label)
  )
}

function mark(x: number, from: number, to: number): string {
  return line("mark", x, from, x, to)
}

/** A value below zero, such as memory that was given back, is drawn as none. */
function barLength(value: number, most: number): number {
  return Math.max(1, (Math.max(0, value) / most) * MAX_BAR)
}
