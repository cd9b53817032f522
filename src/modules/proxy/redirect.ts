/** `proxy_redirect`: Location and Refresh of answers, rewritten. ngx_http_proxy_redirect. */
import type { ValueContext } from "../../config/row.ts"
import type { CompiledRegex } from "../../runtime/regex.ts"
import type { Request } from "../../runtime/request.ts"
import { type Template, template } from "../../runtime/template.ts"
import { compileConfigured } from "../core/regex-value.ts"

/** One `proxy_redirect` directive as written. */
export type WrittenRedirect =
  | { readonly kind: "off" }
  | { readonly kind: "default"; readonly context: ValueContext }
  | { readonly kind: "prefix"; readonly from: Template; readonly to: Template }
  | { readonly kind: "regex"; readonly from: CompiledRegex; readonly to: Template }

export function parseRedirect(args: readonly string[], context: ValueContext): WrittenRedirect {
  const [from, to] = args as [string, string?]
  const { own } = context.scope
  const former = own.get("proxy_redirect")?.value as readonly WrittenRedirect[] | undefined
  if (former !== undefined && (former[0]?.kind === "off" || (from === "off" && to === undefined)))
    context.failDirective("is duplicate")
  if (to === undefined) {
    if (from === "off") return { kind: "off" }
    if (from !== "default") return context.fail(`invalid parameter "${from}"`)
    if (!own.has("proxy_pass"))
      context.fail('"proxy_redirect default" should be placed after the "proxy_pass" directive')
    return { kind: "default", context }
  }
  const replacement = template(to, context)
  if (!from.startsWith("~")) return { kind: "prefix", from: template(from, context), to: replacement }
  const isCaseless = from.startsWith("~*")
  return {
    kind: "regex",
    from: compileConfigured(from.slice(isCaseless ? 2 : 1), isCaseless, context),
    to: replacement,
  }
}

/** One rewriting in force: returns the new text, or undefined where it does not apply. */
export type Redirect = (request: Request, text: string) => string | undefined

/** The redirects of a location. `implied` is what `default` means there: the proxy_pass URL and the location. */
export function compileRedirects(
  written: readonly WrittenRedirect[],
  implied: { from: string; to: string } | undefined,
): readonly Redirect[] {
  const entries: readonly (WrittenRedirect | undefined)[] = written.length === 0 ? [undefined] : written
  const redirects: Redirect[] = []
  for (const entry of entries) {
    if (entry?.kind === "off") return redirects
    if (entry === undefined || entry.kind === "default") {
      if (implied !== undefined)
        redirects.push((_request, text) => replacePrefix(text, implied.from, implied.to))
      else if (entry !== undefined)
        entry.context.fail(
          '"proxy_redirect default" cannot be used with "proxy_pass" directive with variables',
        )
    } else if (entry.kind === "prefix")
      redirects.push((request, text) =>
        replacePrefix(text, entry.from.evaluate(request), entry.to.evaluate(request)),
      )
    else
      redirects.push((request, text) =>
        request.match(entry.from, text) ? entry.to.evaluate(request) : undefined,
      )
  }
  return redirects
}

function replacePrefix(text: string, from: string, to: string): string | undefined {
  return text.startsWith(from) ? to + text.slice(from.length) : undefined
}

/** Applies the first redirect that fits; undefined where none does. */
export function rewriteLocation(
  request: Request,
  redirects: readonly Redirect[],
  text: string,
): string | undefined {
  for (const redirect of redirects) {
    const rewritten = redirect(request, text)
    if (rewritten !== undefined) return rewritten
  }
  return undefined
}

/** The URL within a Refresh header (`0; url=…`) is rewritten like a Location. */
export function rewriteRefresh(
  request: Request,
  redirects: readonly Redirect[],
  text: string,
): string | undefined {
  const at = text.toLowerCase().indexOf("url=")
  if (at === -1) return undefined
  const start = at + "url=".length
  const rewritten = rewriteLocation(request, redirects, text.slice(start))
  return rewritten === undefined ? undefined : text.slice(0, start) + rewritten
}
