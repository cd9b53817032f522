/**
 * `proxy_cookie_domain`, `proxy_cookie_path`, `proxy_cookie_flags`: Set-Cookie of answers, rewritten.
 * ngx_http_proxy_rewrite_cookie.
 */
import type { ValueContext } from "../../config/row.ts"
import type { CompiledRegex } from "../../runtime/regex.ts"
import type { Request } from "../../runtime/request.ts"
import { type Template, template } from "../../runtime/template.ts"
import { compileConfigured } from "../core/regex-value.ts"

/** What `off` stands for, which takes back what is inherited. */
const OFF = { kind: "off" } as const

/** One directive as written: what to look for, and what to put in its place or, for flags, which. */
export type WrittenCookieRule<T> =
  | typeof OFF
  | { readonly kind: "text"; readonly from: Template; readonly to: T }
  | { readonly kind: "regex"; readonly from: CompiledRegex; readonly to: T }

export type CookieReplacement = WrittenCookieRule<Template>
export type CookieFlags = WrittenCookieRule<readonly Template[]>

const FLAGS = [
  "secure",
  "nosecure",
  "httponly",
  "nohttponly",
  "samesite=strict",
  "samesite=lax",
  "samesite=none",
  "nosamesite",
]

/** True where all that is to be read is `off`. */
function isOff(args: readonly string[], context: ValueContext): boolean {
  const former = context.scope.own.get(context.directive.name)?.value as readonly unknown[] | undefined
  const isOnlyOff = args.length === 1 && args[0] === "off"
  if (former !== undefined && (former[0] === OFF || isOnlyOff)) context.failDirective("is duplicate")
  if (args.length === 1 && !isOnlyOff) context.fail(`invalid parameter "${args[0]}"`)
  return isOnlyOff
}

export function parseCookieDomain(args: readonly string[], context: ValueContext): CookieReplacement {
  if (isOff(args, context)) return OFF
  const [from, to] = args as [string, string]
  if (from.startsWith("~")) {
    return {
      kind: "regex",
      from: compileConfigured(from.slice(1), true, context),
      to: template(to, context),
    }
  }
  return {
    kind: "text",
    from: template(withoutDot(from), context),
    to: template(withoutDot(to), context),
  }
}

function withoutDot(domain: string): string {
  return domain.startsWith(".") ? domain.slice(1) : domain
}

export function parseCookiePath(args: readonly string[], context: ValueContext): CookieReplacement {
  if (isOff(args, context)) return OFF
  const [from, to] = args as [string, string]
  if (!from.startsWith("~")) return { kind: "text", from: template(from, context), to: template(to, context) }
  const isCaseless = from.startsWith("~*")
  const regex = compileConfigured(from.slice(isCaseless ? 2 : 1), isCaseless, context)
  return { kind: "regex", from: regex, to: template(to, context) }
}

export function parseCookieFlags(args: readonly string[], context: ValueContext): CookieFlags {
  if (isOff(args, context)) return OFF
  const [name, ...words] = args as [string, ...string[]]
  const from = name.startsWith("~")
    ? compileConfigured(name.slice(1), true, context)
    : template(name, context)
  const to = words.map((word) => {
    const flag = template(word, context)
    // nginx takes any word, and says so in its debug log alone.
    if (flag.constant !== undefined && !FLAGS.includes(flag.constant.toLowerCase()))
      context.warn(`invalid proxy_cookie_flags flag "${word}" has no effect`)
    return flag
  })
  return "regex" in from ? { kind: "regex", from, to } : { kind: "text", from, to }
}

/** The rules of a location that do something; null where none does. */
export interface CookieRules {
  readonly domains: readonly CookieReplacement[]
  readonly paths: readonly CookieReplacement[]
  readonly flags: readonly CookieFlags[]
}

export function compileCookieRules(rules: CookieRules): CookieRules | null {
  const domains = withoutOff(rules.domains)
  const paths = withoutOff(rules.paths)
  const flags = withoutOff(rules.flags)
  return domains.length + paths.length + flags.length === 0 ? null : { domains, paths, flags }
}

function withoutOff<T extends { readonly kind: string }>(rules: readonly T[]): readonly T[] {
  return rules[0]?.kind === "off" ? [] : rules
}

/** An attribute of Set-Cookie; the first is the cookie itself. `value` is null where there is no "=". */
interface Attribute {
  readonly name: string
  readonly value: string | null
}

/** The new value of Set-Cookie, or undefined where no rule changes it. */
export function rewriteCookie(request: Request, rules: CookieRules, text: string): string | undefined {
  let attributes = parseAttributes(text)
  const [cookie] = attributes as [Attribute]
  if (cookie.value === null) return undefined
  let isChanged = false
  for (let i = 1; i < attributes.length; i++) {
    const { name, value } = attributes[i] as Attribute
    if (value === null) continue
    const key = name.toLowerCase()
    const changed =
      key === "domain"
        ? replace(request, rules.domains, value, replaceDomain)
        : key === "path"
          ? replace(request, rules.paths, value, replacePathPrefix)
          : undefined
    if (changed === undefined) continue
    attributes[i] = { name, value: changed }
    isChanged = true
  }
  const flags = flagsFor(request, rules.flags, cookie.name)
  if (flags.size > 0) {
    attributes = editFlags(attributes, flags)
    isChanged = true
  }
  return isChanged ? attributes.map(attributeText).join("; ") : undefined
}

function parseAttributes(text: string): Attribute[] {
  return text.split(";").map((part) => {
    const at = part.indexOf("=")
    if (at === -1) return { name: trim(part), value: null }
    return { name: trim(part.slice(0, at)), value: trim(part.slice(at + 1)) }
  })
}

/** Only blanks, as nginx does. */
function trim(text: string): string {
  let start = 0
  let end = text.length
  while (start < end && text[start] === " ") start++
  while (end > start && text[end - 1] === " ") end--
  return text.slice(start, end)
}

function attributeText({ name, value }: Attribute): string {
  return value === null ? name : `${name}=${value}`
}

type TextRule = (value: string, from: string, to: () => string) => string | undefined

/** The first rule that applies decides. */
function replace(
  request: Request,
  rules: readonly CookieReplacement[],
  value: string,
  byText: TextRule,
): string | undefined {
  for (const rule of rules) {
    if (rule.kind === "off") continue
    let changed: string | undefined
    if (rule.kind === "text")
      changed = byText(value, rule.from.evaluate(request), () => rule.to.evaluate(request))
    else changed = request.match(rule.from, value) ? rule.to.evaluate(request) : undefined
    if (changed !== undefined) return changed
  }
  return undefined
}

/** The whole of it, in any case; a dot in front stays. ngx_http_proxy_rewrite_domain_handler. */
function replaceDomain(value: string, from: string, to: () => string): string | undefined {
  const domain = withoutDot(value)
  if (domain.toLowerCase() !== from.toLowerCase()) return undefined
  return value.slice(0, value.length - domain.length) + to()
}

function replacePathPrefix(value: string, from: string, to: () => string): string | undefined {
  return value.startsWith(from) ? to() + value.slice(from.length) : undefined
}

/** The words of the first rule for the cookie of that name. */
function flagsFor(request: Request, rules: readonly CookieFlags[], name: string): Set<string> {
  const flags = new Set<string>()
  const rule = rules.find((one) => fits(request, one, name))
  if (rule === undefined || rule.kind === "off") return flags
  for (const word of rule.to) {
    const flag = word.evaluate(request).toLowerCase()
    if (FLAGS.includes(flag)) flags.add(flag)
  }
  return flags
}

function fits(request: Request, rule: CookieFlags, name: string): boolean {
  if (rule.kind === "off") return false
  if (rule.kind === "regex") return request.match(rule.from, name)
  return rule.from.evaluate(request).toLowerCase() === name.toLowerCase()
}

/** As ngx_http_proxy_edit_cookie_flags: what is there is kept, changed or left out; what is missing comes last. */
function editFlags(attributes: readonly Attribute[], flags: Set<string>): Attribute[] {
  const edited: Attribute[] = [attributes[0] as Attribute]
  for (const attribute of attributes.slice(1)) {
    const kept = editFlag(attribute, flags)
    if (kept !== undefined) edited.push(kept)
  }
  if (flags.has("secure")) edited.push({ name: "Secure", value: null })
  if (flags.has("httponly")) edited.push({ name: "HttpOnly", value: null })
  const [, site] = SAME_SITE.find(([flag]) => flags.has(flag)) ?? []
  if (site !== undefined) edited.push({ name: "SameSite", value: site })
  return edited
}

const SAME_SITE = [
  ["samesite=strict", "Strict"],
  ["samesite=lax", "Lax"],
  ["samesite=none", "None"],
] as const

/** The attribute as it is to be, undefined where it goes. A flag that it fulfils is taken out of `flags`. */
function editFlag(attribute: Attribute, flags: Set<string>): Attribute | undefined {
  const key = attribute.name.toLowerCase()
  if (key === "secure" || key === "httponly") {
    if (flags.delete(key)) return attribute
    return flags.has(`no${key}`) ? undefined : attribute
  }
  if (key !== "samesite") return attribute
  for (const [flag, site] of SAME_SITE) {
    if (!flags.delete(flag)) continue
    return attribute.value?.toLowerCase() === site.toLowerCase()
      ? attribute
      : { name: "SameSite", value: site }
  }
  return flags.has("nosamesite") ? undefined : attribute
}
