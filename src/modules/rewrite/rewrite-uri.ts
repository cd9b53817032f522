/** `rewrite`: another URI, or a redirect, for URIs that match. ngx_http_rewrite, ngx_http_script_regex_start_code. */
import { ERROR } from "../../base/logger.ts"
import type { ValueContext } from "../../config/row.ts"
import type { CompiledRegex } from "../../runtime/regex.ts"
import { compileConfigured, defineCaptures } from "../core/regex-value.ts"
import type { Instruction, Run } from "./program.ts"
import { Replacement } from "./replacement.ts"
import { unescapeRedirect } from "./unescape-redirect.ts"

const FOUND = 302
const MOVED_PERMANENTLY = 301
const INTERNAL_SERVER_ERROR = 500

/** How a rewriting ends. */
interface Manner {
  /** The status of a redirect; 0 for none. */
  readonly redirect: number
  /** The program ends. */
  readonly isLast: boolean
  /** The request stays in the location where it is. */
  readonly breaks: boolean
}

const USUAL: Manner = { redirect: 0, isLast: false, breaks: false }

const MANNERS: ReadonlyMap<string, Manner> = new Map([
  ["last", { redirect: 0, isLast: true, breaks: false }],
  ["break", { redirect: 0, isLast: true, breaks: true }],
  ["redirect", { redirect: FOUND, isLast: true, breaks: false }],
  ["permanent", { redirect: MOVED_PERMANENTLY, isLast: true, breaks: false }],
])

export function parseRewrite(args: readonly string[], context: ValueContext): Instruction {
  const [pattern, written, word] = args as [string, string, string?]
  if (written === "") context.fail("empty replacement")
  const regex = compileConfigured(pattern, false, context)
  defineCaptures(regex, context)
  const addsArgs = !written.endsWith("?")
  const text = addsArgs ? written : written.slice(0, -1)
  const manner = mannerOf(text, word, context)
  return new RewriteUri(regex, new Replacement(text, manner.redirect === 0, context), manner, addsArgs)
}

/** A URL redirects, whatever else is said; `permanent` says with which status. */
function mannerOf(text: string, word: string | undefined, context: ValueContext): Manner {
  const isUrl = text.startsWith("http://") || text.startsWith("https://") || text.startsWith("$scheme")
  const said = word === undefined ? USUAL : (MANNERS.get(word) ?? context.fail(`invalid parameter "${word}"`))
  return isUrl ? { ...said, redirect: said.redirect || FOUND, isLast: true } : said
}

class RewriteUri implements Instruction {
  readonly #regex: CompiledRegex
  readonly #replacement: Replacement
  readonly #manner: Manner
  /** The arguments that there are go behind those of the replacement: it has no "?" at its end. */
  readonly #addsArgs: boolean

  constructor(regex: CompiledRegex, replacement: Replacement, manner: Manner, addsArgs: boolean) {
    this.#regex = regex
    this.#replacement = replacement
    this.#manner = manner
    this.#addsArgs = addsArgs
  }

  run(run: Run): boolean {
    const { request } = run
    const { breaks, redirect } = this.#manner
    const doesMatch = request.match(this.#regex, request.uri)
    run.logMatch(this.#regex.source, request.uri, doesMatch)
    if (!doesMatch) {
      request.captures = null
      return true
    }
    request.isInternal = true
    request.isUriChanged = true
    if (breaks) request.isLocationValid = false
    run.isUriChanged = !breaks
    run.isQuoting = redirect !== 0
    run.isInArgs = false
    const text = this.#replacement.evaluate(run)
    run.isQuoting = false
    run.isInArgs = false
    if (redirect !== 0) return this.#redirect(run, text)
    return this.#change(run, text)
  }

  #redirect(run: Run, text: string): boolean {
    const { request } = run
    let url = unescapeRedirect(text)
    if (this.#addsArgs && request.args !== "")
      url += (this.#replacement.hasQuestion ? "&" : "?") + request.args
    run.logRedirect(url)
    request.response.setLocation(url)
    run.result = this.#manner.redirect
    return false
  }

  #change(run: Run, text: string): boolean {
    const { request } = run
    const { argsStart } = run
    if (argsStart !== -1) {
      const own = text.slice(argsStart)
      request.args = this.#addsArgs && request.args !== "" ? `${own}&${request.args}` : own
    } else if (!this.#addsArgs) request.args = ""
    request.hasArgs = request.args !== ""
    const uri = argsStart === -1 ? text : text.slice(0, argsStart)
    run.logRewritten(uri, request.args)
    request.uri = uri
    if (uri !== "") return !this.#manner.isLast
    request.log(ERROR, "the rewritten URI has a zero length")
    run.result = INTERNAL_SERVER_ERROR
    return false
  }
}
