/** Reads what V8 writes as a heap snapshot, as far as sizes by kind go. */

export interface HeapSnapshot {
  readonly snapshot: {
    readonly meta: {
      readonly node_fields: readonly string[]
      /** The first are the names of the types. */
      readonly node_types: readonly (readonly string[] | string)[]
    }
  }
  /** As many numbers for each node as it has fields. */
  readonly nodes: readonly number[]
  readonly strings: readonly string[]
}

/** What there is of one kind: objects by their class, everything else by V8's type. */
export interface Kind {
  readonly name: string
  readonly bytes: number
  readonly count: number
}

/** Adds up the sizes of objects themselves. "outside" marks what V8 only knows the size of: C++ objects, bytes of buffers. */
export function sumByKind({ snapshot, nodes, strings }: HeapSnapshot): Map<string, Kind> {
  const { node_fields: fields, node_types: types } = snapshot.meta
  const [type, name, size] = ["type", "name", "self_size"].map((field) => fields.indexOf(field))
  const kinds = new Map<string, { name: string; bytes: number; count: number }>()
  for (let at = 0; at < nodes.length; at += fields.length) {
    const kind = nameKind(types[0][nodes[at + type]], strings[nodes[at + name]])
    let sum = kinds.get(kind)
    if (sum === undefined) {
      sum = { name: kind, bytes: 0, count: 0 }
      kinds.set(kind, sum)
    }
    sum.bytes += nodes[at + size]
    sum.count++
  }
  return kinds
}

function nameKind(type: string, name: string): string {
  if (type === "object") return name
  return type === "native" ? `outside: ${name}` : `(${type})`
}

export function isOutside({ name }: Kind): boolean {
  return name.startsWith("outside: ")
}

/** What one of `units` that came between the snapshots holds, by kind, the largest first. */
export function growthPerUnit(before: Map<string, Kind>, after: Map<string, Kind>, units: number): Kind[] {
  return [...after.values()]
    .map(({ name, bytes, count }) => ({
      name,
      bytes: (bytes - (before.get(name)?.bytes ?? 0)) / units,
      count: (count - (before.get(name)?.count ?? 0)) / units,
    }))
    .toSorted((a, b) => b.bytes - a.bytes)
}
