/** A report for people: as wide as the terminal, colour where it is asked for. */

import { printable } from "../../base/visible-text.ts"
import { formatDuration } from "../../client/duration.ts"
import type { Diagnosis, Outcome, Report, Severity, StepReport, Suspect } from "../report.ts"
import { hanging, wrap } from "./wrap.ts"

const MARKS: Readonly<Record<Outcome, string>> = {
  ok: "ok",
  warning: "warn",
  failed: "FAIL",
  info: "info",
  skipped: "skip",
}
const COLOURS: Readonly<Record<Outcome | Severity, string>> = {
  ok: "32",
  warning: "33",
  failed: "31",
  error: "31",
  info: "36",
  skipped: "2",
}
const MARK_WIDTH = 6
const TITLE_WIDTH = 13
const DETAIL_INDENT = 8
const ROUND_WORD_WIDTH = 10

export interface TextOptions {
  readonly isColoured: boolean
  /** Also the lines that belong to steps that went well. */
  readonly isVerbose: boolean
  /** Columns. */
  readonly width: number
  /** Bytes as they were seen are broken, too: on a terminal, where they would be otherwise. */
  readonly breaksDetails: boolean
}

/** What is shown before the first step; ends with an empty line. */
export function formatTitle(url: string, backendUrl: string | undefined): string {
  const backend = backendUrl === undefined ? "" : `, and its backend ${printable(backendUrl)}`
  return `holdfast probe ${printable(url)}${backend}\n\n`
}

/** A step as it ends; ends with a line feed. */
export function formatStep(report: StepReport, options: TextOptions): string {
  const { outcome, summary, details, side } = report
  const mark = paint(MARKS[outcome].padEnd(MARK_WIDTH), COLOURS[outcome], options)
  const title = side === "backend" ? "· backend" : report.title
  const indent = MARK_WIDTH + TITLE_WIDTH
  const [first = "", ...more] = wrap(printable(summary), options.width - indent)
  const lines = [`${mark}${title.padEnd(TITLE_WIDTH)}${first}`]
  for (const line of more) lines.push(" ".repeat(indent) + line)
  if (options.isVerbose || outcome === "failed" || outcome === "warning")
    for (const line of details) lines.push(...detailLines(printable(line), options))
  return `${lines.map((line) => line.trimEnd()).join("\n")}\n`
}

function detailLines(text: string, { width, breaksDetails }: TextOptions): string[] {
  const indent = " ".repeat(DETAIL_INDENT)
  if (!breaksDetails || text.length <= width - DETAIL_INDENT) return [indent + text]
  const pieces: string[] = []
  const room = width - DETAIL_INDENT
  for (let at = 0; at < text.length; at += room) pieces.push(indent + text.slice(at, at + room))
  return pieces
}

/** The verdict; ends with a line feed. */
export function formatVerdict(report: Report, options: TextOptions): string {
  const { isHealthy, tookMs, verdict, diagnoses } = report
  const word = isHealthy ? "healthy" : "unhealthy"
  const lead = `${word} (${formatDuration(tookMs)}): `
  const [first = "", ...more] = hanging(lead, printable(verdict), options.width, 2)
  const lines = [
    paint(first.slice(0, word.length), isHealthy ? "1;32" : "1;31", options) + first.slice(word.length),
  ]
  const blocks = diagnoses.map((diagnosis) => formatDiagnosis(diagnosis, options))
  return `\n${[...lines, ...more].join("\n")}\n${blocks.join("")}`
}

function formatDiagnosis({ what, suspects, severity }: Diagnosis, options: TextOptions): string {
  const [first = "", ...more] = hanging(`${severity}: `, printable(what), options.width, 2)
  const head = paint(severity, `1;${COLOURS[severity]}`, options) + first.slice(severity.length)
  const parts = suspects.map((suspect, index) => formatSuspect(suspect, index, options))
  return `\n${[head, ...more].join("\n")}\n${parts.join("")}`
}

function formatSuspect(suspect: Suspect, index: number, options: TextOptions): string {
  const { title, hop, certainty, evidence, mend } = suspect
  const field = (name: string, text: string): string[] =>
    hanging(`     ${name.padEnd(5)}`, printable(text), options.width)
  const lines = [
    ...hanging(`  ${index + 1}. `, `${certainty}: ${printable(title)}`, options.width),
    ...field("who", hop),
  ]
  for (const [at, text] of evidence.entries()) lines.push(...field(at === 0 ? "seen" : "", text))
  for (const { where, text } of mend) {
    lines.push(...field("mend", `${where}:`))
    // As it is to be pasted: not broken.
    for (const line of text.split("\n")) lines.push(`            ${paint(printable(line), "36", options)}`)
  }
  return `${lines.join("\n")}\n`
}

function paint(text: string, colour: string, { isColoured }: TextOptions): string {
  return isColoured ? `\x1b[${colour}m${text}\x1b[0m` : text
}

/** A round of --watch in one line; ends with a line feed. */
export function formatRound(report: Report, options: TextOptions): string {
  const { startedAt, isHealthy, tookMs, diagnoses, steps } = report
  const word = paint(
    (isHealthy ? "healthy" : "unhealthy").padEnd(ROUND_WORD_WIDTH),
    isHealthy ? "32" : "31",
    options,
  )
  const handshake = steps.find(({ id, side }) => id === "handshake" && side === "edge")
  const what = diagnoses[0]?.what ?? handshake?.summary ?? ""
  const line = `${startedAt.slice(0, 19)}Z  ${formatDuration(tookMs).padStart(7)}  `
  return `${line}${word}${cut(printable(what), options.width - line.length - ROUND_WORD_WIDTH)}\n`
}

function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, width - 3)}...`
}
