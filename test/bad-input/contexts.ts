/** Lines put into each context of the language, for tests that try every directive everywhere. */
import {
  EVENTS,
  HTTP,
  LIMIT_EXCEPT,
  LOCATION,
  LOCATION_IF,
  MAIN,
  SERVER,
  SERVER_IF,
  UPSTREAM,
} from "../../src/config/row.ts"

export interface Context {
  readonly name: string
  readonly bit: number
  /** A whole file with `lines` in this context, the first of them on `LINE`. */
  wrap(lines: string): string
}

/** Where the first line of what is wrapped stands. */
export const LINE = 3

/** `before` is all on line 2; line 1 is for what only one of two programs needs. */
function context(name: string, bit: number, before: string, after: string): Context {
  return { name, bit, wrap: (lines) => `\n${before}\n${lines}\n${after}\n` }
}

const SERVER_START = "events {} http { server { listen unix:{dir}/s.sock;"

export const CONTEXTS: readonly Context[] = [
  context("location", LOCATION, `${SERVER_START} location / {`, "} } }"),
  context("server", SERVER, SERVER_START, "} }"),
  context("http", HTTP, "events {} http {", "}"),
  context("upstream", UPSTREAM, "events {} http { upstream backend {", "server 127.0.0.1; } }"),
  context("main", MAIN, "", "events {}"),
  context("events", EVENTS, "events {", "}"),
  context("if in location", LOCATION_IF, `${SERVER_START} location / { if ($http_x) {`, "} } } }"),
  context("if in server", SERVER_IF, `${SERVER_START} if ($http_x) {`, "} } }"),
  context("limit_except", LIMIT_EXCEPT, `${SERVER_START} location / { limit_except GET {`, "} } } }"),
]
