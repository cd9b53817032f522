/** What stands below the picture: the findings by their numbers, and what the signs mean. */
import type { Severity } from "../finding.ts"
import type { Graph } from "./graph.ts"
import { escapeXml, type Font, fit, widthOf, wrap } from "./text.ts"

export interface EdgeStyle {
  readonly colour: string
  /** Of `stroke-dasharray`; "" for a line without gaps. */
  readonly dash: string
  /** In the legend. */
  readonly meaning: string
}

const EDGE_STYLES: Readonly<Record<string, EdgeStyle>> = {
  ws: { colour: "#7c3aed", dash: "", meaning: "the way of WebSockets" },
  plain: { colour: "#94a3b8", dash: "", meaning: "the way of other requests" },
  redirect: { colour: "#0369a1", dash: "2 3", meaning: "redirect of the client" },
  error: { colour: "#c2410c", dash: "7 3", meaning: "error_page" },
  auth: { colour: "#0f766e", dash: "7 3", meaning: "auth_request" },
  internal: { colour: "#475569", dash: "3 3", meaning: "try_files, mirror" },
}

export function edgeStyleOf(name: string): EdgeStyle {
  return EDGE_STYLES[name] as EdgeStyle
}

export const SEVERITY_COLOURS: Readonly<Record<Severity, string>> = {
  error: "#dc2626",
  warning: "#b45309",
  info: "#2563eb",
}

const TEXT: Font = { size: 12, family: "sans" }
const PLACE: Font = { size: 11, family: "mono" }
const LINE = 18

/** The number of a finding, in a disc of its severity's colour. */
export function badge(number: number, severity: Severity, x: number, y: number): string {
  const size = number > 99 ? 7.5 : 9.5
  const cx = Math.round(x * 10) / 10
  const cy = Math.round(y * 10) / 10
  return `<circle cx="${cx}" cy="${cy}" r="8.5" fill="${SEVERITY_COLOURS[severity]}"/><text x="${cx}" y="${cy + 3.4}" font-size="${size}" text-anchor="middle" class="bold" style="fill:#fff">${number}</text>`
}

interface Frame {
  readonly x: number
  readonly y: number
  readonly width: number
}

export function footerOf(graph: Graph, frame: Frame): { text: string; height: number } {
  const findings = findingsOf(graph, frame)
  const legend = legendOf(graph, { ...frame, y: frame.y + findings.height })
  return { text: [findings.text, legend.text].join("\n"), height: findings.height + legend.height }
}

function findingsOf({ findings }: Graph, { x, y, width }: Frame): { text: string; height: number } {
  if (findings.length === 0) return { text: "", height: 0 }
  const parts = [`<text x="${x}" y="${y}" font-size="14" class="bold">Findings</text>`]
  let top = y + 28
  findings.forEach(({ severity, file, line, message, ruleId }, index) => {
    const place = `${file}:${line}`
    const lines = wrap(message, width - 34, TEXT)
    parts.push(
      `<g><title>${escapeXml(`${severity} [${ruleId}]`)}</title>${badge(index + 1, severity, x + 9, top - 4)}`,
      `<text x="${x + 28}" y="${top}" font-size="11"><tspan class="mono bold">${escapeXml(fit(place, width / 2, PLACE))}</tspan><tspan class="caption" dx="10">${severity} ${escapeXml(ruleId)}</tspan></text>`,
      ...lines.map(
        (text, at) =>
          `<text x="${x + 28}" y="${top + (at + 1) * LINE}" font-size="12" class="note">${escapeXml(text)}</text>`,
      ),
      "</g>",
    )
    top += (lines.length + 1) * LINE + 10
  })
  return { text: parts.join("\n"), height: top - y + 16 }
}

/** Only of what the picture has. */
function legendOf(graph: Graph, { x, y, width }: Frame): { text: string; height: number } {
  const kinds = new Set<string>(graph.edges.map(({ kind }) => kind))
  const names = Object.keys(EDGE_STYLES).filter(
    (name) =>
      kinds.has(name) ||
      (name === "ws" && graph.edges.some(({ isWebSocket }) => isWebSocket)) ||
      (name === "plain" && graph.edges.some((one) => isWay(one.kind) && !one.isWebSocket)),
  )
  const signs = names.map((name) => ({
    sign: lineSign(edgeStyleOf(name)),
    meaning: edgeStyleOf(name).meaning,
  }))
  if (graph.edges.some(({ isChoice }) => isChoice))
    signs.push({
      sign: lineSign({ colour: "#94a3b8", dash: "6 4" }),
      meaning: "one of several: a variable or an if decides",
    })
  const severities = (["error", "warning", "info"] as const).filter((severity) =>
    graph.findings.some((one) => one.severity === severity),
  )
  for (const severity of severities)
    signs.push({
      sign: `<circle cx="19" cy="-4" r="6" fill="${SEVERITY_COLOURS[severity]}"/>`,
      meaning: `finding: ${severity}`,
    })
  let left = 0
  let top = y + 12
  const parts = signs.map(({ sign, meaning }) => {
    const room = 44 + widthOf(meaning, { size: 11, family: "sans" }) + 26
    if (left > 0 && left + room > width) {
      left = 0
      top += 22
    }
    const part = `<g transform="translate(${Math.round(x + left)} ${Math.round(top)})">${sign}<text x="42" y="0" font-size="11" class="note">${meaning}</text></g>`
    left += room
    return part
  })
  const rule = `<path d="M${x} ${Math.round(y - 14)}h${Math.round(width)}" stroke="#e2e8f0"/>`
  return { text: [rule, ...parts].join("\n"), height: top - y + 12 }
}

function isWay(kind: string): boolean {
  return kind === "accepts" || kind === "passes"
}

function lineSign({ colour, dash }: Pick<EdgeStyle, "colour" | "dash">): string {
  const dashes = dash === "" ? "" : ` stroke-dasharray="${dash}"`
  return `<path d="M2 -4h32" stroke="${colour}" stroke-width="2"${dashes}/>`
}
