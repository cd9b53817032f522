/** A map's value for a tunnel, where its key or one of its values is known at the tunnel's end only. */
import type { CompiledRegex } from "../runtime/regex.ts"
import type { Request } from "../runtime/request.ts"
import { finishText, type Template, type UnfinishedText } from "../runtime/template.ts"
import type { LateVariableGetter } from "../runtime/variables.ts"
import type { MapTable } from "./map-table.ts"

/** What a map is made of. */
export interface MapParts {
  readonly key: Template
  readonly table: MapTable
  /** What counts where no key matches; null: "". */
  readonly fallback: Template | null
  readonly hasHostnames: boolean
}

/** Values as far as they are known, by their templates: those of texts, and those of regular expressions in order. */
interface BegunValues {
  readonly texts: ReadonlyMap<Template, UnfinishedText>
  readonly regexes: readonly UnfinishedText[]
}

/** Begins a map for `request`. Which value counts is not known yet, so each that has variables in it is begun. */
export function beginMap(map: MapParts, values: readonly Template[], request: Request): LateVariableGetter {
  const texts = new Map<Template, UnfinishedText>()
  for (const value of values) if (value.constant === undefined) texts.set(value, value.begin(request, null))
  const regexes = map.table.regexes.map(({ regex, value }) =>
    value.constant === undefined ? value.begin(request, (name) => isCapture(name, regex)) : [value.constant],
  )
  return finisher(map, map.key.begin(request, null), { texts, regexes })
}

/** `$1` and named groups: the match that gives them is still to come. */
function isCapture(name: string, regex: CompiledRegex): boolean {
  return /^\d$/.test(name) || regex.names.includes(name)
}

/** Made apart from the request, so that it knows nothing of it. */
function finisher(map: MapParts, key: UnfinishedText, values: BegunValues): LateVariableGetter {
  const { table, fallback, hasHostnames } = map
  return (progress) => {
    const text = trimmedKey(finishText(key, progress, null), hasHostnames)
    const found = table.find(text)
    if (found === undefined && text !== "") {
      for (let i = 0; i < table.regexes.length; i++) {
        const match = table.regexes[i].regex.regex.exec(text)
        if (match !== null)
          return finishText(
            values.regexes[i],
            progress,
            (name) => match.groups?.[name] ?? match[Number(name)],
          )
      }
    }
    const value = found ?? fallback
    if (value === null) return ""
    return value.constant ?? finishText(values.texts.get(value) as UnfinishedText, progress, null)
  }
}

/** With `hostnames`, a dot at the end of a name does not count. */
export function trimmedKey(text: string, hasHostnames: boolean): string {
  return hasHostnames && text.endsWith(".") ? text.slice(0, -1) : text
}
