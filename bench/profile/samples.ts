/** Reads what `perf script` prints: one stack a sample, a blank line after each. */

/** One function on a stack. */
export interface Frame {
  readonly name: string
  /** Of the file that it was loaded from; "" for the kernel. */
  readonly file: string
  /** Where it is JavaScript: address of the source, with the line. */
  readonly source: string | undefined
}

/** Where one thread was at one moment; the innermost function comes first. */
export interface Sample {
  /** What the thread calls itself. */
  readonly thread: string
  readonly frames: readonly Frame[]
}

/** Whether the kernel was at work. */
export function isInKernel({ frames }: Sample): boolean {
  return frames.length > 0 && frames[0].file === ""
}

const KERNEL = "[kernel.kallsyms]"

/** Takes the text of `perf script -F comm,tid,ip,sym,dso` apart. */
export function readSamples(text: string): Sample[] {
  const frames = new Map<string, Frame>()
  const samples: Sample[] = []
  for (const block of text.split("\n\n")) {
    const [head, ...lines] = block.trimStart().split("\n")
    if (lines.length === 0) continue
    const stack: Frame[] = []
    for (const line of lines) {
      const text = line.trim()
      const rest = text.slice(text.indexOf(" ") + 1)
      if (text === "") continue
      let frame = frames.get(rest)
      if (frame === undefined) {
        frame = readFrame(rest)
        frames.set(rest, frame)
      }
      stack.push(frame)
    }
    samples.push({ thread: head.trim().replace(/ +\d+$/, ""), frames: stack })
  }
  return samples
}

/** Reads `symbol (file)`. */
function readFrame(text: string): Frame {
  const at = text.lastIndexOf(" (")
  const file = text.slice(at + 2, -1)
  const symbol = text.slice(0, at)
  // How V8 names code in the map for perf: "JS:", a mark for the compiler that made it, name, address:line:column.
  const script = /^JS:[*^~+']*(.*?) ?(\S+:\d+):\d+$/.exec(symbol)
  if (script !== null) return { name: script[1] || "(no name)", file, source: script[2] }
  return { name: symbol, file: file === KERNEL ? "" : file, source: undefined }
}
