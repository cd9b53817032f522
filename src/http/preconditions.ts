/** Conditional requests (RFC 9110 §13), in nginx's order. ngx_http_not_modified_filter_module. */
import { parseHttpDate } from "./date.ts"
import type { HeaderList } from "./header-list.ts"

/** What a response is compared by. */
export interface Validators {
  /** Last-Modified, in seconds since the epoch; -1 where there is none. */
  readonly modifiedSeconds: number
  /** ETag; undefined where there is none. */
  readonly etag: string | undefined
}

/** How If-Modified-Since is read: not at all, met by the very time only, or by any that is not before it. */
export type IfModifiedSince = "off" | "exact" | "before"

const PROCEED = 0
const NOT_MODIFIED = 304
const PRECONDITION_FAILED = 412

/** Whether there is any condition to test. */
export function hasConditions(headers: HeaderList): boolean {
  const { keys } = headers
  for (let i = 0; i < keys.length; i++)
    switch (keys[i]) {
      case "if-match":
      case "if-none-match":
      case "if-modified-since":
      case "if-unmodified-since":
        return true
    }
  return false
}

/** What the conditions of `headers` make of a 200: 0 to answer as usual, 304 or 412. */
export function testPreconditions(
  headers: HeaderList,
  validators: Validators,
  ifModifiedSince: IfModifiedSince,
): number {
  const { modifiedSeconds, etag } = validators
  const unmodifiedSince = headers.get("if-unmodified-since")
  if (unmodifiedSince !== undefined && !isUnmodified(unmodifiedSince, modifiedSeconds))
    return PRECONDITION_FAILED
  const ifMatch = headers.get("if-match")
  if (ifMatch !== undefined && !matchesEtag(ifMatch, etag, false)) return PRECONDITION_FAILED
  const modifiedSince = headers.get("if-modified-since")
  const ifNoneMatch = headers.get("if-none-match")
  if (modifiedSince === undefined && ifNoneMatch === undefined) return PROCEED
  if (modifiedSince !== undefined && isModified(modifiedSince, modifiedSeconds, ifModifiedSince))
    return PROCEED
  if (ifNoneMatch !== undefined && !matchesEtag(ifNoneMatch, etag, true)) return PROCEED
  return NOT_MODIFIED
}

function isUnmodified(field: string, modifiedSeconds: number): boolean {
  return modifiedSeconds !== -1 && parseHttpDate(field) >= modifiedSeconds
}

function isModified(field: string, modifiedSeconds: number, ifModifiedSince: IfModifiedSince): boolean {
  if (ifModifiedSince === "off" || modifiedSeconds === -1) return true
  const since = parseHttpDate(field)
  if (since === modifiedSeconds) return false
  return ifModifiedSince === "exact" || since < modifiedSeconds
}

/** Whether `etag` is in the list `field`; `isWeak`: as what is left of both without `W/`. ngx_http_test_if_match. */
function matchesEtag(field: string, etag: string | undefined, isWeak: boolean): boolean {
  if (field === "*") return true
  if (etag === undefined) return false
  const wanted = isWeak && etag.startsWith("W/") ? etag.slice(2) : etag
  let at = 0
  while (at < field.length) {
    if (isWeak && field.startsWith("W/", at)) at += 2
    if (field.startsWith(wanted, at)) {
      at = skipBlanks(field, at + wanted.length)
      if (at === field.length || field.charAt(at) === ",") return true
    }
    const comma = field.indexOf(",", at)
    if (comma === -1) return false
    at = skipBlanks(field, comma, true)
  }
  return false
}

function skipBlanks(field: string, from: number, alsoCommas = false): number {
  let at = from
  for (; at < field.length; at++) {
    const c = field.charAt(at)
    if (c !== " " && c !== "\t" && !(alsoCommas && c === ",")) break
  }
  return at
}
