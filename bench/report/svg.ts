/** What the drawings have in common. SVG 1.1; measures in CSS pixels of a drawing that is scaled to its place. */
import { captionOf, type Run } from "./run.ts"

export const WIDTH = 860
export const MARGIN = 20
/** Where the body begins, below title and subtitle. */
export const TITLE_HEIGHT = 58
const CAPTION_LINE = 15
const CAPTION_CHARS = 128

// Readable on white and on black; which of the two it is, the reader's browser says.
const STYLE = `
  svg { font-family: system-ui, -apple-system, "Segoe UI", sans-serif; font-size: 13px; }
  .ground { fill: #ffffff; } .text { fill: #1f2328; } .dim { fill: #59636e; }
  .title { font-size: 17px; font-weight: 600; } .work { font-weight: 600; } .caption { font-size: 11px; }
  .axis { stroke: #d1d9e0; } .bar { fill: #8c959f; } .own { fill: #0969da; } .reference { fill: #1a7f37; }
  .mark { stroke: #1a7f37; stroke-dasharray: 3 3; }
  .curve { fill: none; stroke: #1a7f37; stroke-width: 2; } .own-curve { stroke: #0969da; }
  .limit { fill: none; stroke: #8c959f; stroke-dasharray: 3 3; }
  @media (prefers-color-scheme: dark) {
    .ground { fill: #0d1117; } .text { fill: #f0f6fc; } .dim { fill: #9198a1; }
    .axis { stroke: #3d444d; } .bar { fill: #656c76; } .own { fill: #4493f8; } .reference { fill: #3fb950; }
    .mark { stroke: #3fb950; }
    .curve { stroke: #3fb950; } .own-curve { stroke: #4493f8; } .limit { stroke: #656c76; }
  }
`

/** A whole drawing: title and subtitle, `body`, which ends at `bottom`, and when and how it was measured. */
export function drawing(run: Run, title: string, subtitle: string, body: string, bottom: number): string {
  const captions = wrap(captionOf(run))
  const height = bottom + captions.length * CAPTION_LINE + MARGIN
  const caption = captions
    .map((content, index) => text(MARGIN, bottom + (index + 1) * CAPTION_LINE, "dim caption", content))
    .join("")
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escapeXml(title)}">
<style>${STYLE}</style>
<rect class="ground" width="${WIDTH}" height="${height}"/>
${text(MARGIN, 28, "text title", title)}${text(MARGIN, 46, "dim", subtitle)}${body}${caption}</svg>
`
}

export function line(kind: string, x1: number, y1: number, x2: number, y2: number): string {
  return `<line class="${kind}" x1="${x1.toFixed(1)}" y1="${y1.toFixed(1)}" x2="${x2.toFixed(1)}" y2="${y2.toFixed(1)}"/>\n`
}

/** `anchor`: which part of it is at `x`. */
export function text(
  x: number,
  y: number,
  kind: string,
  content: string,
  anchor: "start" | "middle" | "end" = "start",
): string {
  const at = `x="${x.toFixed(1)}" y="${y.toFixed(1)}"${anchor === "start" ? "" : ` text-anchor="${anchor}"`}`
  return `<text class="${kind}" ${at}>${escapeXml(content)}</text>\n`
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
