/** Values of main directives that are checked as nginx checks them, and then left. ngx_core_module, ngx_event_core_module. */
import type { ValueContext } from "../../config/row.ts"
import { parseNumber } from "../../config/values.ts"

/** CPU_SETSIZE */
const MAX_CPUS = 1024

/** A number that may have a sign. ngx_set_priority. */
export function priority(text: string, context: ValueContext): number {
  const value = parseNumber(text.replace(/^[-+]/, ""))
  if (value === undefined) return context.failDirective("invalid number")
  return text.startsWith("-") ? -value : value
}

/** Masks of 0 and 1, or `auto` and one mask at most. ngx_set_cpu_affinity. */
export function cpuAffinity(args: readonly string[], context: ValueContext): readonly string[] {
  const isAuto = args[0] === "auto"
  if (isAuto && args.length > 2)
    context.fail('invalid number of arguments in "worker_cpu_affinity" directive')
  for (const mask of isAuto ? args.slice(1) : args) {
    if (mask.length > MAX_CPUS) context.fail(`"worker_cpu_affinity" supports up to ${MAX_CPUS} CPUs only`)
    const wrong = /[^01 ](?=[01 ]*$)/.exec(mask)
    if (wrong !== null) context.fail(`invalid character "${wrong[0]}" in "worker_cpu_affinity"`)
  }
  return args
}

/** `name threads=number [max_queue=number]`. ngx_thread_pool. */
export function threadPool(args: readonly string[], context: ValueContext): string {
  let threads = 0
  for (const arg of args.slice(1)) {
    if (arg.startsWith("threads="))
      threads = parseNumber(arg.slice(8)) || context.fail(`invalid threads value "${arg}"`)
    else if (arg.startsWith("max_queue=") && parseNumber(arg.slice(10)) === undefined)
      context.fail(`invalid max_queue value "${arg}"`)
  }
  if (threads === 0) context.fail('"thread_pool" must have "threads" parameter')
  const name = args[0] as string
  const names = context.note(POOLS, () => new Set<string>())
  if (names.has(name)) context.fail(`duplicate thread pool "${name}"`)
  names.add(name)
  return name
}

const POOLS = Symbol("thread pools")

/** The methods of all systems: a file may come from another one. ngx_event_use. */
export function eventMethod(text: string, context: ValueContext): string {
  if (["epoll", "poll", "select", "kqueue", "eventport", "/dev/poll"].includes(text)) return text
  return context.fail(`invalid event type "${text}"`)
}
