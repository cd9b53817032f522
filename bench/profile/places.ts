import { type Frame, isInKernel, type Sample } from "./samples.ts"

/** Whose time a sample is. */
export type Owner = "kernel" | "native" | "node" | "own" | "collector" | "others"

export interface Place {
  readonly owner: Owner
  /** System call, library, part of Node, folder of src/, or thread. */
  readonly name: string
}

export const WORKER_THREAD = "WorkerThread"

const SYSTEM_CALL = /^(?:__x64_sys_|__arm64_sys_|__se_sys_|__do_sys_|ksys_|__sys_|do_)(\w+)$/
const ENTRY = /^(?:entry_SYSCALL|do_syscall|x64_sys_call|el0|invoke_syscall|do_el0|syscall_)/
const INTERRUPT = /^(?:asm_|el0_irq|irq_)/
const COLLECTOR =
  /^v8::internal::(?:Heap::(?:Collect|Perform|Scavenge|Mark)|\w*(?:Scaveng|MarkCompact|Sweeper|MarkingVisitor))/

// Whose a C or C++ function of the program is, by its name. What no line knows takes its caller's.
const LIBRARIES: readonly (readonly [name: RegExp, library: string])[] = [
  [/^(?:node::|non-virtual thunk to node::)/, "Node's C++"],
  [/^v8::|^Builtins_/, "V8"],
  [/^uv_/, "libuv"],
  [
    /^(?:SSL_|ssl_|ssl3_|tls_|tls1|tls13|ossl_|OSSL_|EVP_|CRYPTO_|BIO_|bio_|OPENSSL_|aes|gcm_|sha|ec|bn_|BN_|EC_)/,
    "OpenSSL",
  ],
]

// The first that the module's name begins with counts.
const NODE_PARTS: readonly (readonly [prefix: string, part: string])[] = [
  ["internal/stream", "streams"],
  ["net", "net"],
  ["internal/net", "net"],
  ["internal/tls", "tls"],
  ["_tls", "tls"],
  ["internal/timers", "timers"],
  ["internal/process/task_queues", "ticks"],
  ["internal/buffer", "buffer"],
  ["internal/async", "async hooks"],
]

/** Finds whose the time of a sample is. What C++ and the kernel do for JavaScript is theirs, V8's small builtins are not. */
export function placeOf(sample: Sample): Place {
  const { thread, frames } = sample
  if (thread !== WORKER_THREAD) return { owner: "others", name: thread }
  if (isInKernel(sample)) return { owner: "kernel", name: systemCallOf(frames) }
  for (const frame of frames) {
    if (frame.source !== undefined) return placeOfScript(frame.source)
    if (frame.name.startsWith("Builtins_") && !frame.name.startsWith("Builtins_JSEntry")) continue
    break
  }
  if (frames.some(({ name }) => COLLECTOR.test(name))) return { owner: "collector", name: "collector" }
  return { owner: "native", name: libraryOf(frames) }
}

/** The system call that a stack of the kernel is in: the outermost of its functions but for the way in. */
export function systemCallOf(frames: readonly Frame[]): string {
  const end = frames.findIndex(({ file }) => file !== "")
  const kernel = end < 0 ? frames : frames.slice(0, end)
  for (const { name } of kernel.toReversed()) {
    if (INTERRUPT.test(name)) return "interrupts"
    const call = ENTRY.test(name) ? null : SYSTEM_CALL.exec(name)
    if (call !== null) return call[1]
  }
  return "way in and out"
}

function placeOfScript(source: string): Place {
  if (source.startsWith("node:")) {
    const module = source.slice("node:".length)
    const part = NODE_PARTS.find(([prefix]) => module.startsWith(prefix))?.[1]
    return { owner: "node", name: part ?? module.replace(/:\d+$/, "") }
  }
  const library = /\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(source)
  const folder = /\/(?:src|dist)\/([^/]+)\//.exec(source)
  return { owner: "own", name: library?.[1] ?? `${folder?.[1] ?? "?"}/` }
}

function libraryOf(frames: readonly Frame[]): string {
  for (const { name } of frames) {
    const known = LIBRARIES.find(([pattern]) => pattern.test(name))
    if (known !== undefined) return known[1]
  }
  return "other"
}
