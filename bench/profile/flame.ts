/** Stacks as the inspector's Profiler.Profile: a .cpuprofile, which Chrome's and Code's tools show as a flame graph. */
import type { Frame, Sample } from "./samples.ts"

interface Node {
  readonly id: number
  readonly callFrame: {
    readonly functionName: string
    readonly scriptId: string
    readonly url: string
    readonly lineNumber: number
    readonly columnNumber: number
  }
  readonly children: number[]
  hitCount: number
}

/** JSON for samples that were taken every `intervalMicros`, thread by thread. */
export function toCpuProfile(samples: readonly Sample[], intervalMicros: number): string {
  const nodes: Node[] = []
  const ids = new Map<string, Node>()
  const enter = (parent: Node | undefined, frame: Frame): Node => {
    const key = `${parent?.id} ${frame.name} ${frame.source}`
    let node = ids.get(key)
    if (node === undefined) {
      node = { id: nodes.length + 1, callFrame: callFrameOf(frame), children: [], hitCount: 0 }
      ids.set(key, node)
      nodes.push(node)
      parent?.children.push(node.id)
    }
    return node
  }
  const root = enter(undefined, { name: "(root)", file: "", source: undefined })
  const tops = samples
    .toSorted((a, b) => (a.thread < b.thread ? -1 : a.thread > b.thread ? 1 : 0))
    .map(({ thread, frames }) => {
      let node = enter(root, { name: thread, file: "", source: undefined })
      for (const frame of frames.toReversed()) node = enter(node, frame)
      node.hitCount++
      return node.id
    })
  const endTime = tops.length * intervalMicros
  return JSON.stringify({
    nodes,
    startTime: 0,
    endTime,
    samples: tops,
    timeDeltas: tops.map(() => intervalMicros),
  })
}

function callFrameOf({ name, file, source }: Frame): Node["callFrame"] {
  const colon = source?.lastIndexOf(":") ?? -1
  return {
    functionName: name,
    scriptId: "0",
    url: source?.slice(0, colon) ?? file,
    lineNumber: source === undefined ? -1 : Number(source.slice(colon + 1)) - 1,
    columnNumber: -1,
  }
}
