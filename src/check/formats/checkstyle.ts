/** Findings in the XML of Checkstyle, which most build servers read. */
import type { Finding } from "../finding.ts"

export function formatCheckstyle(findings: readonly Finding[]): string {
  const files = new Map<string, string[]>()
  for (const { file, line, column, severity, ruleId, message } of findings) {
    const lines = files.get(file) ?? []
    files.set(file, lines)
    lines.push(
      `    <error line="${line}" column="${column}" severity="${severity}" message="${escapeXml(message)}" source="holdfast.${escapeXml(ruleId)}"/>\n`,
    )
  }
  const inner = [...files].map(
    ([file, lines]) => `  <file name="${escapeXml(file)}">\n${lines.join("")}  </file>\n`,
  )
  return `<?xml version="1.0" encoding="UTF-8"?>\n<checkstyle version="8.0">\n${inner.join("")}</checkstyle>\n`
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "\t": "&#9;",
  "\n": "&#10;",
  "\r": "&#13;",
}

/** What has no place in XML, not even escaped: XML 1.0 §2.2. */
const NO_CHARACTERS = /[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/g

function escapeXml(text: string): string {
  return text
    .toWellFormed()
    .replaceAll(NO_CHARACTERS, "?")
    .replaceAll(/[&<>"\t\n\r]/g, (sign) => ENTITIES[sign] as string)
}
