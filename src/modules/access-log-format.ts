/** log_format: a line compiled once into texts and getters. ngx_http_log_compile_format. */
import type { ValueContext } from "../config/row.ts"
import { escapeDefault, escapeJson, type LogEscape } from "../observe/log-escape.ts"
import type { Progress } from "../runtime/progress.ts"
import type { Request } from "../runtime/request.ts"
import { resolveVariable, splitTemplate } from "../runtime/template.ts"
import type { LateVariableGetter, VariableGetter } from "../runtime/variables.ts"

/** The format of access_log without a name. */
export const COMBINED =
  '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent"'

/** Values made of digits, dots, letters and the like: there is nothing to escape in them. */
const PLAIN_VARIABLES: ReadonlySet<string> = new Set(
  `body_bytes_sent bytes_sent connection connection_requests connection_time msec nginx_version pid pipe remote_addr
  remote_port request_id request_length request_time scheme server_addr server_port status time_iso8601 time_local
  upstream_bytes_received upstream_bytes_sent upstream_connect_time upstream_header_time
  upstream_response_length upstream_response_time upstream_status`.split(/\s+/),
)

interface Field {
  readonly name: string
  /** The text behind it, up to the next one. */
  after: string
}

/** Begins to read a late variable for a request that becomes a tunnel. */
type Starter = (request: Request) => LateVariableGetter

/** A late variable of a line: what to ask, and the place of its field. */
interface LateField {
  readonly read: LateVariableGetter
  readonly at: number
}

/** A line whose late variables are still to be asked. */
export type UnfinishedLine = readonly (string | LateField)[]

export class LogFormat {
  readonly name: string
  readonly #escape: LogEscape
  /** The text before the first variable; the whole line's where there is none. */
  readonly #before: string
  readonly #fields: readonly Field[]
  /** In step: a getter, what begins it where it is late, the text behind its value, whether that needs no escaping. */
  #getters: VariableGetter[] = []
  #starters: (Starter | undefined)[] = []
  readonly #texts: string[] = []
  readonly #isPlain: boolean[] = []

  /** Compiles `text`; fails with nginx's words for a bad name. `bind` must follow before a line is made. */
  constructor(name: string, escaping: LogEscape, text: string, context: ValueContext) {
    this.name = name
    this.#escape = escaping
    const fields: Field[] = []
    let before = ""
    for (const piece of splitTemplate(text, context, `invalid parameter "${text}"`)) {
      const last = fields.at(-1)
      if (piece.isVariable) fields.push({ name: piece.text, after: "" })
      else if (last === undefined) before += piece.text
      else last.after += piece.text
    }
    this.#fields = fields
    this.#before = before
    for (const { name: variable, after } of fields) {
      this.#texts.push(after)
      this.#isPlain.push(escaping === "none" || PLAIN_VARIABLES.has(variable))
    }
    // The line ends with its line feed: one concatenation fewer.
    if (fields.length === 0) this.#before += "\n"
    else this.#texts[fields.length - 1] += "\n"
  }

  /** Looks the variables up. Fails with nginx's `unknown "x" variable`. */
  bind(context: ValueContext): void {
    this.#getters = this.#fields.map((field) => resolveVariable(field.name, context))
    this.#starters = this.#fields.map(
      (field) => context.variables.lateStarter(field.name) as Starter | undefined,
    )
  }

  /**
   * The line of a request that becomes a tunnel: all that is known now as text, late variables as what to ask.
   * It holds nothing of the request. `unfinishedLine` and `finishedLine` together give what `line` would.
   */
  unfinishedLine(request: Request): UnfinishedLine {
    const line: (string | LateField)[] = []
    let text = this.#before
    for (let i = 0; i < this.#getters.length; i++) {
      const starter = this.#starters[i]
      if (starter !== undefined) {
        line.push(text, { read: starter(request), at: i })
        text = this.#texts[i]
      } else text += this.#valueText(this.#getters[i](request), i) + this.#texts[i]
    }
    line.push(text)
    return line
  }

  finishedLine(line: UnfinishedLine, progress: Progress): string {
    let out = ""
    for (const part of line)
      out += typeof part === "string" ? part : this.#valueText(part.read(progress), part.at)
    return out
  }

  #valueText(value: string | undefined, at: number): string {
    if (value === undefined) return this.#escape === "default" ? "-" : ""
    if (this.#isPlain[at]) return value
    return this.#escape === "default" ? escapeDefault(value) : escapeJson(value)
  }

  /** The line for `request`, line feed included. A variable without value is `-`, in JSON and none "". */
  line(request: Request): string {
    const getters = this.#getters
    const texts = this.#texts
    let out = this.#before
    for (let i = 0; i < getters.length; i++) out += this.#valueText(getters[i](request), i) + texts[i]
    return out
  }
}
