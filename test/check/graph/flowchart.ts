/** The part of Mermaid's flowchart grammar that `holdfast graph` writes; anything else is an error. */

export interface FlowEdge {
  readonly from: string
  readonly to: string
}

export interface Flowchart {
  /** By id, with references resolved and lines joined by a line feed. */
  readonly labels: ReadonlyMap<string, string>
  readonly edges: readonly FlowEdge[]
}

/** What stands in quotes: nothing that Mermaid reads as Markdown, as a directive or as the text's end. */
const LABEL = String.raw`"((?:[\p{L}\p{N} /.,=@·…]|(?<=\w)-(?=\w)|#\d+;|<br/>)*)"`
const ID = "([a-z]\\d+(?:[np]\\d*)?)"

const FORMS = {
  comment: /^%%[^{}]*$/,
  subgraph: new RegExp(`^subgraph ${ID}\\[${LABEL}\\]$`, "u"),
  node: new RegExp(`^${ID}(?:\\[${LABEL}\\]|\\(\\[${LABEL}\\]\\)|\\{\\{${LABEL}\\}\\})$`, "u"),
  edge: new RegExp(`^${ID} (?:-->|-\\.->)(?:\\|${LABEL}\\|)? ${ID}$`, "u"),
  linkStyle: /^linkStyle (\d+(?:,\d+)*) [a-z-]+:[#\w]+(?:,[a-z-]+:[#\w]+)*$/,
  classDef: /^classDef [a-z]+ [a-z-]+:[#\w.]+(?:,[a-z-]+:[#\w.]+)*$/,
  class: /^class ([a-z]\d+(?:,[a-z]\d+)*) [a-z]+$/,
} as const

/** Throws where a line is none of the grammar, or speaks of what is not there. */
export function parseFlowchart(text: string): Flowchart {
  const lines = text.split("\n").map((line) => line.trim())
  if (lines[1] !== "flowchart LR" || lines.at(-1) !== "") throw new Error("no flowchart")
  const labels = new Map<string, string>()
  const edges: FlowEdge[] = []
  const asked: string[] = []
  const members = new Map<string, string>()
  let open: string | null = null
  for (const line of [lines[0] as string, ...lines.slice(2, -1)]) {
    const node = FORMS.node.exec(line)
    const subgraph = FORMS.subgraph.exec(line)
    const edge = FORMS.edge.exec(line)
    const styled = FORMS.linkStyle.exec(line)
    const classed = FORMS.class.exec(line)
    if (node !== null) {
      if (open !== null) members.set(node[1] as string, open)
      name(labels, node[1] as string, node.slice(2).find((one) => one !== undefined) as string)
    } else if (subgraph !== null && open === null) {
      name(labels, subgraph[1] as string, subgraph[2] as string)
      open = subgraph[1] as string
    } else if (line === "end" && open !== null) open = null
    else if (edge !== null && open === null) edges.push({ from: edge[1] as string, to: edge[3] as string })
    else if (styled !== null) checkStyled(styled[1] as string, edges.length)
    else if (classed !== null) asked.push(...(classed[1] as string).split(","))
    else if (!FORMS.comment.test(line) && !FORMS.classDef.test(line))
      throw new Error(`not understood: ${line}`)
  }
  asked.push(...edges.flatMap(({ from, to }) => [from, to]))
  const unknown = asked.find((id) => !labels.has(id))
  if (unknown !== undefined || open !== null) throw new Error(`"${unknown ?? "end"}" is not there`)
  // Mermaid: "Setting … as parent of … would create a cycle".
  const cycle = edges.find(({ from, to }) => members.get(from) === to || members.get(to) === from)
  if (cycle !== undefined) throw new Error(`${cycle.from} leads to what it is within, or has: ${cycle.to}`)
  return { labels, edges }
}

function name(labels: Map<string, string>, id: string, label: string): void {
  if (labels.has(id)) throw new Error(`${id} is there twice`)
  const lines = label.replaceAll("<br/>", "\n")
  labels.set(
    id,
    lines.replaceAll(/#(\d+);/g, (_, code: string) => String.fromCodePoint(Number(code))),
  )
}

function checkStyled(numbers: string, edges: number): void {
  for (const number of numbers.split(",")) if (Number(number) >= edges) throw new Error(`no edge ${number}`)
}
