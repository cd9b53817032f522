/**
 * Directives of a cache that is off. nginx has its cache off until `proxy_cache` names a zone, and then these do nothing:
 * files are full of `proxy_cache_bypass $http_upgrade`. ngx_http_proxy_module.
 */

import { type Arity, directives, HTTP, LOCATION, SERVER, type ValueContext } from "../../config/row.ts"
import {
  flag,
  joinSets,
  milliseconds,
  number,
  offset,
  parseNumber,
  parseWholeSeconds,
  someOf,
} from "../../config/values.ts"
import { template } from "../../runtime/template.ts"

const ALL = HTTP | SERVER | LOCATION
const ANY: Arity = [1, Number.POSITIVE_INFINITY]
const DOC = "Has no meaning while there is no cache, as in nginx."

/** The words of proxy_next_upstream: nginx has one list for both. */
const staleReasons = someOf(
  ..."error timeout invalid_header non_idempotent http_500 http_502 http_503 http_504 http_403 http_404 http_429 updating off".split(
    " ",
  ),
)

export const cacheDirectives = directives({
  proxy_cache: {
    in: ALL,
    value: cacheOff,
    default: "off",
    syntax: "off",
    differs: "Any other value is refused: there is no cache.",
    doc: "Off is all there is: answers are not cached.",
  },
  proxy_store: {
    in: ALL,
    value: storeOff,
    default: "off",
    syntax: "off",
    differs: "Any other value is refused.",
    doc: "Off is all there is: answers are not stored as files.",
  },
  proxy_cache_bypass: { in: ALL, args: ANY, list: checkTemplates, syntax: "string …", doc: DOC },
  proxy_no_cache: { in: ALL, args: ANY, list: checkTemplates, syntax: "string …", doc: DOC },
  proxy_cache_key: { in: ALL, args: 1, list: checkTemplates, syntax: "string", doc: DOC },
  proxy_cache_valid: { in: ALL, args: ANY, list: validity, syntax: "[code …] time", doc: DOC },
  proxy_cache_use_stale: { in: ALL, args: ANY, parse: staleReasons, join: joinSets, doc: DOC },
  proxy_cache_methods: { in: ALL, args: ANY, parse: someOf("get", "head", "post"), join: joinSets, doc: DOC },
  proxy_cache_min_uses: { in: ALL, value: number, doc: DOC },
  proxy_cache_lock: { in: ALL, value: flag, doc: DOC },
  proxy_cache_lock_age: { in: ALL, value: milliseconds, doc: DOC },
  proxy_cache_lock_timeout: { in: ALL, value: milliseconds, doc: DOC },
  proxy_cache_revalidate: { in: ALL, value: flag, doc: DOC },
  proxy_cache_background_update: { in: ALL, value: flag, doc: DOC },
  proxy_cache_convert_head: { in: ALL, value: flag, doc: DOC },
  proxy_cache_max_range_offset: { in: ALL, value: offset, doc: DOC },
  proxy_store_access: { in: ALL, args: [1, 3], parse: access, syntax: "users:permissions …", doc: DOC },
})

/** ngx_http_file_cache_valid_set_slot */
function validity(args: readonly string[], context: ValueContext): number {
  const time = args.at(-1) as string
  const ms = parseWholeSeconds(time) ?? context.fail(`invalid time value "${time}"`)
  for (const code of args.slice(0, -1)) {
    const status = parseNumber(code)
    if (code !== "any" && (status === undefined || status < 100 || status > 599))
      context.fail(`invalid status "${code}"`)
  }
  return ms
}

/** ngx_conf_set_access_slot */
function access(args: readonly string[], context: ValueContext): readonly string[] {
  for (const arg of args) if (!/^(user|group|all):(rw|r)$/.test(arg)) context.fail(`invalid value "${arg}"`)
  return args
}

function cacheOff(text: string, context: ValueContext): "off" {
  if (text !== "off")
    context.fail(
      `"proxy_cache ${text}" is not supported by Holdfast: put a cache (Varnish, nginx) between Holdfast and the backend, or remove the line`,
    )
  return "off"
}

function storeOff(text: string, context: ValueContext): "off" {
  if (text !== "off")
    context.fail(
      `"proxy_store ${text}" is not supported by Holdfast: have the backend keep its own files, or remove the line`,
    )
  return "off"
}

/** A variable that does not exist is an error, whatever it would be for. */
function checkTemplates(args: readonly string[], context: ValueContext): true {
  for (const text of args) template(text, context)
  return true
}
