/** The verdict in a sentence or two. */
import type { Diagnosis, StepReport } from "./report.ts"

/** What it means that a step went well. */
const WORKS: Readonly<Record<string, string>> = {
  addresses: "the name and its addresses",
  tls: "TLS",
  redirect: "the redirect from http:",
  handshake: "the handshake",
  http2: "WebSockets over HTTP/2",
  messages: "messages",
  hold: "idle sockets",
  sticky: "stickiness",
  burst: "a burst of sockets",
}

export function verdictOf(steps: readonly StepReport[], diagnoses: readonly Diagnosis[]): string {
  const errors = diagnoses.filter(({ severity }) => severity === "error").map(({ what }) => sentence(what))
  const warnings = diagnoses.filter(({ severity }) => severity === "warning").length
  const works = worksOf(steps)
  if (errors.length === 0)
    return `The WebSocket works: ${works}.${warnings === 0 ? "" : ` ${countOf(warnings)} below.`}`
  return `${errors.join(" ")} ${works === "" ? "Nothing works before that." : `What works: ${works}.`}`
}

function worksOf(steps: readonly StepReport[]): string {
  const isFlapping = steps.some(
    ({ id, side, outcome }) => id === "experiments" && side === "edge" && outcome === "failed",
  )
  const good = steps.filter(
    ({ id, side, outcome }) => side === "edge" && outcome === "ok" && !(isFlapping && id === "handshake"),
  )
  return good.flatMap(({ id }) => WORKS[id] ?? []).join(", ")
}

function sentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`
}

function countOf(warnings: number): string {
  return warnings === 1 ? "One warning" : `${warnings} warnings`
}
