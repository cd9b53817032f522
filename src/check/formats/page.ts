/** The pages of rules. */
import type { Rule } from "../rule.ts"

const WIDTH = 80

/** `--explain`: for a terminal. */
export function formatPage({ id, severity, title, page }: Rule): string {
  const part = (head: string, text: string): string => `${head}\n${wrap(text, "  ")}\n\n`
  return (
    `${id} (${severity})\n${wrap(title, "")}\n\n` +
    part("What happens", page.happens) +
    part("Where it shows", page.shows) +
    part("Why", page.why) +
    part("What to write", page.fix)
  )
    .trimEnd()
    .concat("\n")
}

/** `--list` */
export function formatRuleList(rules: readonly Rule[]): string {
  const width = Math.max(...rules.map(({ id }) => id.length))
  return rules
    .map(({ id, severity, title }) => `${id.padEnd(width)}  ${severity.padEnd(7)}  ${title}\n`)
    .join("")
}

/** Breaks lines between words; lines of their own stay lines of their own (configuration). */
function wrap(text: string, indent: string): string {
  return text
    .split("\n")
    .map((line) => {
      const lines = [""]
      for (const word of line.split(" ")) {
        const last = lines.length - 1
        const longer = lines[last] === "" ? word : `${lines[last]} ${word}`
        if (longer.length + indent.length > WIDTH && lines[last] !== "") lines.push(word)
        else lines[last] = longer
      }
      return lines.map((one) => indent + one).join("\n")
    })
    .join("\n")
}
