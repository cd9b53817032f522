import type { WorkResult } from "../bench.ts"
import type { FamilyRun, Run } from "./run.ts"
import { drawing, line, MARGIN, TITLE_HEIGHT, text, WIDTH } from "./svg.ts"
import { formatCount } from "./table.ts"

const COLUMNS = 2
const GAP = 24
const PANEL_WIDTH = (WIDTH - 2 * MARGIN - (COLUMNS - 1) * GAP) / COLUMNS
const PANEL_HEIGHT = 218
// Around the field in which the curves are.
const HEAD = 36
const FOOT = 34
const TICK_WIDTH = 34
const LABEL_WIDTH = 112
const LABEL_HEIGHT = 16
const MOST_TICKS = 4

/** One point of one peer's curve. */
interface Point {
  readonly size: number
  readonly value: number
  readonly growth: number | undefined
}

/** From sizes and values to places in the drawing. */
interface Scale {
  readonly left: number
  readonly right: number
  readonly top: number
  readonly bottom: number
  readonly most: number
  /** Of a size, on a logarithmic axis. */
  x(size: number): number
  /** Of a value, on an axis that begins at 0. */
  y(value: number): number
}

export function isOfCurves({ works }: FamilyRun): boolean {
  return works.some(({ point }) => point !== undefined)
}

/** A family of curves as a drawing: a panel for each, a line for each peer; flat is good. SVG 1.1. */
export function drawCurves(run: Run, family: FamilyRun): string {
  const curves = Map.groupBy(family.works, ({ point }) => point?.curve ?? "")
  let body = ""
  let index = 0
  for (const [name, works] of curves) {
    const left = MARGIN + (index % COLUMNS) * (PANEL_WIDTH + GAP)
    const top = TITLE_HEIGHT + Math.floor(index / COLUMNS) * PANEL_HEIGHT
    body += drawPanel(name, works, left, top)
    index++
  }
  const bottom = TITLE_HEIGHT + Math.ceil(curves.size / COLUMNS) * PANEL_HEIGHT
  const subtitle = `${family.works[0]?.unit ?? ""} of CPU per message or request: flat is good; at the end the cost over that at the smallest size; dashed: Holdfast's limit`
  return drawing(run, family.title, subtitle, body, bottom)
}

function drawPanel(name: string, works: readonly WorkResult[], left: number, top: number): string {
  const scale = makeScale(works, left, top)
  let out = text(left, top + 20, "text work", name) + drawAxes(works, scale)
  const ends: { readonly y: number; readonly label: string }[] = []
  for (const peer of new Set(works.flatMap(({ peers }) => peers.map((result) => result.peer)))) {
    const points = pointsOf(works, peer)
    const last = points[points.length - 1]
    const isOwn = peer === "holdfast"
    if (isOwn) out += drawLimit(works, points, scale)
    out += polyline(isOwn ? "curve own-curve" : "curve", points, scale)
    for (const { size, value } of points)
      out += `<circle class="${isOwn ? "own" : "reference"}" cx="${scale.x(size).toFixed(1)}" cy="${scale.y(value).toFixed(1)}" r="3"/>\n`
    ends.push({ y: scale.y(last.value), label: `${peer} × ${last.growth?.toFixed(2) ?? "?"}` })
  }
  return out + drawLabels(ends, scale)
}

function pointsOf(works: readonly WorkResult[], peer: string): Point[] {
  return works.flatMap(({ point, peers }) => {
    const result = peers.find((other) => other.peer === peer)
    if (point === undefined || result === undefined) return []
    return [{ size: point.size, value: result.value.median, growth: result.growth }]
  })
}

function makeScale(works: readonly WorkResult[], panelLeft: number, panelTop: number): Scale {
  const sizes = works.map(({ point }) => point?.size ?? 1)
  const first = Math.log(Math.min(...sizes))
  const range = Math.max(Math.log(Math.max(...sizes)) - first, Number.MIN_VALUE)
  // Room for the limit too, which is that of the growth over the smallest size.
  const highest = Math.max(
    ...works.flatMap(({ peers, limit = 0 }) =>
      peers.map(({ value, growth = 1 }) => value.median * Math.max(1, limit / growth)),
    ),
  )
  const step = tickStep(highest)
  const most = Math.ceil(highest / step) * step
  const [left, right] = [panelLeft + TICK_WIDTH, panelLeft + PANEL_WIDTH - LABEL_WIDTH]
  const [top, bottom] = [panelTop + HEAD, panelTop + PANEL_HEIGHT - FOOT]
  return {
    left,
    right,
    top,
    bottom,
    most,
    x: (size) => left + ((Math.log(size) - first) / range) * (right - left),
    y: (value) => bottom - (value / most) * (bottom - top),
  }
}

/** A round number of which no more than `MOST_TICKS` reach `highest`. */
function tickStep(highest: number): number {
  const power = 10 ** Math.floor(Math.log10(highest / MOST_TICKS))
  return power * ([1, 2, 5].find((factor) => factor * power * MOST_TICKS >= highest) ?? 10)
}

function drawAxes(works: readonly WorkResult[], { left, right, bottom, most, x, y }: Scale): string {
  const step = tickStep(most)
  let out = ""
  for (let value = 0; value <= most; value += step)
    out +=
      line("axis", left, y(value), right, y(value)) + text(left - 6, y(value) + 4, "dim", `${value}`, "end")
  for (const { point } of works)
    if (point !== undefined) out += text(x(point.size), bottom + 18, "dim", formatCount(point.size), "middle")
  return out
}

/** Where the curve would be if it grew as much as it may. */
function drawLimit(works: readonly WorkResult[], points: readonly Point[], scale: Scale): string {
  const limited = points.map(({ size }) => ({
    size,
    value: points[0].value * (works.find(({ point }) => point?.size === size)?.limit ?? 1),
  }))
  return polyline("limit", limited, scale)
}

function polyline(kind: string, points: readonly Pick<Point, "size" | "value">[], { x, y }: Scale): string {
  const places = points.map(({ size, value }) => `${x(size).toFixed(1)},${y(value).toFixed(1)}`)
  return `<polyline class="${kind}" points="${places.join(" ")}"/>\n`
}

/** Names at the ends of the curves, moved apart where they would lie on each other. */
function drawLabels(ends: readonly { readonly y: number; readonly label: string }[], scale: Scale): string {
  let out = ""
  let lowest = Number.NEGATIVE_INFINITY
  for (const { y, label } of ends.toSorted((a, b) => a.y - b.y)) {
    lowest = Math.max(y + 4, lowest + LABEL_HEIGHT)
    out += text(scale.right + 10, lowest, "text", label)
  }
  return out
}
