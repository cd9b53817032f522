/** limit_rate, limit_rate_after: how fast responses go to a client. ngx_http_core_module, ngx_http_write_filter_module. */
import { ERROR } from "../../base/logger.ts"
import {
  type Conf,
  directives,
  HTTP,
  LOCATION,
  LOCATION_IF,
  SERVER,
  type ValueContext,
} from "../../config/row.ts"
import type { Scope } from "../../config/scope.ts"
import { parseSize } from "../../config/values.ts"
import { ExchangeFilter } from "../../runtime/exchange-filter.ts"
import { defineModule, type LocationContext, type Module, type WorkerServices } from "../../runtime/module.ts"
import { NEXT, type PhaseResult } from "../../runtime/phases.ts"
import type { Request } from "../../runtime/request.ts"
import { type Template, template } from "../../runtime/template.ts"
import { type RateLimit, RateLimitedExchange } from "./rate-limited-exchange.ts"

const ALL = HTTP | SERVER | LOCATION | LOCATION_IF

const UNLIMITED: RateLimit = { rate: 0, after: 0 }

interface LimitRateSettings {
  readonly rate: Template | null
  readonly after: Template | null
  readonly services: WorkerServices
}

const rows = directives({
  limit_rate: {
    in: ALL,
    value: sizeTemplate,
    syntax: "rate",
    doc: "Bytes of a response that go to the client in a second; 0, or left out: as fast as it takes them.",
  },
  limit_rate_after: {
    in: ALL,
    value: sizeTemplate,
    syntax: "size",
    doc: "Bytes of a response that go before limit_rate holds.",
  },
})

type LimitRateConf = Conf<typeof rows>

type SharedSettings = WeakMap<LimitRateConf, LimitRateSettings>

/** There is one of these for every location: a request may be given a rate wherever it is. */
export const limitRate: Module<LimitRateSettings, SharedSettings> = defineModule({
  name: "limit_rate",
  directives: rows,
  main: (): SharedSettings => new WeakMap(),
  location: settingsOf,
  variables: {
    names: { limit_rate: (request) => String(rateLimitedExchange(request)?.rate ?? 0) },
    setters: { limit_rate: setRate },
  },
})

/** What begins the limit, where a location has one: before anything answers. */
export const limitRateStart: Module<true, undefined> = defineModule({
  name: "limit_rate_start",
  directives: directives({}),
  location: (_conf, { location, scope }): true | undefined =>
    (location.of(limitRate)?.rate ?? null) !== null || hasRateWithin(scope) ? true : undefined,
  phases: { serverRewrite: begin, rewrite: begin, preaccess: begin },
})

/** An `if` that answers by itself is left no time to begin. */
function hasRateWithin(scope: Scope): boolean {
  return scope.blocks("if").some((block) => block.own.has("limit_rate"))
}

/** Gives the response a rate in bytes a second, 0 for none: X-Accel-Limit-Rate, `set $limit_rate`. */
export function limitResponseRate(request: Request, bytesPerSecond: number): void {
  limited(request).rate = bytesPerSecond
}

/** A number of bytes that may be made of variables. ngx_http_set_complex_value_size_slot. */
function sizeTemplate(text: string, context: ValueContext): Template {
  const value = template(text, context)
  if (value.constant !== undefined && parseSize(value.constant) === undefined)
    context.failDirective("invalid value")
  return value
}

function settingsOf(conf: LimitRateConf, context: LocationContext): LimitRateSettings {
  const shared = context.main(limitRate)
  let settings = shared.get(conf)
  if (settings === undefined) {
    const { limit_rate: rate, limit_rate_after: after } = conf
    settings = { rate: rate ?? null, after: after ?? null, services: context.services }
    shared.set(conf, settings)
  }
  return settings
}

function setRate(request: Request, value: string): void {
  const rate = parseSize(value)
  if (rate === undefined) request.log(ERROR, `invalid $limit_rate "${value}"`)
  else limitResponseRate(request, rate)
}

function begin(request: Request): PhaseResult {
  limited(request)
  return NEXT
}

function rateLimitedExchange(request: Request): RateLimitedExchange | undefined {
  return ExchangeFilter.find(request, RateLimitedExchange)
}

function limited(request: Request): RateLimitedExchange {
  const known = rateLimitedExchange(request)
  if (known !== undefined) return known
  const { services } = request.location.of(limitRate) as LimitRateSettings
  const made = new RateLimitedExchange(request, services, limitOf)
  request.exchange = made
  return made
}

/** What the location that answers says, where the request has no rate of its own (-1). */
function limitOf(request: Request, ownRate: number): RateLimit {
  const settings = request.location.of(limitRate)
  if (settings === undefined) return UNLIMITED
  const rate = ownRate === -1 ? sizeOf(request, settings.rate) : ownRate
  return rate === 0 ? UNLIMITED : { rate, after: sizeOf(request, settings.after) }
}

/** ngx_http_complex_value_size */
function sizeOf(request: Request, value: Template | null): number {
  if (value === null) return 0
  const text = value.evaluate(request)
  const size = parseSize(text)
  if (size === undefined) request.log(ERROR, `invalid size "${text}"`)
  return size ?? 0
}
